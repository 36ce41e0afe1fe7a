"""Densities on the circle against many tokens, linear theory, and each other; and what they refuse."""

import numpy as np
import pytest
from cases import STRICT
from scipy.integrate import quad
from scipy.special import ive

import mfcore as mf
from mfcore import closed_forms as cf
from mfcore.meanfield import ResolutionError, circle_equilibrium, circle_flow, quantiles

pytestmark = STRICT

A = 2 * np.pi * np.arange(64) / 64
BUMPS = 1 + 0.3 * np.cos(A) + 0.2 * np.sin(2 * A)


def order(density):
    return np.abs(np.fft.rfft(density)[1]) / len(density) / density.mean()


@pytest.mark.parametrize("normalization", ["softmax", "none"])
@pytest.mark.parametrize("values", ["features", "tokens"])
def test_the_limit_of_many_tokens(normalization, values):
    """From quantiles, a smooth quadrature: the distance to the density's quantiles is their spacing."""
    model = mf.SelfAttention(2.0, normalization, values=values)
    t = np.array([0.0, 0.3, 0.6])
    run = circle_flow(model, BUMPS, t, 64)
    tokens = mf.flow(model, quantiles(BUMPS, 1000), t)
    for x, density, log_energy in zip(tokens.x, run.density, run.log_energy, strict=True):
        assert mf.measures.wasserstein2(x, quantiles(density, 8000)) < 4e-3
        assert log_energy == pytest.approx(mf.SelfAttention(2.0).log_energy(x), abs=1e-4)
    assert (run.tail < 1e-8).all() and np.abs(run.density.mean(axis=1) - 1).max() < 1e-13
    np.testing.assert_allclose(run.density[0][::4], BUMPS, atol=1e-13)


@pytest.mark.parametrize("normalization", ["softmax", "none"])
@pytest.mark.parametrize("noise", [0.0, 0.05])
def test_small_waves_grow_at_the_rates_of_the_linear_theory(normalization, noise):
    for k in (1, 2, 5):
        run = circle_flow(mf.SelfAttention(3.0, normalization), 1 + 1e-4 * np.cos(k * A), [0.0, 0.5], 64, noise=noise)
        size = [np.abs(np.fft.rfft(row)[k]) for row in run.density]
        rate = cf.mode_growth_rate(k, 3.0, normalization) - noise * k**2
        assert np.log(size[1] / size[0]) / 0.5 == pytest.approx(rate, abs=2e-4 * max(1, abs(rate)))


def test_diffusion_alone():
    """Weak attention and large noise: the heat equation."""
    run = circle_flow(mf.SelfAttention(1e-3), BUMPS, [0.02], 40, noise=5.0)
    got = np.fft.rfft(run.density[0])[:3] / len(run.density[0])
    np.testing.assert_allclose(got[1:], [0.15 * np.exp(-0.1), -0.1j * np.exp(-0.4)], rtol=0.02)


@pytest.mark.parametrize("beta, normalization", [(0.5, "softmax"), (0.5, "none"), (3.0, "softmax"), (3.0, "none")])
def test_equilibria_are_at_rest_and_consistent(beta, normalization):
    model = mf.SelfAttention(beta, normalization)
    for r in (0.05, 0.5, 0.8):
        noise, density = circle_equilibrium(model, r, 64)
        angle = 2 * np.pi * np.arange(len(density)) / len(density)
        assert (density * np.cos(angle)).mean() == pytest.approx(r, abs=1e-12)
        assert density.mean() == pytest.approx(1.0, abs=1e-13)
        # the equation, on its grid and by direct sums
        mass = np.exp(beta * np.cos(angle[:, None] - angle)) @ density / len(density)
        right = np.exp(mass / (beta * noise)) if normalization == "none" else mass ** (1 / (beta * noise))
        np.testing.assert_allclose(density, right / right.mean(), rtol=1e-9)
        later = circle_flow(model, density, [0.01 * noise], 64, noise=noise)
        np.testing.assert_allclose(later.density[0], density, atol=1e-8)


@pytest.mark.parametrize("normalization", ["softmax", "none"])
def test_where_equilibria_leave_the_uniform_law(normalization):
    for beta in (0.3, 2.0, 6.0):
        noise, _ = circle_equilibrium(mf.SelfAttention(beta, normalization), 1e-4, 64)
        assert noise == pytest.approx(cf.mode_growth_rate(1, beta, normalization), rel=1e-6)
        if normalization == "none":
            assert 1 / (2 * noise) == pytest.approx(cf.noise_critical_coupling(beta, 2), rel=1e-6)


def test_the_branch_turns_at_the_critical_temperature():
    critical = cf.noise_critical_beta(2)
    for beta in (0.97 * critical, 1.03 * critical):
        model = mf.SelfAttention(beta, "none")
        bend = circle_equilibrium(model, 0.05, 64)[0] - circle_equilibrium(model, 1e-4, 64)[0]
        assert np.sign(bend) == np.sign(beta - critical)


def test_the_flow_goes_to_the_stable_equilibrium():
    model = mf.SelfAttention(2.0, "none")
    noise, _ = circle_equilibrium(model, 0.6, 64)
    run = circle_flow(model, BUMPS, [0.0, 400.0], 64, noise=noise)
    assert order(run.density[1]) == pytest.approx(0.6, abs=1e-6)


def test_quantiles():
    assert quantiles([2.0, 2.0, 2.0], 4) == pytest.approx(
        np.array([[1, 1], [-1, 1], [-1, -1], [1, -1]]) / np.sqrt(2), abs=1e-12
    )
    x = quantiles(BUMPS, 101)
    angle = np.arctan2(x[:, 1], x[:, 0]) % (2 * np.pi)
    assert (np.diff(angle) > 0).all()
    share = [quad(lambda a: 1 + 0.3 * np.cos(a) + 0.2 * np.sin(2 * a), 0, a)[0] / (2 * np.pi) for a in angle]
    np.testing.assert_allclose(share, (np.arange(101) + 0.5) / 101, atol=1e-5)


def test_a_density_that_gets_too_narrow_says_when():
    model = mf.SelfAttention(2.0)
    with pytest.raises(ResolutionError, match=r"from time [\d.]+ on the density is too narrow for 40 modes") as fault:
        circle_flow(model, BUMPS, [1.0, 50.0], 40)
    until = float(str(fault.value).split()[2])
    coarse, fine = (circle_flow(model, BUMPS, [0.99 * until], modes) for modes in (40, 160))
    np.testing.assert_allclose(coarse.density[0], fine.density[0][::4], atol=1e-6)
    with pytest.raises(ResolutionError, match="too narrow for 20 modes"):
        circle_equilibrium(mf.SelfAttention(1.0), 0.99, 20)


def test_kernels_of_any_temperature():
    for beta in (1e-3, 1.0, 200.0):
        need = next(k for k in range(1000) if ive(k, beta) < 1e-12 * ive(0, beta))
        modes = max(need, 5)
        circle_flow(mf.SelfAttention(beta), BUMPS, [1e-3], modes)
        if need > 5:
            with pytest.raises(ValueError, match=f"modes must be at least {need}, for the kernel at beta"):
                circle_flow(mf.SelfAttention(beta), BUMPS, [1e-3], need - 1)


SOFT = mf.SelfAttention(1.0)
BAD = {
    "no model": (lambda: circle_flow(1.0, BUMPS, [1.0], 40), TypeError, "model must be a SelfAttention"),
    "positions": (
        lambda: circle_flow(mf.SelfAttention(1.0, auxiliary=mf.AdditivePE(np.eye(2))), BUMPS, [1.0], 40),
        ValueError, "no auxiliary variable, mask or prompt",
    ),
    "a mask": (
        lambda: circle_equilibrium(mf.SelfAttention(1.0, mask=mf.masks.causal()), 0.5, 40), ValueError, "no auxiliary",
    ),
    "negative density": (lambda: circle_flow(SOFT, -BUMPS, [1.0], 40), ValueError, "density0 must be at least 0"),
    "no density": (lambda: circle_flow(SOFT, 0 * BUMPS, [1.0], 40), ValueError, "not 0 everywhere"),
    "a rough density": (lambda: circle_flow(SOFT, np.arange(64.0), [1.0], 20), ValueError, "not resolved by 20 modes"),
    "unsorted times": (lambda: circle_flow(SOFT, BUMPS, [1.0, 0.5], 40), ValueError, "t must increase"),
    "negative noise": (lambda: circle_flow(SOFT, BUMPS, [1.0], 40, noise=-1.0), ValueError, "noise must be a finite"),
    "few modes": (lambda: circle_flow(SOFT, BUMPS, [1.0], 3), ValueError, "modes must be at least 4, got 3"),
    "half a mode": (lambda: circle_flow(SOFT, BUMPS, [1.0], 40.5), TypeError, "modes must be an integer"),
    "large beta": (
        lambda: circle_flow(mf.SelfAttention(601.0, "none"), BUMPS, [1.0], 400), OverflowError, "softmax",
    ),
    "order 1": (lambda: circle_equilibrium(SOFT, 1.0, 40), ValueError, "order must be a finite number in"),
    "order 0": (lambda: circle_equilibrium(SOFT, 0.0, 40), ValueError, "order must be a finite number in"),
    "quantiles of nothing": (lambda: quantiles(0 * BUMPS, 5), ValueError, "density must be at least 0"),
    "negative quantiles": (lambda: quantiles(np.cos(A), 5), ValueError, "density must be at least 0"),
    "no quantiles": (lambda: quantiles(BUMPS, 0), ValueError, "n must be at least 1, got 0"),
}  # fmt: skip


@pytest.mark.parametrize("name", BAD)
def test_what_they_refuse(name):
    call, error, message = BAD[name]
    with pytest.raises(error, match=message):
        call()


def test_log_energies_beyond_the_range_of_energies():
    run = circle_flow(mf.SelfAttention(800.0), BUMPS, [0.0], 400)
    expected = mf.SelfAttention(800.0).log_energy(quantiles(BUMPS, 4000))
    assert run.log_energy[0] == pytest.approx(expected, abs=1e-3)
