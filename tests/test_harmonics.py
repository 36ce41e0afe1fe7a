"""Sums in linear cost against sums pair by pair: accuracy, when they are taken, and what they refuse."""

import mpmath
import numpy as np
import pytest
from cases import STRICT, auxiliary, tokens

import mfcore as mf
from mfcore import _harmonics

pytestmark = STRICT


def clouds(rng, n, d):
    """Laws that are hard in different ways: even, in a cap, in two opposite clusters, all equal, regular, one far away."""
    grid = 2 * np.pi * np.arange(n) / n
    poles = np.zeros((n, d))
    poles[:, 0] = np.where(np.arange(n) % 2, 1.0, -1.0)
    lonely = tokens(rng, n, d, 0.1)
    lonely[0] = -mf.sphere.project(lonely.mean(axis=0))
    return {
        "even": tokens(rng, n, d),
        "cap": tokens(rng, n, d, 0.1),
        "poles": mf.sphere.project(poles + 0.01 * rng.standard_normal((n, d))),
        "equal": np.repeat(tokens(rng, 1, d), n, axis=0),
        "ring": np.column_stack([np.cos(grid), np.sin(grid), np.zeros((n, d - 2))]),
        "lonely": lonely,
    }


@pytest.mark.compiled
@pytest.mark.parametrize("d, betas", [(2, (0.01, 1.0, 5.0, 50.0, 500.0)), (3, (0.01, 1.0, 5.0, 50.0))])
@pytest.mark.parametrize("n", [1, 2, 130, 4500])  # one block, a part of one, more than one chunk
def test_against_direct_sums(d, betas, n):
    rng = np.random.default_rng(n)
    for beta in betas:
        for name, x in clouds(rng, n, d).items():
            for rtol in (1e-6, 1e-10):
                fast = mf.SelfAttention(beta, method="harmonic", rtol=rtol)
                slow = mf.SelfAttention(beta, method="direct")
                try:
                    fast.velocity(x)
                except ValueError as fault:  # more than double precision allows beside a token that is all alone
                    assert "cannot reach the accuracy asked for" in str(fault)
                    assert name in ("lonely", "cap") and n > 1000 and beta >= 5 and rtol < 1e-6, (beta, name)
                    continue
                assert np.abs(fast.velocity(x) - slow.velocity(x)).max() <= rtol, (beta, name)
                assert np.abs(fast.layer(x, 1.0) - slow.layer(x, 1.0)).max() <= 10 * rtol, (beta, name)
                assert abs(fast.log_energy(x) - slow.log_energy(x)) <= rtol, (beta, name)


@pytest.mark.compiled
@pytest.mark.parametrize("d", [2, 3])
def test_a_random_subsample_of_many_tokens(d):
    """The definition, token by token, at a size where all of it would take minutes."""
    n, beta = 200_000, 5.0
    rng = np.random.default_rng(d)
    x = tokens(rng, n, d)
    model = mf.SelfAttention(beta)
    assert model.method_for(x) == "harmonic"
    v = model.velocity(x)
    assert (np.abs((v * x).sum(axis=1)) <= 1e-15).all()
    for i in rng.choice(n, 40, replace=False):
        weight = np.exp(beta * (x @ x[i] - 1))
        g = weight @ (x - x[i]) / weight.sum()
        assert np.abs(v[i] - (g - x[i] * (x[i] @ g))).max() <= 1e-10 * np.abs(v).max()


@pytest.mark.compiled
@pytest.mark.parametrize("normalization", ["softmax", "none"])
@pytest.mark.parametrize("d, kind", [(2, "none"), (3, "none"), (2, "rotary"), (2, "signs"), (2, "own"), (3, "own")])
def test_features_of_one_length(d, kind, normalization):
    """Rotations, signs as a third coordinate, and positions at the tokens themselves keep all features on one sphere."""
    rng = np.random.default_rng(0)
    n = 1500
    x = tokens(rng, n, d)
    aux = auxiliary(kind, rng, n, d) if kind in ("none", "rotary") else None
    if kind == "signs":
        aux = mf.ConcatPE(rng.choice([-1.0, 1.0], (n, 1)), 0.7)
    if kind == "own":
        aux = mf.AdditivePE(x, 0.5)
    fast, slow = (mf.SelfAttention(3.0, normalization, aux, method=method) for method in ("harmonic", "direct"))
    size = np.abs(slow.velocity(x)).max()
    assert np.abs(fast.velocity(x) - slow.velocity(x)).max() <= 1e-9 * size
    assert abs(fast.log_energy(x) - slow.log_energy(x)) <= 1e-10
    assert np.abs(fast.layer(x, 0.3) - slow.layer(x, 0.3)).max() <= 1e-9


@pytest.mark.compiled
def test_when_they_are_taken():
    rng = np.random.default_rng(1)

    def taken(n, d, beta=2.0, x=None, aux=None, **options):
        x = tokens(rng, n, d) if x is None else x
        model = mf.SelfAttention(beta, auxiliary=aux, **options)
        how = model.method_for(x)
        other = mf.SelfAttention(beta, auxiliary=aux, **{**options, "method": how})
        np.testing.assert_array_equal(model.velocity(x), other.velocity(x))  # it is what velocity does
        return how

    assert taken(5000, 2) == taken(5000, 3) == "harmonic"
    assert taken(100, 2) == taken(5000, 4) == "direct"
    assert taken(5000, 3, method="direct") == "direct" and taken(10, 3, method="harmonic") == "harmonic"
    assert taken(2000, 3, beta=1e4) == taken(2000, 2, beta=1e300) == "direct"  # too sharp to pay
    p = rng.standard_normal((2000, 2))
    assert taken(2000, 2, aux=mf.AdditivePE(p)) == "direct"  # lengths differ
    assert taken(2000, 2, aux=mf.RotaryPE(p[:, 0], [1.0])) == "harmonic"
    assert taken(2000, 2, aux=mf.RotaryPE(p[:, 0], [1.0]), values="tokens") == "direct"
    assert taken(4500, 2, beta=50.0, x=clouds(rng, 4500, 2)["lonely"]) == "direct"  # not accurate enough
    # Slow drift keeps its digits: two tight clusters of thousands, whose drift is e^-60.
    clusters = np.repeat([[1.0, 0.0], [0.0, 1.0]], 1000, axis=0)
    assert taken(2000, 2, beta=60.0, x=clusters) == "direct"
    speed = np.exp(-60.0) / (1 + np.exp(-60.0))
    np.testing.assert_allclose(
        np.abs(mf.SelfAttention(60.0).velocity(clusters)).max(axis=1), speed, rtol=1e-12
    )


@pytest.mark.compiled
def test_flow_and_ascent_with_many_tokens():
    """In a flow the sums' error stays below the step's tolerance; an ascent to 1e-13 takes direct sums."""
    rng = np.random.default_rng(2)
    x = tokens(rng, 1200, 2)
    slow, fast = (mf.SelfAttention(2.0, method=method) for method in ("direct", "auto"))
    one, other = mf.flow(slow, x, [1.0, 3.0]), mf.flow(fast, x, [1.0, 3.0])
    assert other.method == "DOP853, harmonic sums" and one.method == "DOP853"
    assert np.abs(one.x - other.x).max() <= 1e-8
    assert np.abs(one.log_energy - other.log_energy).max() <= 1e-8
    end = mf.flow(fast, mf.sphere.project(x + [3.0, 0.0]), [1e15])
    assert end.method.startswith("DOP853, 1200 tokens in 1 clusters, harmonic")
    np.testing.assert_array_equal(
        mf.maximize(fast, x, max_iter=3).x, mf.maximize(slow, x, max_iter=3).x
    )
    np.testing.assert_allclose(fast.layers(x, 0.5, 3), slow.layers(x, 0.5, 3), rtol=0, atol=1e-9)


@pytest.mark.compiled
@pytest.mark.parametrize("d", [2, 3])
@pytest.mark.parametrize("normalization", ["softmax", "none"])
def test_clusters_count_by_their_sizes(d, normalization):
    """Copies merge in the first step, unevenly many of each, and the harmonic sums go on with weights."""
    rng = np.random.default_rng(5)
    x = tokens(rng, 1000, d).repeat(rng.integers(1, 5, 1000), axis=0)
    slow, fast = (mf.SelfAttention(1.0, normalization, method=method) for method in ("direct", "auto"))
    one, other = mf.flow(slow, x, [0.5]), mf.flow(fast, x, [0.5])
    assert other.method == f"DOP853, {len(x)} tokens in 1000 clusters, harmonic sums"
    assert np.abs(one.x - other.x).max() <= 1e-9


@pytest.mark.compiled
@pytest.mark.parametrize("scale", [-1.0, 1e160, 1e-200])
def test_features_of_no_length_or_any(scale):
    """Positions that leave nothing of the tokens, or dwarf them: direct sums, and no warning."""
    x = tokens(np.random.default_rng(6), 1500, 2)
    model = mf.SelfAttention(1.0, auxiliary=mf.AdditivePE(x if scale == -1.0 else np.ones((1500, 2)), scale))
    how = model.method_for(x)
    assert how == ("harmonic" if scale == 1e-200 else "direct")
    assert np.isfinite(model.velocity(x)).all()


def test_what_they_refuse():
    rng = np.random.default_rng(3)
    x = tokens(rng, 20, 4)
    for model in (
        mf.SelfAttention(1.0, method="harmonic"),
        mf.SelfAttention(1.0, auxiliary=mf.AdditivePE(rng.standard_normal((20, 4))), method="harmonic"),
    ):
        for call in (model.velocity, model.log_energy, model.method_for, lambda x, model=model: model.layers(x, 1.0, 2)):
            with pytest.raises(ValueError, match="method='harmonic' needs .* features of one length on a circle"):
                call(x)
    y = tokens(rng, 20, 2)
    with pytest.raises(ValueError, match="needs values='features'"):
        mf.SelfAttention(1.0, auxiliary=mf.RotaryPE(range(20), [1.0]), values="tokens", method="harmonic").velocity(y)
    for fault, options in ((ValueError, {"method": "fast"}), (TypeError, {"rtol": "x"}), (ValueError, {"rtol": 1e-15})):
        with pytest.raises(fault, match="method|rtol"):
            mf.SelfAttention(1.0, **options)


@pytest.mark.parametrize("e", [2, 3])
@pytest.mark.parametrize("beta", [1e-3, 1.0, 30.0, 400.0])
def test_the_coefficients(e, beta):
    """Bessel functions to the last digits, against 40 digits; and what is left out is as small as said."""
    tolerance = 1e-12
    a, r, remainder = _harmonics.series(e, beta, tolerance)
    with mpmath.workdps(40):
        for k in range(len(a)):
            if e == 2:
                exact = mpmath.besseli(k, beta) * mpmath.exp(-beta) * (1 if k == 0 else 2)
            else:
                exact = (2 * k + 1) * mpmath.sqrt(mpmath.pi / (2 * beta)) * mpmath.besseli(k + 0.5, beta) * mpmath.exp(-beta)
            assert abs(a[k] / exact - 1) < 2e-15 * (1 + k)
    assert remainder <= tolerance
    t = np.linspace(-1, 1, 101)
    basis = np.cos(np.outer(np.arccos(t), np.arange(len(a)))) if e == 2 else np.polynomial.legendre.legvander(t, len(a) - 1)
    assert np.abs(basis @ a - np.exp(beta * (t - 1))).max() <= remainder + 1e-14
    assert np.abs(basis @ r - (t - 1) * np.exp(beta * (t - 1))).max() <= remainder + 1e-14


def test_interpreted_or_compiled_the_same_sums():
    """A few tokens, for the run with interpreted kernels: circle and sphere against the definition."""
    rng = np.random.default_rng(4)
    for d in (2, 3):
        x = tokens(rng, 9, d)
        fast, slow = (mf.SelfAttention(1.5, method=method, rtol=1e-8) for method in ("harmonic", "direct"))
        np.testing.assert_allclose(fast.velocity(x), slow.velocity(x), rtol=0, atol=1e-9)
