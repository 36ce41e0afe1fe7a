"""The formulas against simulation, against higher precision, and at their ends."""

import mpmath
import numpy as np
import oracles
import pytest
from cases import STRICT

import mfcore as mf
from mfcore import closed_forms as cf
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


def test_the_order_parameter_is_the_length_of_the_mean_token():
    rng = np.random.default_rng(5)
    z0 = oracles_unit(rng, 1, 6)[0]
    rotary = mf.RotaryPE(rng.standard_normal(40), rng.uniform(0, 2, 3))
    orbit = np.array([oracles.rotation(rotary, i).T @ z0 for i in range(40)])
    norms = np.linalg.norm(z0.reshape(3, 2), axis=1)
    got = cf.rotary_order_parameter(norms, rotary.positions, rotary.frequencies)
    assert got == pytest.approx(np.linalg.norm(orbit.mean(axis=0)), rel=1e-13)
    # the Dirichlet kernel
    n, w = 17, 0.83
    dirichlet = abs(np.sin(n * w / 2) / (n * np.sin(w / 2)))
    assert cf.rotary_order_parameter([1.0], np.arange(n), [w]) == pytest.approx(dirichlet, rel=1e-13)
    assert cf.rotary_order_parameter([0.6, 0.8], np.arange(5), [0.0, 0.0]) == pytest.approx(1.0)


def oracles_unit(rng, n, d):
    x = rng.standard_normal((n, d))
    return x / np.linalg.norm(x, axis=1, keepdims=True)


@pytest.mark.compiled
@pytest.mark.parametrize("balanced", [False, True])
@pytest.mark.parametrize("normalization", ["softmax", "none"])
def test_the_cubic_spread(balanced, normalization):
    """Twice as near to the ascent's limit with each halving of the scale."""
    rng = np.random.default_rng(6)
    p = rng.standard_normal((30, 3)) * [1.0, 0.6, 0.3]
    p -= p.mean(axis=0) if balanced else 0.0
    errors = []
    for scale in (0.04, 0.02):
        model = mf.SelfAttention(1.5, normalization, mf.AdditivePE(p, scale))
        axis = np.linalg.svd(p)[2][0] if balanced else p.mean(axis=0)
        x = mf.maximize(model, np.tile(mf.sphere.project(axis[None]), (30, 1)), tol=1e-15, max_iter=100_000).x
        expected = cf.cubic_spread(p, 1.5, scale)
        errors.append(np.abs(x - x.mean(axis=0) - expected).max() / np.abs(expected).max())
    assert errors[0] < 0.2 and errors[1] < 0.6 * errors[0]
    with pytest.raises(ValueError, match="p has mean 0 and no single direction"):
        cf.cubic_spread(np.vstack([np.eye(3), -np.eye(3)]), 1.0, 0.1)


def test_two_points():
    """Digits of the book's table, the equation itself at 40 digits, and both ends of the range of beta."""
    for beta, a in ((0.5, 0.552421), (1, 0.341639), (2, 0.193501), (5, 0.083314)):
        assert cf.two_point_threshold(beta) == pytest.approx(a, abs=5e-7)
    with mpmath.workdps(40):
        for beta in (1e-6, 0.01, 1.0, 30.0, 1e4):
            b = mpmath.mpf(beta)
            gap = lambda a, b=b: (
                mpmath.sinh(2 * b * a) - mpmath.exp(-2 * b * a**2) + mpmath.exp(-2 * b * (1 + a + a**2))
            )
            got = cf.two_point_threshold(beta)
            assert gap(mpmath.mpf(got) * (1 - 1e-13)) < 0 < gap(mpmath.mpf(got) * (1 + 1e-13))
    assert cf.two_point_threshold(1e6) == pytest.approx(np.arcsinh(1) / 2e6, rel=1e-5)


@pytest.mark.parametrize("beta", [0.01, 0.5, 1.0, 5.0, 20.0])
def test_stability_of_two_points(beta):
    """The largest eigenvalue of the energy's Hessian in the two angles changes its sign at the limits."""

    def energy(a, angles):
        z = [(mpmath.cos(t) + s * a, mpmath.sin(t)) for t, s in zip(angles, (1, -1))]
        return sum(mpmath.exp(beta * mpmath.fdot(u, v)) for u in z for v in z)

    def largest(a, angles):
        h = mpmath.mpf(10) ** -15
        at = lambda i, j: energy(a, (angles[0] + i * h, angles[1] + j * h))
        first, second = at(1, 0) + at(-1, 0) - 2 * at(0, 0), at(0, 1) + at(0, -1) - 2 * at(0, 0)
        mixed = (at(1, 1) + at(-1, -1) - at(1, -1) - at(-1, 1)) / 4
        return (first + second) / 2 + mpmath.sqrt((first - second) ** 2 / 4 + mixed**2)

    separated_from, collapsed_until = cf.two_point_stability(beta)
    with mpmath.workdps(80):
        for a, angles, sign in ((separated_from, (0, mpmath.pi), 1), (collapsed_until, (0, 0), -1)):
            a = mpmath.mpf(a)
            assert sign * largest(a * (1 - mpmath.mpf(10) ** -6), angles) > 0
            assert sign * largest(a * (1 + mpmath.mpf(10) ** -6), angles) < 0
    if beta in (1.0, 5.0):
        assert collapsed_until == pytest.approx({1.0: 1.238418, 5.0: 1.062434}[beta], abs=5e-7)


def test_stability_of_two_points_at_the_ends_of_beta():
    for beta in (40.0, 80.0, 300.0, 1e3, 1e6):
        separated_from, collapsed_until = cf.two_point_stability(beta)
        assert separated_from == pytest.approx(2 * np.exp(-2 * beta), rel=1e-9)
        assert 1 < collapsed_until < 1 + 1 / beta
    separated_from, collapsed_until = cf.two_point_stability(1e-6)
    assert collapsed_until < separated_from


def test_circle_modes():
    """Against the linearized flow of many tokens, and the thresholds of the book's table."""
    n, beta, a = 64, 1.3, 0.6
    angle = 2 * np.pi * np.arange(n) / n
    circle = lambda t: np.column_stack([np.cos(t), np.sin(t)])
    aux = mf.AdditivePE(circle(angle), a)
    for k in (0, 1, 2, 3, 5):
        h = 1e-6
        moved = [oracles.velocity(circle(angle + s * np.cos(k * angle)), beta, "none", aux) for s in (h, -h)]
        along = [(v * circle(angle + s * np.cos(k * angle) + np.pi / 2)).sum(axis=1) for v, s in zip(moved, (h, -h))]
        rate = ((along[0] - along[1]) / (2 * h) * np.cos(k * angle)).sum() / (np.cos(k * angle) ** 2).sum()
        assert cf.circle_mode_growth(k, beta, a) == pytest.approx(rate, abs=1e-7)
    np.testing.assert_array_equal(cf.circle_mode_growth([1, 2], beta, a), [cf.circle_mode_growth(k, beta, a) for k in (1, 2)])
    with pytest.raises(ValueError, match="k must hold integers"):
        cf.circle_mode_growth(0.5, 1.0, 1.0)
    with pytest.raises(OverflowError):
        cf.circle_mode_growth(1, 1e3, 1.0)
    table = {0.5: 0.889122, 1: 0.750443, 2: 0.736307, 3: 0.745859, 5: 0.734047, 10: 0.738475}
    for beta, a in table.items():
        assert cf.circle_stability_threshold(beta) == pytest.approx(a, abs=5e-7)
        rates = cf.circle_mode_growth(np.arange(1, 40), beta, cf.circle_stability_threshold(beta))
        assert abs(rates.max()) < 1e-9 * np.exp(beta * 4)
    assert cf.circle_stability_threshold(1e6) == pytest.approx(2 / np.e, abs=1e-3)
    assert cf.circle_stability_threshold(1e-6) > 50


def test_small_formulas():
    assert cf.large_scale_displacement(2.0, 4.0, 1.0) == 0.25
    np.testing.assert_array_equal(cf.large_scale_displacement([[1.0, -2.0]], 1.0, 1.0), [[0.5, -1.0]])
    for n in (1, 2, 10, 1000, 10**9):
        kappa = cf.universality_bound(n)
        assert kappa * np.exp(kappa + 1) == pytest.approx(n - 1, rel=1e-13, abs=1e-300)
    for beta, r in ((0.5, 0.7), (3.0, 1.0), (5.0, 0.01), (500.0, 2.0)):
        exact = mpmath.sinh(beta) / (2 * mpmath.sinh(beta * r))
        assert cf.prompt_threshold(beta, r) == pytest.approx(float(exact), rel=1e-13)
    assert cf.prompt_threshold(7.0) == pytest.approx(0.5, rel=1e-15)
    with pytest.raises(OverflowError):
        cf.prompt_threshold(1000.0, 0.1)


def harmonic_oracle(degree, beta, d, normalization):
    """40 digits of the formula."""
    with mpmath.workdps(40):
        b, nu = mpmath.mpf(beta), mpmath.mpf(d) / 2 - 1
        value = lambda l: mpmath.gamma(nu + 1) * (2 / b) ** nu * mpmath.besseli(l + nu, b)
        rate = degree * (degree + d - 2) / b * value(degree)
        return rate / value(0) if normalization == "softmax" else rate


@pytest.mark.parametrize("normalization", ["none", "softmax"])
def test_rates_of_harmonics(normalization):
    for degree, beta, d in ((0, 1.0, 5), (1, 2.0, 3), (5, 300.0, 1000), (3, 0.5, 2000), (40, 30.0, 2), (2, 1e-3, 3)):
        expected = harmonic_oracle(degree, beta, d, normalization)
        assert cf.harmonic_growth_rate(degree, beta, d, normalization) == pytest.approx(float(expected), rel=1e-11, abs=0)
    assert cf.harmonic_growth_rate(2, 1e5, 3, "softmax") == pytest.approx(
        float(harmonic_oracle(2, 1e5, 3, "softmax")), rel=1e-11
    )
    with pytest.raises(OverflowError, match="softmax"):
        cf.harmonic_growth_rate(2, 1e5, 3)
    got = cf.mode_growth_rate([0, 1, 2], 2.0, normalization)
    np.testing.assert_array_equal(got, [cf.mode_growth_rate(k, 2.0, normalization) for k in range(3)])
    if normalization == "none":
        np.testing.assert_allclose(got, cf.circle_mode_growth([0, 1, 2], 2.0, 0.0), rtol=1e-13)


def test_the_rates_are_those_of_the_velocity():
    """A small wave of 200 tokens on the circle, and of the even law on the sphere by a product rule."""
    n, k, beta = 200, 3, 4.0
    angle = 2 * np.pi * np.arange(n) / n
    circle = lambda t: np.column_stack([np.cos(t), np.sin(t)])
    for normalization in ("softmax", "none"):
        x = circle(angle + 1e-6 * np.cos(k * angle))
        along = (oracles.velocity(x, beta, normalization) * circle(angle + np.pi / 2)).sum(axis=1)
        rate = (along @ np.cos(k * angle)) / (1e-6 * n / 2)
        # the rate of a displacement cos(k t) is that of its density
        assert rate == pytest.approx(cf.mode_growth_rate(k, beta, normalization), rel=1e-4)
    # Funk-Hecke: the mean of e^(beta t) P_l(t) over the sphere S^2
    nodes, weights = np.polynomial.legendre.leggauss(60)
    for degree in (1, 2, 6):
        eigenvalue = (weights * np.exp(beta * nodes)) @ np.polynomial.legendre.Legendre.basis(degree)(nodes) / 2
        assert cf.harmonic_growth_rate(degree, beta, 3) == pytest.approx(degree * (degree + 1) / beta * eigenvalue, rel=1e-11)


@pytest.mark.compiled
def test_modes():
    assert [cf.fastest_mode(beta) for beta in (5, 10, 20, 50, 100, 200)] == [3, 4, 6, 10, 14, 20]
    assert cf.fastest_mode(1e-3) == 1 and cf.fastest_mode(1e6) == pytest.approx(np.sqrt(2e6), abs=1)
    for beta in (1e-5, 0.3, 4.0, 50.0):
        k = mpmath.mpf(0), *map(mpmath.mpf, range(1, 200))
        with mpmath.workdps(30):
            squares = [mpmath.besseli(int(j), beta) ** 2 for j in k]
            expected = mpmath.sqrt(sum(j**4 * s for j, s in zip(k, squares)) / sum(j**2 * s for j, s in zip(k, squares)))
        assert cf.expected_modes(beta) == pytest.approx(float(expected), rel=1e-13)
    assert cf.expected_modes(1e7) == pytest.approx(np.sqrt(1.5e7), rel=1e-6)
    rng = np.random.default_rng(0)
    counts = [mf.clusters.count_modes(mf.sphere.sample(1000, 2, rng), 10.0) for _ in range(200)]
    assert np.mean(counts) == pytest.approx(cf.expected_modes(10.0), abs=4 * np.std(counts) / np.sqrt(200))


@pytest.mark.compiled
def test_the_lifetime_of_two_clusters():
    for kappa, expected in ((0.0, 5.470837), (1.0, 34.648060), (2.0, 250.240192)):
        assert cf.two_cluster_lifetime(2.0, 0.5, 2.0, kappa, 0.0) == pytest.approx(expected, abs=5e-7)
    for beta, ratio in ((10, 1.0261), (40, 1.0013), (160, 1.0001)):
        asymptotic = np.exp(beta) / (2 * beta)
        assert cf.two_cluster_lifetime(np.pi / 2, 0.05, beta) / asymptotic == pytest.approx(ratio, abs=5e-5)
    for start, stop, beta, kappa, cosine in (
        (3.1, 1e-6, 0.5, 0.0, 1.0), (3.1415, 3.0, 100.0, 0.0, 1.0), (1.0, 0.999, 500.0, 0.3, -1.0), (0.5, 0.5, 1.0, 0.0, 1.0),
        (1e-3, 1e-9, 1e6, 0.0, 0.0), (2.0, 0.1, 1e-6, 2.0, 0.5),
    ):  # fmt: skip
        with mpmath.workdps(30):
            extra = mpmath.mpf(beta) * kappa * (1 - cosine)
            slowness = lambda f: (1 + mpmath.exp(beta * (1 - mpmath.cos(f)) + extra)) / (2 * mpmath.sin(f))
            a, b = mpmath.mpf(stop), mpmath.mpf(start)
            points = [a + (b - a) * (1 - mpmath.mpf(2) ** -j) for j in range(40)] + [b]
            points = sorted({*points, *(a + (b - a) * mpmath.mpf(2) ** -j for j in range(40))})
            expected = float(mpmath.quad(slowness, points)) if b > a else 0.0
        assert cf.two_cluster_lifetime(start, stop, beta, kappa, cosine) == pytest.approx(expected, rel=1e-10, abs=0)
    with pytest.raises(OverflowError, match="it grows like"):
        cf.two_cluster_lifetime(3.0, 0.1, 1e3)


def test_the_times_of_caps():
    """What the statement says, for draws in two and three caps; the escape is far later than the bound."""
    rng = np.random.default_rng(1)
    beta, eps = 30.0, 0.01
    for groups in (2, 3):
        n = 4 * groups
        centres = np.eye(3)[:groups]
        offset = rng.standard_normal((groups, 4, 3))
        offset -= (offset * centres[:, None]).sum(axis=2, keepdims=True) * centres[:, None]
        offset *= np.sqrt(2 * eps) * 0.9 / np.abs(offset).max()
        x = mf.sphere.project((centres[:, None] + offset).reshape(n, 3))
        own = np.repeat(centres, 4, axis=0)
        assert ((x * own).sum(axis=1) >= 1 - eps).all()
        alpha = np.cos(np.pi / 2 - 2 * np.arccos(1 - 2 * eps))
        collapsed, kept = cf.cap_times(n, beta, eps, alpha)
        assert collapsed < kept
        run = mf.flow(mf.SelfAttention(beta), x, [collapsed, kept])
        angle = np.arccos(1 - 8 * eps)
        tau = n * angle / (2 * np.sin(angle)) * np.exp(8 * eps * beta)
        delta = 2 * n * np.exp(-(1 - alpha) * beta) * tau / angle
        for y in run.x:
            assert ((y * own).sum(axis=1) >= 1 - 2 * eps).all()
            spread = mf.sphere.distance(y, np.repeat(y[::4], 4, axis=0))
            assert spread.max() <= 4 * angle * delta
    with pytest.raises(OverflowError):
        cf.cap_times(10, 1e5, 0.01, 0.0)


def test_noise_and_long_context():
    assert [cf.noise_critical_beta(d) for d in (2, 3, 4)] == pytest.approx([2.446918, 1.816155, 1.575257], abs=5e-7)
    for d in (2, 3, 10, 10**4):
        beta = cf.noise_critical_beta(d)
        with mpmath.workdps(30):
            half = mpmath.mpf(d) / 2
            assert mpmath.besseli(half + 1, beta) / mpmath.besseli(half, beta) * d == pytest.approx(1.0, abs=1e-10)
            exact = (mpmath.mpf(beta) / 2) ** half / mpmath.gamma(half) / mpmath.besseli(half, beta)
        assert cf.noise_critical_coupling(beta, d) == pytest.approx(float(exact), rel=1e-10)
        assert 2 * cf.noise_critical_coupling(beta, d) * cf.harmonic_growth_rate(1, beta, d) == pytest.approx(d - 1)
    rng = np.random.default_rng(2)
    for cosine, n, beta in ((0.3, 6, 2.0), (-0.1, 6, 5.0), (0.9, 8, 50.0), (0.0, 5, 1e-3)):
        x = equiangular_tokens(cosine, n, 9, rng)
        y = mf.SelfAttention(beta).layer(x, np.inf)
        assert cf.long_context_cosine(cosine, n, beta) == pytest.approx((y @ y.T)[0, 1], abs=1e-13)
    many = cf.long_context_cosine(0.5, 10**9, [1.0, 1e3])
    assert many == pytest.approx([1.0, 0.5], abs=1e-6)
    assert cf.long_context_cosine(1.0, 5, 3.0) == 1.0


def test_rollouts():
    A = np.array([[1, 0, 0], [1 / 2, 1 / 2, 0], [1 / 3, 1 / 3, 1 / 3]])
    np.testing.assert_array_equal(cf.causal_rollout(3, 0), np.eye(3))
    np.testing.assert_allclose(cf.causal_rollout(3, 3), A @ A @ A, rtol=1e-15)
    with mpmath.workdps(60):  # the alternating sum of the integral's powers
        for i, j, layers in ((1, 1, 5), (7, 3, 4), (30, 2, 9), (30, 15, 40), (30, 30, 2)):
            powers = ((-1) ** k * mpmath.binomial(i - j, k) * mpmath.mpf(j + k) ** -layers for k in range(i - j + 1))
            exact = mpmath.binomial(i - 1, j - 1) * mpmath.fsum(powers)
            assert cf.causal_rollout(30, layers)[i - 1, j - 1] == pytest.approx(float(exact), rel=1e-13)
    assert cf.causal_rollout(50, 10**9)[:, 0] == pytest.approx(1.0, abs=1e-12)

    # A token far from the start, by the matrix; and the law of a sum, which has mass 1 and mean L/(e^m - 1).
    n, decay = 200, 0.5
    rows = np.exp(np.array([[mf.masks.decay(decay)(i, j) for j in range(n)] for i in range(n)]))
    rows /= rows.sum(axis=1, keepdims=True)
    for layers in (1, 2, 7):
        mass = np.linalg.matrix_power(rows, layers)[-1, ::-1]
        assert cf.decay_rollout(np.arange(60), layers, decay) == pytest.approx(mass[:60], rel=1e-10)
    for layers, decay in ((1, 1e-3), (50, 0.1), (10**6, 5.0)):
        k = np.arange(20 * int(layers / np.expm1(decay) + 1000))
        mass = cf.decay_rollout(k, layers, decay)
        assert mass.sum() == pytest.approx(1.0, rel=1e-9)
        assert (k * mass).sum() == pytest.approx(layers / np.expm1(decay), rel=1e-8)
    assert type(cf.decay_rollout(3, 2, 1.0)) is float and cf.decay_rollout(0, 1, 1e3) == 1.0
    assert cf.head_freedom(128, 12, 64) == 90112 and cf.head_freedom(5, 1, 3) == 0


def test_retrieval():
    """The sum by its series in high precision; the published minima and critical times; their meaning."""
    with mpmath.workdps(40):
        for s0, t, beta, decay, width, terms in ((0.3, 1.0, 1.0, 1.0, 8.0, 20), (0.01, 2.0, 2.0, 0.3, 5.0, 8)):
            total = mpmath.mpf(0)
            for n in range(1, terms + 1):
                at = n**2 * mpmath.besseli(n, beta) * t
                y = mpmath.log(mpmath.expm1(decay) / mpmath.expm1(mpmath.mpf(decay) * s0))
                weight = mpmath.exp(-((mpmath.pi * n / width) ** 2) / 2)
                total += weight * mpmath.sqrt(at / y) * mpmath.besseli(1, 2 * mpmath.sqrt(at * y))
            total *= decay * mpmath.exp(mpmath.mpf(decay) * s0) / mpmath.expm1(decay)
            found = cf.retrieval_profile(s0, t, beta, decay, width=width, terms=terms)
            assert type(found) is float and found == pytest.approx(float(total), rel=1e-12)
    s0 = np.linspace(1e-4, 1.0, 20001)
    for t, lowest in ((0.25, 0.0625), (0.5, 0.1251), (1.0, 0.2593), (1.5, 0.4183), (2.0, 0.6329)):
        profile = cf.retrieval_profile(s0, t, 1.0)
        assert s0[profile.argmin()] == pytest.approx(lowest, abs=1.1e-4)
        assert (np.diff(np.sign(np.diff(profile))) != 0).sum() == 1  # one interior minimum
    assert cf.retrieval_critical_time(1.0) == pytest.approx(2.457489, abs=5e-7)
    assert cf.retrieval_critical_time(2.0) == pytest.approx(0.600716, abs=5e-7)
    for beta, decay, width, terms in ((1.0, 1.0, 8.0, 20), (0.2, 3.0, 4.0, 10)):
        critical = cf.retrieval_critical_time(beta, decay, width, terms)
        for t, sign in ((0.999, 1), (1.001, -1)):
            end = cf.retrieval_profile([1 - 1e-6, 1.0], t * critical, beta, decay, width, terms)
            assert np.sign(end[1] - end[0]) == sign
    assert cf.retrieval_profile(0.5, 0.0, 1.0) == 0.0
    for call in (lambda: cf.retrieval_profile(0.1, 1e9, 1.0), lambda: cf.retrieval_critical_time(1e3)):
        with pytest.raises(OverflowError, match="exceeds? the floating range"):
            call()


@pytest.mark.parametrize("call, message", [
    (lambda: cf.head_freedom(0, 1, 1), "n must be at least 1"),
    (lambda: cf.head_freedom(1, 1, 0), "d_k must be at least 1"),
    (lambda: cf.causal_rollout(3, -1), "layers must be at least 0"),
    (lambda: cf.decay_rollout(-1, 1, 1.0), "offset must hold integers of at least 0"),
    (lambda: cf.decay_rollout([0.5], 1, 1.0), "offset must hold integers of at least 0"),
    (lambda: cf.decay_rollout(1, 0, 1.0), "layers must be at least 1"),
    (lambda: cf.decay_rollout(1, 1, 0.0), "decay must be a finite number"),
    (lambda: cf.retrieval_profile(0.0, 1.0, 1.0), "s0 must be in"),
    (lambda: cf.retrieval_profile([0.5, 1.1], 1.0, 1.0), "s0 must be in"),
    (lambda: cf.retrieval_profile(0.5, -1.0, 1.0), "t must be a finite number"),
    (lambda: cf.retrieval_profile(0.5, 1.0, 0.0), "beta must be a finite number"),
    (lambda: cf.retrieval_profile(0.5, 1.0, 1.0, 0.0), "decay must be a finite number"),
    (lambda: cf.retrieval_critical_time(1.0, 1.0, 0.0), "width must be a finite number"),
    (lambda: cf.retrieval_critical_time(1.0, 1.0, 1.0, 0), "terms must be at least 1"),
    (lambda: cf.harmonic_growth_rate(-1, 1.0, 3), "degree must hold integers that are at least 0"),
    (lambda: cf.mode_growth_rate(0.5, 1.0), "k must hold integers that are at least 0"),
    (lambda: cf.harmonic_growth_rate(1, 1.0, 1), "d must be at least 2"),
    (lambda: cf.mode_growth_rate(1, 1.0, "soft"), "normalization must be one of"),
    (lambda: cf.fastest_mode(0.0), "beta must be a finite number"),
    (lambda: cf.expected_modes(-1.0), "beta must be a finite number"),
    (lambda: cf.two_cluster_lifetime(np.pi, 0.1, 1.0), "start must be a finite number"),
    (lambda: cf.two_cluster_lifetime(1.0, 1.1, 1.0), "stop must be a finite number"),
    (lambda: cf.two_cluster_lifetime(1.0, 0.5, 1.0, -1.0), "kappa must be a finite number"),
    (lambda: cf.two_cluster_lifetime(1.0, 0.5, 1.0, 1.0, 2.0), "position_cosine must be a finite number"),
    (lambda: cf.cap_times(5, 1.0, 0.1, 0.0), "eps must be a finite number"),
    (lambda: cf.cap_times(5, 1.0, 0.01, 1.5), "alpha must be a finite number"),
    (lambda: cf.noise_critical_beta(1), "d must be at least 2"),
    (lambda: cf.noise_critical_coupling(0.0, 2), "beta must be a finite number"),
    (lambda: cf.long_context_cosine(-0.5, 3, 1.0), "cosine must be a finite number"),
    (lambda: cf.long_context_cosine(0.5, 3, [1.0, 0.0]), "beta must be positive"),
    (lambda: cf.rotary_order_parameter([1.0, 1.0], [0.0], [1.0]), "must be equally many, got 2, 1"),
    (lambda: cf.rotary_order_parameter([-1.0], [0.0], [1.0]), "block_norms must be at least 0"),
    (lambda: cf.cubic_spread([[1.0, 0.0]], -1.0, 0.1), "beta must be a finite number"),
    (lambda: cf.two_point_threshold(0.0), "beta must be a finite number"),
    (lambda: cf.two_point_stability(1e7), "beta must be a finite number"),
    (lambda: cf.circle_mode_growth(1, 1.0, -0.1), "radius must be a finite number"),
    (lambda: cf.circle_stability_threshold(0.0), "beta must be a finite number"),
    (lambda: cf.large_scale_displacement(1.0, 1.0, 0.0), "scale must be a finite number"),
    (lambda: cf.universality_bound(0), "n must be at least 1"),
    (lambda: cf.prompt_threshold(1.0, 0.0), "radius must be a finite number"),
])  # fmt: skip
def test_what_the_formulas_refuse(call, message):
    with pytest.raises(ValueError, match=message):
        call()
