"""The formulas against simulation, against higher precision, and at their ends."""

import mpmath
import numpy as np
import oracles
import pytest
from cases import STRICT

from mfcore.closed_forms import equiangular_rate, time_to_cosine

pytestmark = STRICT


def equiangular_tokens(cosine, n, d, rng):
    """n <= d unit rows with that common cosine, in random position."""
    gram = (1 - cosine) * np.eye(n) + cosine
    values, vectors = np.linalg.eigh(gram)
    rows = vectors * np.sqrt(np.maximum(values, 0))
    frame = np.linalg.qr(rng.standard_normal((d, d)))[0][:, :n]
    return rows @ frame.T


@pytest.mark.parametrize("normalization", ["softmax", "none"])
def test_the_rate_is_the_cosine_s_derivative(normalization):
    """d<x_i, x_j>/dt = <v_i, x_j> + <x_i, v_j>, the same for all pairs."""
    rng = np.random.default_rng(0)
    for _ in range(60):
        n = int(rng.integers(2, 8))
        d = int(rng.integers(n, 10))
        beta = 10 ** rng.uniform(-2, 1.3)
        cosine = rng.uniform(-1 / (n - 1), 1)
        x = equiangular_tokens(cosine, n, d, rng)
        v = oracles.velocity(x, beta, normalization)
        slopes = (v @ x.T + x @ v.T)[~np.eye(n, dtype=bool)]
        rate = equiangular_rate(cosine, n, beta, normalization)
        size = np.abs(v).max() + 1e-10 * np.exp(beta if normalization == "none" else 0)
        np.testing.assert_allclose(slopes, rate, rtol=1e-11, atol=1e-11 * size + 1e-15 * np.exp(beta) * beta)


def test_arrays_and_scalars():
    cosine = np.linspace(0, 0.9, 5)
    for normalization in ("softmax", "none"):
        rates = equiangular_rate(cosine, 4, 2.0, normalization)
        times = time_to_cosine(cosine, 0.0, 4, 2.0, normalization)
        assert rates.shape == times.shape == (5,)
        for c, rate, time in zip(cosine, rates, times, strict=True):
            assert type(equiangular_rate(c, 4, 2.0, normalization)) is float
            assert equiangular_rate(float(c), 4, 2.0, normalization) == rate
            assert time_to_cosine(float(c), 0.0, 4, 2.0, normalization) == time
        assert times[0] == 0.0 and (np.diff(times) > 0).all()


def test_late_rates():
    """1 - cosine dies at rate 2 (softmax) and 2 e^beta (none), whatever n is."""
    gap = 1e-7
    for n in (2, 5, 100):
        for beta in (0.3, 3.0):
            assert equiangular_rate(1 - gap, n, beta) / gap == pytest.approx(2.0, rel=1e-5)
            assert equiangular_rate(1 - gap, n, beta, "none") / gap == pytest.approx(2 * np.exp(beta), rel=1e-5)
            # ten times nearer takes log(10)/rate
            late = np.diff(time_to_cosine([1 - 1e-6, 1 - 1e-7], 0.0, n, beta))
            assert late == pytest.approx(np.log(10) / 2, rel=1e-5)
            late = np.diff(time_to_cosine([1 - 1e-6, 1 - 1e-7], 0.0, n, beta, "none"))
            assert late == pytest.approx(np.log(10) / (2 * np.exp(beta)), rel=1e-5)


def test_the_ends():
    for normalization in ("softmax", "none"):
        for n in (2, 3, 9):
            assert equiangular_rate(1.0, n, 2.0, normalization) == 0.0
            assert equiangular_rate(-1 / (n - 1), n, 2.0, normalization) == pytest.approx(0.0, abs=1e-15)
            assert equiangular_rate(0.0, n, 2.0, normalization) > 0
    # a token of a large cloud is pulled by the others only: no e^beta against n
    assert equiangular_rate(0.0, 10**9, 1.0) == pytest.approx(2e-9, rel=1e-8, abs=0)
    assert equiangular_rate(0.5, 3, 1e6) == 0.0  # e^{-5e5}: below the smallest number


@pytest.mark.compiled
@pytest.mark.parametrize("normalization", ["softmax", "none"])
@pytest.mark.parametrize("n, beta, start, target", [
    (8, 3.0, 0.0, 0.999), (2, 0.5, -0.99, 0.5), (5, 20.0, -0.2, 0.9), (100, 1.0, 0.3, 1 - 1e-9), (3, 300.0, 0.1, 0.9),
    (3, 1.0, -0.5 + 1e-9, 0.0), (4, 2.0, 0.7, 0.7 + 1e-9), (4, 2.0, 0.25, 0.25 + 2**-43),
])  # fmt: skip
def test_time_against_high_precision(n, beta, start, target, normalization):
    """The quadrature of 1/rate in its own variable, 30 digits, subdivided towards both ends."""
    with mpmath.workdps(30):
        n_, beta_, a, b = mpmath.mpf(n), mpmath.mpf(beta), mpmath.mpf(start), mpmath.mpf(target)

        def slowness(c):
            shape = 2 * mpmath.exp(beta_ * c) * (1 - c) * ((n_ - 1) * c + 1)
            mass = mpmath.exp(beta_) + (n_ - 1) * mpmath.exp(beta_ * c) if normalization == "softmax" else n_
            return mass / shape

        fractions = [mpmath.mpf(2) ** -k for k in range(40, 0, -1)]
        points = [a, *(a + (b - a) * f for f in fractions), *(b - (b - a) * f for f in fractions[-2::-1]), b]
        expected = float(mpmath.quad(slowness, points))
    assert time_to_cosine(target, start, n, beta, normalization) == pytest.approx(expected, rel=1e-10, abs=0)


def test_time_is_the_inverse_of_the_rate():
    for normalization in ("softmax", "none"):
        c, h = 0.37, 1e-5
        slope = np.diff(time_to_cosine([c - h, c + h], 0.0, 6, 2.5, normalization))[0] / (2 * h)
        assert slope == pytest.approx(1 / equiangular_rate(c, 6, 2.5, normalization), rel=1e-8)
