"""The flow: orders of accuracy, report times, energies, and what its error estimate is worth."""

import sys

import numpy as np
import oracles
import pytest
from cases import KINDS, STRICT, auxiliary, tokens
from scipy.integrate import DOP853, solve_ivp
from scipy.optimize import brentq

import mfcore as mf

pytestmark = STRICT


def fixed_steps(monkeypatch, h):
    """Make `flow` take steps of size h only."""

    class Fixed(DOP853):
        def __init__(self, field, t0, y0, bound, rtol, atol):
            super().__init__(field, t0, y0, bound, first_step=h, max_step=h, rtol=1e10, atol=1e10)

    monkeypatch.setattr(sys.modules["mfcore.flow"], "DOP853", Fixed)


def slope(h, error):
    return np.polyfit(np.log(h), np.log(error), 1)[0]


@pytest.mark.parametrize("kind", ["none", "additive"])
@pytest.mark.parametrize("normalization", ["softmax", "none"])
def test_order_of_accuracy(kind, normalization, monkeypatch):
    """Order 8 at the steps; between them the interpolant of order 7 leaves an error h^8 in one step only."""
    rng = np.random.default_rng(2)
    x, aux = tokens(rng, 6, 3), auxiliary(kind, rng, 6, 3, 0.3)
    model = mf.SelfAttention(1.0, normalization, aux)
    end = 3.0 if normalization == "softmax" else 1.0
    exact = mf.flow(model, x, [end], rtol=1e-13, atol=1e-15).x[0]
    steps = end / np.array([6, 8, 12, 16] if normalization == "softmax" else [4, 5, 6, 8])
    at_steps, between = [], []
    for h in steps:
        inside = end - 0.37 * h  # the same place in the interpolant for every h
        reference = mf.flow(model, x, [inside], rtol=1e-13, atol=1e-15).x[0]
        with monkeypatch.context() as patch:
            fixed_steps(patch, h)
            run = mf.flow(model, x, [inside, end])
        assert run.steps - round(end / h) in (0, 1)  # a last one of 1e-16 where the sum of the steps rounds down
        between.append(np.abs(run.x[0] - reference).max())
        at_steps.append(np.abs(run.x[1] - exact).max())
    assert 1e-14 < min(at_steps) and max(at_steps) < 1e-5
    assert slope(steps, at_steps) == pytest.approx(8.0, abs=0.7)
    assert slope(steps, between) == pytest.approx(8.0, abs=1.0)


def test_tolerance_rules_the_error():
    """An adaptive method of order 8 with local error control: the error follows the tolerance."""
    rng = np.random.default_rng(3)
    x = tokens(rng, 8, 3)
    model = mf.SelfAttention(3.0)
    exact = mf.flow(model, x, [3.0], rtol=1e-13, atol=1e-15).x[0]
    tolerances = 10.0 ** -np.arange(4, 12)
    runs = [mf.flow(model, x, [3.0], rtol=tol, atol=tol / 100) for tol in tolerances]
    errors = [np.abs(run.x[0] - exact).max() for run in runs]
    assert slope(tolerances, errors) == pytest.approx(1.0, abs=0.25)
    assert (np.array(errors) < 10 * tolerances).all()
    assert (np.diff([run.steps for run in runs]) >= 0).all()


def test_reports():
    x = mf.sphere.sample(8, 4, np.random.default_rng(0))
    model = mf.SelfAttention(2.0)
    times = np.array([0.0, 1e-6, 0.3, 0.30001, 5.0, 40.0])
    run = mf.flow(model, x, times)
    np.testing.assert_array_equal(run.t, times)
    assert run.x.shape == (6, 8, 4) and run.log_energy.shape == (6,)
    assert (np.abs(np.linalg.norm(run.x, axis=2) - 1) <= 1e-14).all()
    np.testing.assert_allclose(run.x[0], x, rtol=0, atol=3e-16)
    # not bit for bit: on entry the rows are divided by their norms, 1 to rounding
    np.testing.assert_allclose(run.log_energy, [model.log_energy(y) for y in run.x], rtol=0, atol=1e-14)
    np.testing.assert_allclose(run.energy, np.exp(run.log_energy), rtol=1e-15)
    assert run.method == "DOP853" and run.steps > 0 and run.error > 0
    # each time alone gives the same state as among others, up to the tolerance
    for k in (1, 2, 4):
        single = mf.flow(model, x, times[k : k + 1])
        assert single.x.shape == (1, 8, 4)
        np.testing.assert_allclose(single.x[0], run.x[k], rtol=0, atol=1e-9)
    start = mf.flow(model, x, [0.0])
    assert (start.steps, start.error) == (0, 0.0)
    np.testing.assert_array_equal(start.x[0], run.x[0])
    # two tokens at 1e-6: x + t v to second order
    np.testing.assert_allclose(run.x[1], run.x[0] + 1e-6 * model.velocity(x), rtol=0, atol=1e-11)


@pytest.mark.parametrize("values", ["features", "tokens"])
@pytest.mark.parametrize("normalization", ["softmax", "none"])
@pytest.mark.parametrize("kind", KINDS)
def test_against_an_independent_integrator(kind, normalization, values):
    """Radau, implicit and of order 5, on the oracle's field in the surrounding space."""
    rng = np.random.default_rng(8)
    n, d = 4, 4
    x, aux = tokens(rng, n, d), auxiliary(kind, rng, n, d, 0.3)
    arguments = (1.0, normalization, aux, values)
    times = [0.4, 1.0]
    run = mf.flow(mf.SelfAttention(*arguments), x, times)

    def field(_, y):
        return oracles.velocity(y.reshape(n, d), *arguments).ravel()

    reference = solve_ivp(field, (0, 1.0), x.ravel(), "Radau", t_eval=times, rtol=1e-8, atol=1e-10)
    np.testing.assert_allclose(run.x.reshape(2, -1), reference.y.T, rtol=0, atol=1e-6)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("normalization", ["softmax", "none"])
@pytest.mark.parametrize("beta", [0.5, 1.5])
def test_energy_never_falls(kind, normalization, beta):
    rng = np.random.default_rng(5)
    x, aux = tokens(rng, 8, 4), auxiliary(kind, rng, 8, 4, 0.5)
    run = mf.flow(
        mf.SelfAttention(beta, normalization, aux), x, np.linspace(0, 4 if normalization == "softmax" else 0.2, 60)
    )
    assert (np.diff(run.log_energy) >= -1e-13 * np.maximum(1, np.abs(run.log_energy[1:]))).all()
    assert run.log_energy[-1] > run.log_energy[0]


def equiangular(cosine, n):
    """n tokens with that common cosine: the symmetric root of their Gram matrix."""
    values, vectors = np.linalg.eigh((1 - cosine) * np.eye(n) + cosine)
    return vectors @ np.diag(np.sqrt(values)) @ vectors.T


@pytest.mark.parametrize("n, beta, normalization", [(8, 3.0, "softmax"), (4, 1.0, "softmax"), (5, 0.5, "none")])
def test_the_equiangular_solution_and_the_estimate_of_the_error(n, beta, normalization):
    """From the axes the tokens stay the symmetric root of an equiangular Gram matrix: the solution is known."""
    times = np.array([0.2, 0.5, 1.0, 1.5])

    def cosine_at(t):
        def ahead(c):
            return mf.closed_forms.time_to_cosine(c, 0.0, n, beta, normalization) - t

        return brentq(ahead, 1e-9, 1 - 1e-9, xtol=1e-15, rtol=1e-14)

    exact = np.array([equiangular(cosine_at(t), n) for t in times])
    model = mf.SelfAttention(beta, normalization)
    for tol in (1e-4, 1e-7, 1e-10):
        run = mf.flow(model, np.eye(n), times, rtol=tol, atol=tol)
        actual = np.abs(run.x - exact).max()
        assert actual <= run.error + 1e-13
        assert run.error <= 100 * tol * run.steps
    assert np.abs(mf.flow(model, np.eye(n), times).x - exact).max() <= 5e-11


def test_a_layer_of_small_step_is_the_flow_to_first_order():
    rng = np.random.default_rng(4)
    x, aux = tokens(rng, 10, 3), auxiliary("additive", rng, 10, 3)
    model = mf.SelfAttention(2.0, auxiliary=aux)
    steps = 1.0 / np.array([50, 100, 200, 400])
    exact = mf.flow(model, x, [1.0]).x[0]
    errors = []
    for h in steps:
        y = x
        for _ in range(round(1 / h)):
            y = model.layer(y, h)
        errors.append(np.abs(y - exact).max())
    assert slope(steps, errors) == pytest.approx(1.0, abs=0.05)


def test_equal_tokens_stay_equal_and_alone_stays():
    x = np.repeat(tokens(np.random.default_rng(0), 1, 3), 4, axis=0)
    run = mf.flow(mf.SelfAttention(2.0), x, [0.0, 10.0])
    np.testing.assert_array_equal(run.x[1], run.x[0])
    assert run.error == 0.0


def test_without_an_energy():
    x = tokens(np.random.default_rng(0), 5, 3)
    run = mf.flow(mf.SelfAttention(2.0, values="tokens"), x, [0.0, 1.0])
    assert run.log_energy is None
    with pytest.raises(ValueError, match="has no energy"):
        _ = run.energy


def test_results_are_frozen():
    run = mf.flow(mf.SelfAttention(2.0), np.eye(2), [0.0])
    with pytest.raises(AttributeError):
        run.steps = 3


def test_an_energy_beyond_the_floating_range():
    run = mf.flow(mf.SelfAttention(1000.0), tokens(np.random.default_rng(0), 5, 3), [0.0, 1.0])
    assert np.isfinite(run.log_energy).all()
    with pytest.raises(OverflowError, match="use log_energy"):
        _ = run.energy


def test_a_velocity_beyond_the_floating_range():
    x = tokens(np.random.default_rng(0), 5, 3)
    for beta in (2000.0, 1e20):
        with pytest.raises(OverflowError, match="velocity.*softmax"):
            mf.flow(mf.SelfAttention(beta, "none"), x, [1.0])


def test_a_field_too_fast_to_follow(monkeypatch):
    """A step size below the spacing of floats is an error, not a wrong state."""
    model = mf.SelfAttention(1.0)
    smooth, calls = model._velocity, []

    def rough(x, drift, log_mass):
        calls.append(1)
        noise = 1e8 * (-1) ** len(calls) if len(calls) > 40 else 1.0
        return smooth(x, noise * drift, log_mass)

    monkeypatch.setattr(mf.SelfAttention, "_velocity", lambda _, *arguments: rough(*arguments))
    with pytest.raises(RuntimeError, match="the integration stopped at time .*step size"):
        mf.flow(model, tokens(np.random.default_rng(0), 5, 3), [1.0])


def test_a_stiff_flow_ends_with_a_sentence(monkeypatch):
    monkeypatch.setattr(sys.modules["mfcore.flow"], "MOST_STEPS", 20)
    rng = np.random.default_rng(0)
    model = mf.SelfAttention(1.0, auxiliary=mf.AdditivePE(rng.standard_normal((8, 3)), 1e6))
    with pytest.raises(RuntimeError, match="the flow is stiff: 20 steps have led to time"):
        mf.flow(model, tokens(rng, 8, 3), [1.0])


def test_the_docstring_names_the_limit():
    assert f"{sys.modules['mfcore.flow'].MOST_STEPS:,} steps" in mf.flow.__doc__
