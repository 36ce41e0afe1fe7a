"""The kernels against their slow twins, from tiny to extreme."""

import itertools
import pickle

import mpmath
import numba
import numpy as np
import oracles
import pytest
from cases import ALL_KINDS, INTERPRETED, KINDS, STRICT, auxiliary, sizes, tokens

import mfcore as mf
from mfcore import _jit, _kernels

pytestmark = STRICT

EPS = np.finfo(float).eps
VARIANTS = list(itertools.product(("softmax", "none"), ("features", "tokens")))


def sharpness(x, beta, aux):
    """How much the rounding of a logit is amplified: beta times the largest squared feature."""
    return beta * (oracles.features(x, aux) ** 2).sum(axis=1).max()


def lengths(rows):
    """Norms of rows whose squares may overflow."""
    top = np.maximum(np.abs(rows).max(axis=1, keepdims=True), 1e-300)
    return top * np.linalg.norm(rows / top, axis=1, keepdims=True)


def compare(x, beta, aux, normalization, values, step, mask=None, prompt=None):
    """One model against the oracles; False where the oracle itself overflows."""
    model = mf.SelfAttention(beta, normalization, aux, values, mask, prompt)
    sharp = sharpness(x, beta, aux)
    if prompt is not None:
        sharp = max(sharp, beta * (prompt.vectors**2).sum(axis=1).max())
    if normalization == "none" and sharp > 600:
        return False
    arguments = (beta, normalization, aux, values, mask, prompt)
    # A feature near zero weighs all sources alike, and what cancels in such a mean loses digits.
    tolerance = (300 if prompt is not None or isinstance(aux, mf.AffineFeature) else 30) * EPS * (1 + sharp)
    g = oracles.pull(x, *arguments)
    size = lengths(g)
    assert (np.abs(model.velocity(x) - oracles.velocity(x, *arguments)) <= tolerance * size).all()
    # Normalizing x + step g amplifies an error by what the sum cancels.
    for eta in (step, np.linspace(0.0, 2.0, len(x)), np.inf):
        moved = g if np.isscalar(eta) and np.isinf(eta) else x + np.reshape(eta, (-1, 1)) * g
        loss = (1 + size + lengths(moved - x)) / lengths(moved)
        assert (np.abs(model.layer(x, eta) - oracles.layer(x, eta, *arguments)) <= tolerance * (1 + loss)).all()
    if values == "features" and (mask is None or mask.symmetric):
        expected = oracles.log_energy(x, beta, aux, mask, prompt)
        assert abs(model.log_energy(x) - expected) <= 30 * EPS * (1 + sharp + abs(expected))
        if expected < 700:
            assert model.energy(x) == pytest.approx(np.exp(expected), rel=60 * EPS * (1 + sharp + abs(expected)))
    return True


@pytest.mark.parametrize("kind", ALL_KINDS)
@pytest.mark.parametrize("n, d", sizes([(1, 1), (1, 4), (2, 1), (2, 2), (3, 6), (5, 3)], (17, 8), (40, 2)))
def test_every_variant_against_the_oracle(n, d, kind):
    if kind == "rotary" and d % 2:
        d += 1
    rng = np.random.default_rng(100 * n + d)
    done = 0
    for beta in (1e-3, 0.1, 1.0, 3.7, 20.0, 1e3, 1e6):
        aux = auxiliary(kind, rng, n, d, scale=rng.choice([0.3, 1.0, 2.0]))
        x = tokens(rng, n, d, rng.choice([np.inf, 0.3, 0.01]))
        for normalization, values in VARIANTS:
            done += compare(x, beta, aux, normalization, values, step=10 ** rng.uniform(-2, 2))
    assert done >= 4 * 4 + 3 * 2  # at most the large beta without softmax is out of the oracle's reach


@pytest.mark.compiled
@pytest.mark.parametrize("kind", ALL_KINDS)
@pytest.mark.parametrize("n, d", [(255, 2), (256, 4), (257, 2), (513, 6), (800, 4)])
def test_across_tiles_and_threads(n, d, kind):
    rng = np.random.default_rng(n)
    aux, x = auxiliary(kind, rng, n, d, 0.5), tokens(rng, n, d)
    for normalization, values in VARIANTS:
        assert compare(x, 2.0, aux, normalization, values, step=0.7)
    assert compare(x, 200.0, aux, "softmax", "features", step=0.7)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("values", ["features", "tokens"])
def test_against_exact_arithmetic(kind, values):
    """Relative to the velocity itself, not to the pull, over the whole range of beta."""
    rng = np.random.default_rng(5)
    for beta in (1e-3, 1.0, 30.0, 300.0, 1e3):
        aux, x = auxiliary(kind, rng, 4, 2, 0.7), tokens(rng, 4, 2, 0.2)
        sharp = sharpness(x, beta, aux)
        for normalization in ("softmax", "none"):
            arguments = (beta, normalization, aux, values)
            model = mf.SelfAttention(*arguments)
            for step in (1e-3, 1.0, np.inf):
                error = np.abs(model.layer(x, step) - oracles.exact_layer(x, step, *arguments)).max()
                assert error <= 30 * EPS * (1 + sharp)
            if normalization == "none" and sharp > 600:
                continue
            expected = oracles.exact_velocity(x, *arguments)
            size = np.abs(expected).max(axis=1, keepdims=True)  # squares of e^-500 would be lost
            assert (np.abs(model.velocity(x) - expected) <= 100 * EPS * (1 + sharp) * size).all()
        if values == "features":
            expected = float(oracles.exact(x, beta, auxiliary=aux)[1])
            assert abs(model.log_energy(x) - expected) <= 10 * EPS * (1 + sharp + abs(expected))


@pytest.mark.parametrize("boost", [0, _kernels.BOOST])
def test_exp(boost):
    @numba.njit(fastmath=_jit.FAST)
    def apply(x, out):
        for i in range(x.size):
            out[i] = _kernels.exp(x[i], boost)

    rng = np.random.default_rng(0)
    least = -708 - boost * np.log(2)
    x = np.concatenate(
        [
            np.linspace(least, least + 1417, 4001)[1:],
            rng.uniform(least, least + 1417, 4000),
            rng.standard_normal(1000),
            [0.0, -0.0, 1e-300, -1e-300],
        ]
    )
    out = np.empty_like(x)
    apply(x, out)
    with mpmath.workdps(30):
        exact = [mpmath.exp(float(at)) * mpmath.mpf(2) ** boost for at in x]
        worst = max(abs(mpmath.mpf(float(got)) / want - 1) for want, got in zip(exact, out, strict=True))
    assert worst < 1e-15
    assert (out[-4:] == 2.0**boost).all()

    below = least - np.array([1e-10, 1e-4, 37.0, 1e5, 1e300, np.inf])
    apply(below, below)
    assert (below == 0.0).all()


def test_unnormalized_velocity_far_below_the_mass():
    """At beta = 700 orthogonal tokens pull with weight 1 beside a mass of e^700."""
    x = np.eye(3)
    for beta in (400.0, 700.0):
        velocity = mf.SelfAttention(beta, "none").velocity(x)
        np.testing.assert_allclose(velocity, (1 - np.eye(3)) / 3, rtol=1e-12)
    assert (mf.SelfAttention(800.0, "none").velocity(x[[0, 0, 0]]) == 0).all()


@pytest.mark.parametrize("d", [2, 3, 8])
@pytest.mark.parametrize("kind", ["none", "rotary", "concat"])
def test_slow_drift(d, kind):
    """Two tokens at one point, one at angle 1.4: their drift is e^{-beta(1-cos)}, far below rounding.

    With c = cos 1.4 and w = e^{-beta(1-c)}, both tokens of the pair move towards the third along the unit
    tangent, at speed w sin(1.4)/(2 + w) for the softmax, and the third towards them at 2 w sin(1.4)/(2w + 1).
    Without softmax both are multiplied by the row's mass over 3: (2 + w) e^beta/3 and (2w + 1) e^beta/3.
    """
    if kind == "rotary" and d % 2:
        d += 1
    rng = np.random.default_rng(d)
    a, b = np.linalg.qr(rng.standard_normal((d, 2)))[0].T
    angle = 1.4
    x = np.array([a, a, np.cos(angle) * a + np.sin(angle) * b])
    towards = np.array([b, b, np.sin(angle) * a - np.cos(angle) * b])
    aux = None
    if kind == "rotary":  # one common position: the rotation drops out
        aux = mf.RotaryPE(np.full(3, 0.7), rng.uniform(0.5, 2.0, d // 2))
    if kind == "concat":  # one common position: a common factor e^beta of every weight
        aux = mf.ConcatPE(np.ones((3, 1)), 1.0)
    for beta in (1.0, 60.0, 300.0):
        w = np.exp(-beta * (1 - np.cos(angle)))
        speed = np.sin(angle) * np.array([w / (2 + w), w / (2 + w), 2 * w / (1 + 2 * w)])
        mass = np.exp(beta * (2 if kind == "concat" else 1)) / 3 * np.array([2 + w, 2 + w, 1 + 2 * w])
        for normalization, factor in (("softmax", 1.0), ("none", mass)):
            v = mf.SelfAttention(beta, normalization, aux).velocity(x)
            expected = (speed * factor)[:, None] * towards
            size = np.linalg.norm(expected, axis=1, keepdims=True)
            assert (np.abs(v - expected) <= 1e-8 * size).all()
            assert (np.abs(v - expected) <= 20 * EPS * beta * size + 1e-14 * size).all()
    # the same from the sum that is projected afterwards has no correct digit
    naive = oracles.velocity(x, 60.0)
    assert np.linalg.norm(naive[0]) > 100 * np.sin(angle) * np.exp(-60 * (1 - np.cos(angle)))


EXTREMES = [
    (beta, scale, kind)
    for beta in (1.0, 1e6, 1e20, 1e100, 1e308)
    for scale in (1e-3, 1.0, 1e3, 1e10, 1e60, 1e150, 1e200, 1e300)
    for kind in ("additive", "concat")
    if beta * scale >= 1e6 and scale >= 1e-3
]


@pytest.mark.parametrize("beta, scale, kind", EXTREMES)
def test_the_limit_of_a_hard_maximum(beta, scale, kind):
    """Softmax at any beta and scale: each token is pulled to the one whose feature has the largest product."""
    rng = np.random.default_rng(11)
    n, d = 7, 3
    p = rng.standard_normal((n, d)) * np.logspace(-1.5, 0, n)[:, None]  # small norms among large ones too
    x = tokens(rng, n, d)
    aux = mf.AdditivePE(p, scale) if kind == "additive" else mf.ConcatPE(p, scale * (scale if scale < 1e100 else 1))
    z = x + scale * p if kind == "additive" else np.hstack([x, np.sqrt(aux.kappa) * p])
    unit = z / np.abs(z).max()
    product = unit @ unit.T
    runner_up, best = np.sort(product, axis=1)[:, -2:].T
    # Gaps in the true logits; the product of three factors may overflow, their logarithms do not.
    assert (np.log(best - runner_up) + np.log(beta) + 2 * np.log(np.abs(z).max()) > np.log(100)).all()
    target = z[product.argmax(axis=1), :d]
    direction = target / np.abs(target).max(axis=1, keepdims=True)
    direction /= np.linalg.norm(direction, axis=1, keepdims=True)

    model = mf.SelfAttention(beta, auxiliary=aux)
    v = model.velocity(x)
    size = np.abs(target).max(axis=1, keepdims=True)
    expected = target / size - x * (x * (target / size)).sum(axis=1, keepdims=True)
    assert np.isfinite(v).all()
    np.testing.assert_allclose(v / size, expected, rtol=0, atol=1e-14)
    for step in (1e-2, 1.0, 1e4, np.inf):
        y = model.layer(x, step)
        assert np.isfinite(y).all()
        np.testing.assert_allclose(np.linalg.norm(y, axis=1), 1.0, rtol=0, atol=1e-15)
    np.testing.assert_allclose(model.layer(x, np.inf), direction, rtol=0, atol=1e-14)
    none = mf.SelfAttention(beta, "none", aux)
    assert np.isfinite(none.layer(x, 1.0)).all()
    np.testing.assert_allclose(none.layer(x, np.inf), direction, rtol=0, atol=1e-14)


def test_the_largest_beta():
    x = tokens(np.random.default_rng(3), 6, 8)
    for beta in (1e4, 1e100, 1e308):
        model = mf.SelfAttention(beta)
        assert np.abs(model.velocity(x)).max() == 0.0  # every weight but a token's own is lost
        np.testing.assert_allclose(model.layer(x, 1.0), x, rtol=0, atol=EPS)
        # Only the diagonal is left of the double sum: e^beta/(2 beta n).
        expected = beta - np.log(2 * 6) - np.log(beta)
        assert model.log_energy(x) == pytest.approx(expected, rel=1e-14)


@pytest.mark.parametrize(
    "beta, scale", [(1e-200, 1e200), (1e-308, 1e154), (1e-308, 1e160), (1e308, 1e-3), (5e-324, 1e150)]
)
def test_log_energy_over_the_whole_range(beta, scale):
    """Finite as long as beta times the largest squared feature is, whatever the two factors are."""
    rng = np.random.default_rng(4)
    x, p = tokens(rng, 5, 3), rng.standard_normal((5, 3))
    aux = mf.AdditivePE(p, scale)
    expected = float(oracles.exact(x, beta, auxiliary=aux)[1])
    assert np.isfinite(expected)
    assert mf.SelfAttention(beta, auxiliary=aux).log_energy(x) == pytest.approx(expected, rel=1e-13)


@pytest.mark.parametrize("beta", [800.0, 1e4, 1e20, 1e308])
def test_what_overflows_by_its_meaning(beta):
    x = tokens(np.random.default_rng(6), 5, 3, 0.1)
    none = mf.SelfAttention(beta, "none")
    with pytest.raises(OverflowError, match="softmax.*log_energy"):
        none.velocity(x)
    for model in (none, mf.SelfAttention(beta)):
        with pytest.raises(OverflowError, match="log_energy"):
            model.energy(x)
        assert np.isfinite(model.log_energy(x))
    aux = mf.AdditivePE(np.ones((5, 3)), 1e200)
    with pytest.raises(OverflowError, match="even log_energy"):
        mf.SelfAttention(beta, auxiliary=aux).log_energy(x)
    for step in (1e-300, 1.0, np.inf):
        assert np.isfinite(none.layer(x, step)).all()
    np.testing.assert_array_equal(none.layer(x, np.inf), mf.SelfAttention(beta).layer(x, np.inf))


def test_a_large_mass_times_a_small_drift():
    """Two tokens at 60 degrees, beta = 1000: the row's mass is e^1000, but the velocity is sin(60) e^500/2."""
    x = np.array([[1.0, 0.0], [0.5, np.sqrt(0.75)]])
    v = mf.SelfAttention(1000.0, "none").velocity(x)
    assert v[0, 0] == 0.0
    assert v[0, 1] == pytest.approx(np.sqrt(0.75) * np.exp(500.0) / 2, rel=1e-12)
    # and where the drift itself is lost below e^-1058, an error stands in place of a zero
    with pytest.raises(OverflowError, match="mass"):
        mf.SelfAttention(1100.0, "none").velocity(np.eye(2))


@pytest.mark.parametrize("beta, step", [(705.0, 1e-306), (711.0, 1e-308), (730.0, 1e-310), (740.0, 5e-324)])
def test_a_tiny_step_of_a_large_pull(beta, step):
    x = tokens(np.random.default_rng(8), 3, 2, 0.02)
    y = mf.SelfAttention(beta, "none").layer(x, step)
    np.testing.assert_allclose(y, oracles.exact_layer(x, step, beta, "none"), rtol=0, atol=1e-12)


@pytest.mark.parametrize("kind", ALL_KINDS)
def test_nothing_is_modified_in_place(kind):
    rng = np.random.default_rng(9)
    aux, x, step = auxiliary(kind, rng, 6, 4), tokens(rng, 6, 4), rng.uniform(0, 1, 6)
    x *= 1 + 1e-8  # renormalized on entry, in a copy
    kept = [value.copy() for value in (x, step)]
    inside = {k: np.copy(v) for k, v in vars(aux).items()} if aux else {}
    for values in ("features", "tokens"):
        model = mf.SelfAttention(2.0, auxiliary=aux, values=values)
        model.velocity(x)
        model.layer(x, step)
        if values == "features":
            model.log_energy(x), model.energy(x)
        mf.flow(model, x, [0.1, 0.2])
        mf.maximize(model, x, max_iter=3)
        mf.maximize(model, x[None].repeat(2, 0), max_iter=3)
    np.testing.assert_array_equal(x, kept[0])
    np.testing.assert_array_equal(step, kept[1])
    for name, value in inside.items():
        np.testing.assert_array_equal(getattr(aux, name), value)


def test_the_caller_s_arrays_are_copied():
    p = np.ones((3, 2))
    aux = mf.AdditivePE(p)
    x = tokens(np.random.default_rng(0), 3, 2)
    before = mf.SelfAttention(1.0, auxiliary=aux).velocity(x)
    p[:] = 7.0
    np.testing.assert_array_equal(mf.SelfAttention(1.0, auxiliary=aux).velocity(x), before)
    out = mf.SelfAttention(1.0).layer(x, 0.0)
    out[:] = 0.0
    assert np.linalg.norm(x, axis=1) == pytest.approx(1.0)


@pytest.mark.parametrize("size", [1e3, 1e5, 1e8, 1e12])
def test_a_short_feature_among_long_ones(size):
    """Token 0 has logits of size one beside features of any size: no digit of them may be lost."""
    x = tokens(np.random.default_rng(10), 3, 3)
    aux = mf.ConcatPE(np.array([[0.0], [size], [-size]]))
    expected = oracles.exact_velocity(x, 1.0, "softmax", aux)
    np.testing.assert_allclose(mf.SelfAttention(1.0, auxiliary=aux).velocity(x)[0], expected[0], rtol=1e-13, atol=1e-16)


def test_what_is_made_stays_as_it_is():
    rng = np.random.default_rng(11)
    p, x = rng.standard_normal((4, 2)), tokens(rng, 4, 2)
    things = [mf.AdditivePE(p), mf.ConcatPE(p), mf.RotaryPE(range(4), [1.0]), mf.SelfAttention(2.0)]
    for thing in things:
        for name in [name for name in vars(thing) if not name.startswith("_")] + ["_shift", "new"]:
            with pytest.raises(AttributeError, match="is fixed once made: make a new one"):
                setattr(thing, name, 1.0)
        assert "object at" not in repr(thing)
    with pytest.raises(ValueError, match="read-only"):
        things[0].p[0, 0] = 1.0
    model = mf.SelfAttention(2.0, auxiliary=things[0])
    kept = model.velocity(x)
    p[:] = 0.0  # the caller's array is a copy's original
    np.testing.assert_array_equal(model.velocity(x), kept)
    np.testing.assert_array_equal(pickle.loads(pickle.dumps(model)).velocity(x), kept)


def test_what_came_out_goes_in_unchanged():
    x = tokens(np.random.default_rng(12), 200, 3)
    y = mf.SelfAttention(2.0).layer(x, 1.0)
    np.testing.assert_array_equal(mf.SelfAttention(2.0).layer(y, 0.0), y)


def test_lanes_go_by_size_alone():
    assert [_kernels.lanes(n, 3) for n in (1, 500, 700, 1600, 2100, 5000)] == [1, 1, 2, 4, 8, 16]
    assert [_kernels.lanes(n, 64) for n in (2100, 5000, 20_000, 10**5)] == [8, 8, 4, 2]  # at most 30 MB, or 100


def test_what_several_lanes_summed_is_added_up(monkeypatch):
    n = 600
    if INTERPRETED:  # fewer tokens then, which would not be shared out
        n = 70
        monkeypatch.setattr(_kernels, "lanes", lambda n, d: 4)
    x = tokens(np.random.default_rng(13), n, 3)
    assert len(_kernels.workspace(n, 3, mf.SelfAttention(2.0)._field(x))[5]) > 1
    assert compare(x, 2.0, None, "softmax", "features", 0.5)
