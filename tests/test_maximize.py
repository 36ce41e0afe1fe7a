"""The fixed-point ascent: where it stops, and what it says about it."""

import sys

import numpy as np
import oracles
import pytest
from cases import ALL_KINDS, STRICT, auxiliary, tokens

import mfcore as mf

pytestmark = STRICT


def residual(x, *arguments):
    """Largest |N(g) - x|, from the definition."""
    return np.linalg.norm(oracles.layer(x, np.inf, *arguments) - x, axis=1).max()


@pytest.mark.parametrize("kind", ALL_KINDS)
@pytest.mark.parametrize("normalization", ["softmax", "none"])
def test_it_ends_at_a_fixed_point_above_its_start(kind, normalization):
    rng = np.random.default_rng(1)
    x, aux = tokens(rng, 10, 4), auxiliary(kind, rng, 10, 4)
    model = mf.SelfAttention(1.5, normalization, aux)
    found = mf.maximize(model, x)
    assert found.converged is True and found.residual <= 1e-13 and 1 < found.iterations < 10_000
    assert residual(found.x, 1.5, normalization, aux) <= 1e-12
    assert np.abs(model.velocity(found.x)).max() <= 1e-11 * np.linalg.norm(
        oracles.pull(found.x, 1.5, normalization, aux)
    )
    assert found.log_energy == model.log_energy(found.x)
    assert found.energy == pytest.approx(np.exp(found.log_energy), rel=1e-14)
    # and is a local maximum along random geodesics
    for _ in range(20):
        u = mf.sphere.tangent(found.x, rng.standard_normal(x.shape))
        assert model.log_energy(mf.sphere.project(found.x + 1e-3 * u)) <= found.log_energy + 1e-14


@pytest.mark.parametrize("kind", ALL_KINDS)
def test_each_iteration_is_a_layer_and_climbs(kind):
    rng = np.random.default_rng(2)
    x, aux = tokens(rng, 8, 4), auxiliary(kind, rng, 8, 4)
    model = mf.SelfAttention(5.0, auxiliary=aux)
    y, last = x, -np.inf
    for k in range(1, 12):
        y = model.layer(y, np.inf)
        found = mf.maximize(model, x, max_iter=k)
        assert found.iterations == k
        np.testing.assert_allclose(found.x, y, rtol=0, atol=1e-13)
        assert found.log_energy >= last - 1e-13
        last = found.log_energy


@pytest.mark.parametrize("kind", ALL_KINDS)
def test_many_starts_give_the_bits_of_each_alone(kind):
    rng = np.random.default_rng(3)
    n, d = 9, 4
    starts = np.array([tokens(rng, n, d, spread) for spread in (np.inf, np.inf, 0.1, 1.0, np.inf)])
    for normalization, values in (("softmax", "features"), ("none", "features"), ("softmax", "tokens")):
        model = mf.SelfAttention(2.0, normalization, auxiliary(kind, rng, n, d), values)
        batch = mf.maximize(model, starts, max_iter=40)
        assert batch.x.shape == starts.shape and batch.residual.shape == (5,) and batch.converged.dtype == bool
        for k, start in enumerate(starts):
            alone = mf.maximize(model, start, max_iter=40)
            np.testing.assert_array_equal(alone.x, batch.x[k])
            assert alone.residual == batch.residual[k]
            assert alone.iterations == batch.iterations[k]
            assert alone.converged == batch.converged[k]
            if values == "features":
                assert alone.log_energy == batch.log_energy[k]
                assert alone.energy == batch.energy[k]
            else:
                assert batch.log_energy is None and alone.log_energy is None
    one = mf.maximize(mf.SelfAttention(2.0), starts[:1])
    assert one.x.shape == (1, n, d) and one.iterations.shape == (1,)


def test_iterations_and_converged():
    x = tokens(np.random.default_rng(4), 6, 3)
    model = mf.SelfAttention(1.0)
    once = mf.maximize(model, x, max_iter=1)
    assert once.iterations == 1 and once.converged is False and once.residual > 1e-13
    assert once.residual == pytest.approx(residual(once.x, 1.0), rel=1e-12)
    loose = mf.maximize(model, x, tol=once.residual)
    assert loose.iterations == 1 and loose.converged is True
    full = mf.maximize(model, x)
    again = mf.maximize(model, full.x)
    assert again.iterations == 0 and again.converged is True
    np.testing.assert_allclose(again.x, full.x, rtol=0, atol=3e-16)
    assert type(full.iterations) is int and type(full.residual) is float and type(full.log_energy) is float


def test_values_of_tokens_carry_no_energy():
    rng = np.random.default_rng(5)
    x, aux = tokens(rng, 6, 3, 0.3), auxiliary("additive", rng, 6, 3)
    found = mf.maximize(mf.SelfAttention(1.0, auxiliary=aux, values="tokens"), x)
    assert found.log_energy is None
    with pytest.raises(ValueError, match="no energy"):
        _ = found.energy
    # hemisphere starts collapse, and the residual says that nothing moves any more
    assert found.converged is True
    assert np.linalg.norm(found.x - found.x[0], axis=1).max() <= 1e-12


def test_a_resting_point_of_a_finite_step_does_not_pass():
    """x = -e with p = 3e: x + g = 2x + p = e, so steps that balance may rest there, N(g) does not."""
    e = np.array([[1.0, 0.0, 0.0]])
    model = mf.SelfAttention(1.0, auxiliary=mf.AdditivePE(3 * e))
    np.testing.assert_array_equal(model.velocity(-e), 0 * e)  # at rest in the flow: g = 2e is opposite to x
    np.testing.assert_array_equal(model.layer(-e, 0.25), -e)  # and for a small finite step
    found = mf.maximize(model, -e, max_iter=1)
    assert found.iterations == 1
    np.testing.assert_array_equal(found.x, e)
    stopped = mf.maximize(model, -e)
    assert stopped.converged is True and stopped.x[0, 0] == 1.0
    assert (oracles.pull(stopped.x, 1.0, auxiliary=model.auxiliary) * stopped.x).sum() > 0


@pytest.mark.parametrize("beta", [0.3, 1.0, 4.0])
@pytest.mark.parametrize("normalization", ["softmax", "none"])
def test_plain_attention_collapses_from_a_hemisphere(beta, normalization):
    rng = np.random.default_rng(6)
    x = tokens(rng, 16, 3)
    x[:, 0] = np.abs(x[:, 0]) + 0.05
    x /= np.linalg.norm(x, axis=1, keepdims=True)
    found = mf.maximize(mf.SelfAttention(beta, normalization), x)
    assert found.converged
    assert mf.sphere.distance(found.x, found.x[0]).max() <= 1e-12
    assert found.energy == pytest.approx(np.exp(beta) / (2 * beta), rel=1e-13)


def test_rotary_reaches_the_same_energy_as_an_orbit():
    rng = np.random.default_rng(7)
    aux = mf.RotaryPE(np.arange(6.0), [0.3, 1.1])
    start = np.array([oracles.rotation(aux, i).T @ row for i, row in enumerate(tokens(rng, 6, 4, 0.5))])
    found = mf.maximize(mf.SelfAttention(2.0, auxiliary=aux), start)
    assert found.converged and found.energy == pytest.approx(np.exp(2.0) / 4.0, rel=1e-13)
    z = np.array([oracles.rotation(aux, i) @ row for i, row in enumerate(found.x)])
    assert np.abs(z - z[0]).max() <= 1e-12
    assert mf.sphere.distance(found.x, found.x[0]).max() > 0.1


def test_large_energies():
    x = tokens(np.random.default_rng(8), 5, 3, 0.01)
    found = mf.maximize(mf.SelfAttention(1e4), x)
    assert np.isfinite(found.log_energy)
    with pytest.raises(OverflowError, match="use log_energy"):
        _ = found.energy
    aux = mf.AdditivePE(np.ones((5, 3)), 1e200)
    with pytest.raises(OverflowError, match="even log_energy"):
        mf.maximize(mf.SelfAttention(1.0, auxiliary=aux), x)


def test_a_fall_of_the_energy_is_not_converged(monkeypatch):
    """The certificate: were an iteration to lower the energy, a small residual alone would not do."""
    x = tokens(np.random.default_rng(9), 5, 3, 0.1)
    model = mf.SelfAttention(1.0, method="harmonic")  # not compiled as a whole
    assert mf.maximize(model, x, tol=1e-10).converged
    honest, calls = model._log_energy, []

    def falling(_, *known):
        calls.append(1)
        return honest(*known) - 1e-3 * len(calls)

    monkeypatch.setattr(mf.SelfAttention, "_log_energy", falling)
    found = mf.maximize(model, x, tol=1e-10)
    assert found.residual <= 1e-10 and found.converged is False


def test_the_compiled_ascent_has_the_certificate_too(monkeypatch):
    """Asked for an energy that rises by more than it does, no start has converged."""
    x = tokens(np.random.default_rng(9), 5, 3, 0.1)
    assert mf.maximize(mf.SelfAttention(1.0), x).converged
    monkeypatch.setattr(sys.modules["mfcore.maximize"], "ROUNDING", -1e-3)
    found = mf.maximize(mf.SelfAttention(1.0), x)
    assert found.residual <= 1e-13 and found.converged is False
