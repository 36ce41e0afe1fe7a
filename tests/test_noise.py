"""The noisy flow: its order in law and path by path, its seeds, and what it refuses."""

import sys

import numpy as np
import pytest
from cases import STRICT, auxiliary, tokens
from numpy.polynomial.hermite_e import hermegauss
from scipy.integrate import quad
from scipy.linalg import expm
from scipy.stats import chi

import mfcore as mf
from mfcore import _kernels
from mfcore import closed_forms as cf

pytestmark = STRICT

flow = sys.modules["mfcore.flow"]


def slope(h, error):
    return np.polyfit(np.log(h), np.log(error), 1)[0]


def steps(model, x, h, noise, normals, threads=False):
    """The tokens after as many steps as there are normals (steps, 2, n, d)."""
    x = x.copy()
    flow._langevin(model, x, model._field(x), h, noise, np.ascontiguousarray(normals), threads)
    return x


@pytest.mark.parametrize("d", [2, 3, 5, 10])
def test_brownian_motion_to_second_order(d):
    """The mean of a harmonic of degree l decays by e^(-l (l + d - 2) D h): a single half step of a lone token."""
    start = np.eye(d)[:1]
    sizes, errors = np.array([0.2, 0.1, 0.05]), []
    for h in sizes:
        at = np.eye(d)[1]

        def after(length, at=at, h=h):
            x = steps(mf.SelfAttention(1.0), start, h, 0.5, [[[length * at], [0 * at]]])
            return x[0, 0]

        def mean(f, after=after):
            return quad(lambda r: f(after(r)) * chi(d - 1).pdf(r), 0, 12, epsabs=1e-13, epsrel=1e-11, limit=200)[0]

        first = mean(lambda c: c) - np.exp(-(d - 1) * 0.25 * h)
        second = mean(lambda c: (d * c * c - 1) / (d - 1)) - np.exp(-2 * d * 0.25 * h)
        errors.append(abs(first))
        assert abs(second) < 1.2 * (0.5 * h) ** 3
    if d == 2:
        assert max(errors) < 1e-9
    else:
        assert slope(sizes, errors) == pytest.approx(3.0, abs=0.2)


def test_weak_order():
    """Two tokens on the circle: the mean cosine of their angle, against the exponential of the generator of the angle."""
    beta, noise, begin = 1.5, 0.3, 1.0
    modes = np.arange(-80, 81)
    grid = 2 * np.pi * np.arange(400) / 400
    pull = -2 * np.sin(grid) / (1 + np.exp(beta * (1 - np.cos(grid))))  # of the angle between two tokens
    drift = np.exp(-1j * np.multiply.outer(modes, grid)) @ (pull[:, None] * 1j * modes * np.exp(1j * np.multiply.outer(grid, modes)))
    generator = drift / 400 - np.diag(2 * noise * modes**2)
    cosine = 0.5 * (np.abs(modes) == 1)
    # The tokens' four Gaussian numbers by a product rule; only the part along the circle counts.
    nodes, weights = hermegauss(12)
    weights = weights / weights.sum()
    model = mf.SelfAttention(beta)
    sizes, errors = np.array([0.1, 0.05, 0.025]), []
    for h in sizes:
        exact = (np.exp(1j * modes * begin) @ expm(h * generator) @ cosine).real
        width = np.sqrt(2 * noise * h)  # of the angle, in each half of the step
        total = 0.0
        for a, w in zip(nodes, weights, strict=True):
            angle = begin + width * a
            y = np.array([[1.0, 0.0], [np.cos(angle), np.sin(angle)]])
            y = steps(model, y, h, noise, np.zeros((1, 2, 2, 2)))
            moved = np.arctan2(y[0, 0] * y[1, 1] - y[0, 1] * y[1, 0], y[0] @ y[1])
            total += w * (weights @ np.cos(moved + width * nodes))
        errors.append(abs(total - exact))
    assert slope(sizes, errors) == pytest.approx(3.0, abs=0.3)  # in one step, so 2 over a time


@pytest.mark.compiled
@pytest.mark.parametrize("d", [2, 3])
def test_strong_order(d):
    """The same Brownian paths in the surrounding space with steps two, four, ... times as long."""
    rng = np.random.default_rng(4)
    n, finest = 400, 1024
    model = mf.SelfAttention(1.0, auxiliary=mf.AdditivePE(tokens(rng, n, d), 2.0))
    x = tokens(rng, n, d)
    normals = rng.standard_normal((finest, 2, n, d))
    ends, sizes = [], []
    while len(normals) >= 16:
        ends.append(steps(model, x, 1.0 / len(normals), 0.6, normals))
        sizes.append(1.0 / len(normals))
        normals = (normals[:, 0] + normals[:, 1]).reshape(-1, 2, n, d) / np.sqrt(2)
    errors = [np.linalg.norm(ends[k] - ends[k + 1], axis=1).mean() for k in range(len(ends) - 1)]
    assert slope(sizes[:-1], errors) == pytest.approx(0.5, abs=0.1)


@pytest.mark.parametrize("kind", ["none", "additive", "rotary", "concat"])
@pytest.mark.parametrize("normalization", ["softmax", "none"])
def test_without_normals_it_is_the_midpoint_method(kind, normalization):
    rng = np.random.default_rng(0)
    x, aux = tokens(rng, 6, 4), auxiliary(kind, rng, 6, 4, 0.3)
    model = mf.SelfAttention(1.0, normalization, aux)
    exact = mf.flow(model, x, [0.4]).x[0]
    errors = [np.abs(steps(model, x, 0.4 / m, 1e-300, np.zeros((m, 2, 6, 4))) - exact).max() for m in (32, 64, 128)]
    assert slope([4, 2, 1], errors) == pytest.approx(2.0, abs=0.2)


@pytest.mark.compiled
def test_threads_and_sums_give_the_same_path():
    rng = np.random.default_rng(2)
    x, normals = tokens(rng, 800, 3), rng.standard_normal((3, 2, 800, 3))
    for model in (mf.SelfAttention(2.0, method="direct"), mf.SelfAttention(2.0, "none", method="direct")):
        alone, together = (steps(model, x, 0.01, 0.2, normals, threads) for threads in (False, True))
        np.testing.assert_array_equal(alone, together)
    harmonic = steps(mf.SelfAttention(2.0, method="harmonic"), x, 0.01, 0.2, normals, True)
    np.testing.assert_allclose(harmonic, steps(mf.SelfAttention(2.0), x, 0.01, 0.2, normals), rtol=0, atol=1e-9)


def test_seeds_and_reports():
    rng = np.random.default_rng
    x = tokens(rng(0), 5, 3)
    model = mf.SelfAttention(2.0)
    run = mf.flow(model, x, [0.0, 0.35, 1.0], noise=0.2, rng=rng(7), step=0.1)
    again = mf.flow(model, x, [0.0, 0.35, 1.0], noise=0.2, rng=rng(7), step=0.1)
    np.testing.assert_array_equal(run.x, again.x)
    np.testing.assert_allclose(run.x[0], x, atol=1e-15)
    assert run.steps == 4 + 7 and run.error is None and run.method == "Strang splitting"
    np.testing.assert_allclose(run.log_energy, [model.log_energy(y) for y in run.x], atol=1e-14)
    assert (np.abs(np.linalg.norm(run.x, axis=2) - 1) < 1e-14).all()
    other = mf.flow(model, x, [0.0, 0.35, 1.0], noise=0.2, rng=rng(8), step=0.1)
    assert np.abs(other.x[1:] - run.x[1:]).max() > 0.1
    starts = mf.flow(model, np.array([x, x]), [1.0], noise=0.2, rng=rng(7), step=0.1)
    single = mf.flow(model, x, [1.0], noise=0.2, rng=rng(7).spawn(2)[1], step=0.1)
    np.testing.assert_array_equal(starts[1].x, single.x)
    assert (starts[0].x != starts[1].x).any()
    masked = mf.SelfAttention(2.0, mask=mf.masks.causal())
    assert mf.flow(masked, x, [1.0], noise=0.2, rng=rng(0), step=0.1).log_energy is None


def test_normals_are_drawn_in_the_same_order_whatever_the_portion(monkeypatch):
    x = tokens(np.random.default_rng(0), 5, 3)
    runs = []
    for portion in (1, 50, 10**6):
        monkeypatch.setattr(flow, "NORMALS", portion)
        runs.append(mf.flow(mf.SelfAttention(2.0), x, [1.0], noise=0.2, rng=np.random.default_rng(7), step=0.05).x)
    np.testing.assert_array_equal(runs[0], runs[1])
    np.testing.assert_array_equal(runs[0], runs[2])


@pytest.mark.compiled
def test_below_and_above_the_transition():
    """Many tokens with noise: the order parameter dies below the critical coupling, and is that of the density above."""
    rng = np.random.default_rng(3)
    critical = cf.noise_critical_coupling(1.0, 2)
    model = mf.SelfAttention(1.0, "none")
    x = mf.meanfield.quantiles([1.5, 1.0, 0.5, 1.0], 20_000)
    for order in (0.6, None):
        noise = mf.meanfield.circle_equilibrium(model, order, 40)[0] if order else 1.3 / (2 * critical)
        run = mf.flow(model, x, [40.0], noise=noise, rng=rng, step=0.1)
        assert np.linalg.norm(run.x[0].mean(axis=0)) == pytest.approx(order or 0.0, abs=0.03)


def test_a_lone_axis():
    x = np.array([[1.0], [-1.0], [1.0]])
    np.testing.assert_array_equal(
        mf.flow(mf.SelfAttention(2.0), x, [1.0], noise=0.2, rng=np.random.default_rng(0), step=0.1).x[0], x
    )


def test_overflow():
    rng = np.random.default_rng(0)
    with pytest.raises(OverflowError, match="softmax"):
        mf.flow(mf.SelfAttention(2000.0, "none"), tokens(rng, 4, 3), [1.0], noise=0.1, rng=rng, step=0.5)


BAD = {
    "negative noise": (dict(noise=-0.1, rng=np.random.default_rng(0), step=0.1), ValueError, "noise must be a finite"),
    "no rng": (dict(noise=0.1, step=0.1), TypeError, r"rng must be a numpy.random.Generator"),
    "a seed": (dict(noise=0.1, rng=3, step=0.1), TypeError, r"rng must be a numpy.random.Generator"),
    "no step": (dict(noise=0.1, rng=np.random.default_rng(0)), TypeError, "step must be a real number, got None"),
    "zero step": (dict(noise=0.1, rng=np.random.default_rng(0), step=0.0), ValueError, "step must be a finite number"),
    "tiny step": (dict(noise=0.1, rng=np.random.default_rng(0), step=1e-12), ValueError, "step must be at least 1e-07"),
    "placement": (
        dict(noise=0.1, rng=np.random.default_rng(0), step=0.1, layer_norm="pre"), ValueError, "layer_norm must be 'post'",
    ),
    "rng alone": (dict(rng=np.random.default_rng(0)), ValueError, "rng and step are for a flow with noise"),
    "step alone": (dict(step=0.1), ValueError, "rng and step are for a flow with noise"),
}  # fmt: skip


@pytest.mark.parametrize("name", BAD)
def test_what_it_refuses(name):
    options, error, message = BAD[name]
    with pytest.raises(error, match=message):
        mf.flow(mf.SelfAttention(1.0), np.eye(3), [1.0], **options)


def test_kernels_of_no_motion():
    x = tokens(np.random.default_rng(0), 4, 3)
    y = x.copy()
    _kernels.diffuse(y, x.copy(), 0.3)  # normals without tangent part
    np.testing.assert_allclose(y, x, atol=1e-14)
