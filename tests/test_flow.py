"""The flow: orders of accuracy, report times, energies, and what its error estimate is worth."""

import sys

import numpy as np
import oracles
import pytest
from cases import ALL_KINDS, STRICT, auxiliary, sizes, tokens
from scipy.integrate import quad, solve_ivp
from scipy.optimize import brentq

import mfcore as mf
from mfcore import _kernels

pytestmark = STRICT


flow = sys.modules["mfcore.flow"]


def one_step(model, x, h, implicit, inside=()):
    """A single step of size h, whatever its error: the tokens at its end, and before at the given parts of it."""
    field = model._field(x)
    state = flow._start(x, field)
    state.real[_kernels.H] = h
    state.whole[_kernels.LAST] = 1
    times = h * np.append(inside, 1.0)
    states = np.empty((len(times), *x.shape))
    if implicit:  # Newton's method to rounding, and no error estimate
        blind = flow.SDIRK, np.zeros(5)
        status = _kernels.implicit(state, field, times, 1e-13, 1e-15, blind, 9, states)
    else:
        status = _kernels.integrate(state, field, times, 1e10, 1e10, flow.EXPLICIT, 9, 0, states)
    assert status == _kernels.DONE and state.whole[_kernels.STEPS] == 1
    return states


def slope(h, error):
    return np.polyfit(np.log(h), np.log(error), 1)[0]


@pytest.mark.parametrize("implicit, counts", [(False, [6, 8, 12, 16]), (True, [24, 32, 48, 64])])
@pytest.mark.parametrize("kind", ["none", "additive"])
@pytest.mark.parametrize("normalization", ["softmax", "none"])
def test_order_of_accuracy(kind, normalization, implicit, counts):
    """Orders 8 and 4 at the steps; between them the explicit method's interpolant leaves an error h^8 in one step."""
    rng = np.random.default_rng(2)
    x, aux = tokens(rng, 6, 3), auxiliary(kind, rng, 6, 3, 0.3)
    model = mf.SelfAttention(1.0, normalization, aux)
    end = 3.0 if normalization == "softmax" else 1.0
    counts = np.array(counts) if normalization == "softmax" else np.array(counts) * 2 // 3
    order = 4 if implicit else 8
    exact = mf.flow(model, x, [end], rtol=1e-13, atol=1e-15).x[0]
    errors = []
    for count in counts:
        y = x
        for _ in range(count):
            y = one_step(model, y, end / count, implicit)[-1]
        errors.append(np.abs(y - exact).max())
    assert 1e-14 < min(errors) and max(errors) < 1e-4
    assert slope(end / counts, errors) == pytest.approx(order, abs=0.7)
    if implicit:
        return
    between, sizes = [], np.array([0.5, 0.4, 0.3, 0.2]) * (1.0 if normalization == "softmax" else 0.3)
    for h in sizes:
        got = one_step(model, x, h, False, [0.37, 0.8])[:2]
        want = mf.flow(model, x, [0.37 * h, 0.8 * h], rtol=1e-13, atol=1e-15).x
        between.append(np.abs(got - want).max())
    assert slope(sizes, between) == pytest.approx(8.0, abs=1.0)


@pytest.mark.compiled
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
    assert run.method == "DOP853, 8 tokens in 1 clusters" and run.steps > 0 and run.error > 0
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
@pytest.mark.parametrize("kind", ALL_KINDS)
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


@pytest.mark.parametrize("kind", ALL_KINDS)
@pytest.mark.parametrize("normalization", ["softmax", "none"])
@pytest.mark.parametrize("beta", [0.5, pytest.param(1.5, marks=pytest.mark.compiled)])
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


@pytest.mark.compiled
@pytest.mark.parametrize("beta", [100.0, 300.0, 650.0])
def test_velocities_near_the_end_of_the_floating_range(beta):
    """The clock of the unnormalized flow runs e^beta times faster; nothing else changes."""
    x = tokens(np.random.default_rng(3), 5, 3, 0.02)
    run = mf.flow(mf.SelfAttention(beta, "none"), x, [1.0 * np.exp(-beta), 100.0 * np.exp(-beta), 1.0])
    assert run.log_energy[0] < run.log_energy[1] == run.log_energy[2] and run.method.endswith("5 tokens in 1 clusters")
    assert np.abs(run.x[2] - run.x[2, 0]).max() < 1e-11


def test_too_many_steps_end_with_a_sentence(monkeypatch):
    monkeypatch.setattr(flow, "MOST_STEPS", 20)
    monkeypatch.setattr(flow, "MOST_IMPLICIT", 0)
    rng = np.random.default_rng(0)
    model = mf.SelfAttention(1.0, auxiliary=mf.AdditivePE(rng.standard_normal((8, 3)), 1e6))
    with pytest.raises(RuntimeError, match="20 steps have led to time .* of 1 only: the flow is stiff"):
        mf.flow(model, tokens(rng, 8, 3), [1.0])


def test_the_docstring_names_the_limits():
    assert f"{flow.MOST_STEPS:,} steps" in mf.flow.__doc__
    assert f"{flow.MOST_IMPLICIT:,} coordinates" in mf.flow.__doc__


def lifetime(stop, start, beta, extra=0.0):
    """Time in which two equal clusters close from one angle to another (theory: one integral)."""

    def slowness(angle):
        return (1 + np.exp(beta * (1 - np.cos(angle)) + extra)) / (2 * np.sin(angle))

    return quad(slowness, stop, start, epsabs=0, epsrel=1e-12, limit=1000, points=[start - 0.1 / beta])[0]


def arrival(model, x, stop, about):
    """Time at which the first and the last token are at the angle `stop`."""

    def excess(log_time):
        y = mf.flow(model, x, [np.exp(log_time)]).x[0]
        return mf.sphere.distance(y[0], y[-1]) - stop

    return np.exp(brentq(excess, np.log(about) - 0.1, np.log(about) + 0.1, xtol=1e-10))


@pytest.mark.compiled
@pytest.mark.parametrize("beta, sizes", [(5.0, (1, 1)), (12.0, (3, 3)), (40.0, (20, 20)), (100.0, (2, 2))])
def test_metastable_clusters_live_as_long_as_the_integral_says(beta, sizes):
    """Up to times of e^100, from clusters that are not yet points at the start."""
    start, stop = np.pi / 2, np.pi / 2 - 0.3
    rng = np.random.default_rng(0)
    angle = np.concatenate([np.zeros(sizes[0]), np.full(sizes[1], start)])
    for spread, rtol in ((0.0, 1e-7), (1e-3, 0.02)):
        noise = rng.standard_normal(len(angle)) * spread
        for group in (slice(None, sizes[0]), slice(sizes[0], None)):  # which leave the angle as it is
            noise[group] -= noise[group].mean()
        x = np.column_stack([np.cos(angle + noise), np.sin(angle + noise)])
        expected = lifetime(stop, start, beta)
        assert arrival(mf.SelfAttention(beta), x, stop, expected) == pytest.approx(expected, rel=rtol)


@pytest.mark.compiled
def test_reports_within_a_long_first_step():
    """Equal tokens in a slow drift: reports inside the first step are those asked for alone."""
    angle = np.repeat([0, 2.5387760166475286], 3)
    x = np.column_stack([np.cos(angle), np.sin(angle)])
    model, times = mf.SelfAttention(10.287871402660011), np.linspace(0, 30142039.142219353, 301)[1:]
    run = mf.flow(model, x, times)
    for k in (0, 10, 150):
        alone = mf.flow(model, x, times[k : k + 1])
        np.testing.assert_allclose(run.x[k], alone.x[0], rtol=0, atol=1e-9)
    begin = mf.sphere.distance(run.x[0, 0], run.x[0, -1])
    spent = lifetime(begin, angle[-1], 10.287871402660011)
    assert spent == pytest.approx(times[0], rel=1e-6)


@pytest.mark.compiled
def test_staircase_at_beta_2000():
    """Five tokens merge one after the other; the energy rests between, and each plateau counts the clusters."""
    beta = 2000.0
    angle = 0.5 * np.array([0, 0.5, 2, 4, 7]) * np.log(beta) / np.sqrt(beta)
    x = np.column_stack([np.cos(angle), np.sin(angle)])
    run = mf.flow(mf.SelfAttention(beta), x, np.logspace(-2, 80, 500))
    energy = 25 * np.exp(run.log_energy - run.log_energy[-1])
    # Clusters of sizes m have energy sum m^2: 2+1+1+1, 3+1+1, 3+2 and 5 tokens.
    values, reports = np.unique(energy.round(2), return_counts=True)
    assert values[reports >= 20].tolist() == [7.0, 11.0, 13.0, 25.0]
    assert (np.diff(energy) >= -1e-10).all()
    assert run.method.endswith("5 tokens in 1 clusters") and run.error < 1e-6


@pytest.mark.compiled
@pytest.mark.parametrize("scale, end", [(0.5, 1e6), (1.5, 1e15), (1e3, 10.0)])
def test_stiff_flows_reach_their_rest(scale, end):
    """Positions keep tokens apart: nothing merges, and an explicit method would take time times rate steps."""
    rng = np.random.default_rng(0)
    model = mf.SelfAttention(2.0, auxiliary=mf.AdditivePE(tokens(rng, 24, 3), scale))
    run = mf.flow(model, tokens(rng, 24, 3), [end / 2, end])
    assert "SDIRK4" in run.method and run.steps < 1000
    assert np.abs(model.velocity(run.x[1])).max() < 1e-12 * scale
    found = mf.maximize(model, run.x[1])
    assert np.abs(found.x - run.x[1]).max() < 1e-10


@pytest.mark.parametrize("times", [[1e5], [50.0, 60.0, 60.1, 1e3, 1e5]])
def test_a_few_tokens_through_both_methods(times):
    """Explicit, implicit and explicit again, whatever the report times."""
    p = np.array([[1.0, 0.0], [0.0, 1.0], [0.0, 1.0]])
    model = mf.SelfAttention(1.0, auxiliary=mf.AdditivePE(p, 2.0))
    x = np.array([[0.6, 0.8], [0.8, 0.6], [0.8, -0.6]])
    run = mf.flow(model, x, times, rtol=1e-6, atol=1e-8)
    assert "SDIRK4" in run.method and "3 tokens in 2 clusters" in run.method
    np.testing.assert_allclose(run.x[-1], mf.maximize(model, run.x[-1]).x, rtol=0, atol=1e-7)


def implicit_from(h, times, most_steps=1000, beta=1.0, normalization="softmax", second=(0.8, 0.6)):
    """The implicit method from three tokens on a circle, with a first step of size h: its status and its state."""
    x = np.array([[0.6, 0.8], second, [0.8, -0.6]])
    field = mf.SelfAttention(beta, normalization)._field(x)
    state = flow._start(x, field)
    state.real[_kernels.H] = h
    states, times = np.empty((len(times), 3, 2)), np.array(times)
    return _kernels.implicit(state, field, times, 1e-6, 1e-8, flow.IMPLICIT, most_steps, states), state


def test_how_the_implicit_method_ends():
    """It cuts a first step that is far too long, and hands back a flow that is not stiff, or says what is wrong."""
    status, state = implicit_from(1e4, [1e5])
    assert status == _kernels.RUNNING and 0 < state.real[_kernels.H] < 10 and state.whole[_kernels.IMPLICIT] >= 4
    status, state = implicit_from(1e-2, [2e-2])
    assert status == _kernels.DONE and state.whole[_kernels.REPORTED] == 1
    assert implicit_from(1e-2, [1e5], most_steps=1)[0] == _kernels.TOO_MANY
    assert implicit_from(1e-2, [1.0], beta=2000.0, normalization="none")[0] == _kernels.OVERFLOW
    status, state = implicit_from(1e-2, [2e-2], second=(0.6, 0.8))
    assert status == _kernels.DONE and state.whole[_kernels.SIZE] == 2


def placement_oracle(model, x0, t, placement, change=np.inf):
    """Angles and radii by scipy's Radau on theta' = P g / s and r' as the placement has it, straight from the table."""
    n, d = x0.shape

    def field(time, state):
        theta, r = state[: n * d].reshape(n, d), state[n * d :][:, None]
        theta = theta / np.linalg.norm(theta, axis=1, keepdims=True)
        g = oracles.pull(theta, model.beta, model.normalization, model.auxiliary)
        length, radial = np.linalg.norm(g, axis=1, keepdims=True), (theta * g).sum(axis=1, keepdims=True)
        one, zero = np.ones((n, 1)), np.zeros((n, 1))
        s, growth = {
            "post": (one, zero), "pre": (r, radial), "peri": (r * length, radial / length), "ngpt": (length, zero),
            "depth": (np.sqrt(time + 1) * one, zero), "mix": (one, zero) if time < change else (r, radial),
        }[placement]  # fmt: skip
        return np.concatenate([((g - theta * radial) / s).ravel(), growth.ravel()])

    begin = np.concatenate([x0.ravel(), np.ones(n)])
    pieces = [t[t <= change], t[t > change]]
    out, start = [], 0.0
    for piece in pieces:
        if len(piece):
            end = change if piece is pieces[0] and len(pieces[1]) else piece[-1]
            done = solve_ivp(field, (start, end), begin, "DOP853", t_eval=np.append(piece[piece < end], end), rtol=1e-11,
                             atol=1e-12)  # fmt: skip
            begin, start = done.y[:, -1], end
            states = done.y.T[: len(piece), : n * d].reshape(-1, n, d)
            out.append(states / np.linalg.norm(states, axis=2, keepdims=True))
    return np.concatenate(out)


@pytest.mark.parametrize("placement", ["post", "pre", "peri", "ngpt", "depth"])
@pytest.mark.parametrize("kind, normalization", sizes([("additive", "none")], ("none", "softmax"), ("rotary", "softmax")))
def test_where_layers_normalize(placement, kind, normalization):
    rng = np.random.default_rng(11)
    x, aux = tokens(rng, 6, 4), auxiliary(kind, rng, 6, 4, 0.5)
    model = mf.SelfAttention(1.1, normalization, aux)
    t = np.array([0.0, 0.3, 2.0])
    run = mf.flow(model, x, t, layer_norm=placement)
    np.testing.assert_allclose(run.x, placement_oracle(model, x, t, placement), rtol=0, atol=1e-8)
    np.testing.assert_allclose(np.linalg.norm(run.x, axis=2), 1.0, rtol=1e-14)
    assert (np.diff(run.log_energy) > 0).all()


@pytest.mark.parametrize("given, t, change", [
    (("mix", 0.5), [0.2, 0.5, 2.0], 0.5), (("mix", 0.5), [0.2, 1.0], 0.5), (("mix", 0.0), [0.0, 1.0], 0.0),
    (("mix", 9.0), [0.2, 1.0], 9.0), ("mix", [0.2, 2.0], 0.5),
])  # fmt: skip
def test_a_mix_is_post_until_its_time_and_pre_from_then_on(given, t, change):
    x = tokens(np.random.default_rng(12), 5, 3)
    model, t = mf.SelfAttention(1.1), np.array(t)
    run = mf.flow(model, x, t, layer_norm=given)
    name = "mix" if 0 < change < t[-1] else "post" if change else "pre"
    np.testing.assert_allclose(run.x, placement_oracle(model, x, t, name, change or np.inf), rtol=0, atol=1e-8)
    many = mf.flow([model, model], x, t, layer_norm=given)
    assert all((member.x == run.x).all() and member.error == run.error for member in many)


@pytest.mark.compiled
def test_placements_on_many_tokens():
    """With threads and with harmonic sums the same flows, up to the tolerance."""
    x = tokens(np.random.default_rng(13), 900, 3)
    for placement in ("pre", "peri", "ngpt"):
        runs = [mf.flow(mf.SelfAttention(1.0, method=method), x, [1.0], rtol=1e-8, layer_norm=placement)
                for method in ("direct", "auto")]  # fmt: skip
        assert runs[0].method == "DOP853" and "harmonic" in runs[1].method
        np.testing.assert_allclose(runs[0].x, runs[1].x, rtol=0, atol=1e-7)


@pytest.mark.parametrize("given, message", [
    ("Post", "layer_norm must be one of"), (("mix", -1.0), "the time in layer_norm must be"),
    (("post", 1.0), "layer_norm must be one of"), (None, "layer_norm must be one of"),
])  # fmt: skip
def test_bad_placements(given, message):
    with pytest.raises(ValueError, match=message):
        mf.flow(mf.SelfAttention(1.0), np.eye(2), [1.0], layer_norm=given)


def test_tokens_of_one_rotary_position_merge():
    """Rotations in queries and keys alone are no change of coordinates: only equal positions stay equal."""
    x = np.array([[0.6, 0.8], [0.6, 0.8], [0.8, 0.6], [0.8, 0.6]])
    model = mf.SelfAttention(1.0, auxiliary=mf.RotaryPE([0.0, 0.0, 1.0, 2.0], [1.0]), values="tokens")
    run = mf.flow(model, x, [0.5])
    assert run.method == "DOP853, 4 tokens in 3 clusters"
    np.testing.assert_array_equal(run.x[0, 0], run.x[0, 1])
    other = mf.flow(model, x, [0.1, 0.5])
    np.testing.assert_allclose(other.x[1], run.x[0], rtol=0, atol=1e-9)


@pytest.mark.parametrize("kind, values", [("none", "features"), ("additive", "features"), ("concat", "features"),
                                          ("rotary", "features"), ("affine", "features"), ("factors", "features"),
                                          ("rotary", "tokens"), ("additive", "tokens"), ("affine", "tokens")])  # fmt: skip
@pytest.mark.parametrize("normalization", ["softmax", "none"])
@pytest.mark.parametrize("sources", sizes(["mask and prompt", "own prompts"], ("tokens alone",), ("mask",), ("prompt",)))
def test_the_jacobian_of_the_implicit_method(kind, values, normalization, sources):
    rng = np.random.default_rng(4)
    n, d = 5, 4
    x, aux = tokens(rng, n, d), auxiliary(kind, rng, n, d, 0.7)
    e = d + 2 if kind == "concat" else d
    mask = mf.masks.decay(0.3) if "mask" in sources else None
    vectors = rng.standard_normal((n, e))
    prompt = mf.Prompt(vectors[: n if "own" in sources else 2], 0.4, "own" not in sources) if "prompt" in sources else None
    model = mf.SelfAttention(1.3, normalization, aux, values, mask, prompt)
    of_tokens = model._field(x)
    log_mass = model._evaluate(x[None], of_tokens, 1e-10)[1][0]
    got = np.empty((n * d, n * d))
    _kernels.jacobian(x, of_tokens, np.zeros(n), n, log_mass, got)

    def field(y):
        return model.velocity(mf.sphere.project(y.reshape(n, d))).ravel()

    steps = 1e-5 * np.eye(n * d)
    expected = np.array([(field(x.ravel() + s) - field(x.ravel() - s)) / 2e-5 for s in steps]).T
    np.testing.assert_allclose(got, expected, rtol=0, atol=1e-8 * np.abs(expected).max())


@pytest.mark.compiled
def test_merged_tokens_move_as_all_of_them_would():
    """Equal tokens are one token of larger weight: the same path, to rounding, as of a system that never merges."""
    rng = np.random.default_rng(6)
    few = tokens(rng, 4, 3)
    p = tokens(rng, 4, 3)
    copies = np.repeat(np.arange(4), [5, 1, 2, 7])
    for aux in (None, mf.AdditivePE(p[copies], 0.7), mf.ConcatPE(p[copies], 0.5)):
        for normalization in ("softmax", "none"):
            model = mf.SelfAttention(1.5, normalization, aux)
            run = mf.flow(model, few[copies], [0.3, 0.6])
            assert run.method == "DOP853, 15 tokens in 4 clusters"

            def field(_, y, model=model):
                return model.velocity(mf.sphere.project(y.reshape(15, 3))).ravel()

            reference = solve_ivp(field, (0, 0.6), few[copies].ravel(), "DOP853", t_eval=[0.3, 0.6], rtol=1e-12, atol=1e-13)
            np.testing.assert_allclose(run.x.reshape(2, -1), reference.y.T, rtol=0, atol=1e-9)


def test_tokens_of_different_positions_never_merge():
    model = mf.SelfAttention(1.0, auxiliary=mf.ConcatPE([[0.0], [0.0], [1.0]]))
    run = mf.flow(model, tokens(np.random.default_rng(0), 3, 3, 0.3), [100.0])
    assert "3 tokens in 2 clusters" in run.method
    assert np.abs(run.x[0] - run.x[0, 0]).max() < 1e-9  # they meet all the same


@pytest.mark.compiled
def test_ensembles_have_the_bits_of_each_alone():
    rng = np.random.default_rng(7)
    starts = tokens(rng, 60, 3).reshape(6, 10, 3)
    models = [mf.SelfAttention(beta) for beta in (0.5, 1.0, 2.0, 4.0, 8.0, 16.0)]
    times = [0.0, 1.0, 30.0]
    for model, x in ((models, starts), (models, starts[0]), (models[0], starts), (tuple(models[:1]), starts[0])):
        runs = mf.flow(model, x, times)
        assert isinstance(runs, list)
        for k, run in enumerate(runs):
            alone = mf.flow(
                model if isinstance(model, mf.SelfAttention) else model[k], x if x.ndim == 2 else x[k], times
            )
            np.testing.assert_array_equal(run.x, alone.x)
            np.testing.assert_array_equal(run.log_energy, alone.log_energy)
            assert (run.method, run.steps, run.error) == (alone.method, alone.steps, alone.error)


@pytest.mark.parametrize("kind", ALL_KINDS)
@pytest.mark.parametrize("n", [7, pytest.param(900, marks=pytest.mark.compiled)])
def test_layers_are_layer_after_layer(kind, n):
    rng = np.random.default_rng(9)
    x, aux = tokens(rng, n, 2), auxiliary(kind, rng, n, 2, 0.5)
    for normalization in ("softmax", "none"):
        model = mf.SelfAttention(2.0, normalization, aux)
        for step in (0.3, np.inf, np.linspace(0, 1, n)):
            states = model.layers(x, step, 3)
            assert states.shape == (4, n, 2)
            np.testing.assert_array_equal(states[0], model.layer(x, 0.0))
            for before, after in zip(states, states[1:], strict=False):
                np.testing.assert_array_equal(model.layer(before, step), after)
