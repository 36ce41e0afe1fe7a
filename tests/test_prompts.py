"""Prompts, shared and one for each token, and what makes a law of one's choice stationary."""

import numpy as np
import oracles
import pytest
from cases import ALL_KINDS, INTERPRETED, STRICT, auxiliary, sizes, tokens
from hypothesis import given, settings
from hypothesis import strategies as st
from test_kernels import VARIANTS, compare

import mfcore as mf

pytestmark = STRICT

EXAMPLES = settings(max_examples=10 if INTERPRETED else 200, derandomize=True, deadline=None, database=None)


def prompt_of(kind, shared, rng, n, d, size=1.0, weight=0.5):
    e = d + 2 if kind == "concat" else d
    return mf.Prompt(size * rng.standard_normal((3 if shared else n, e)), weight, shared)


@pytest.mark.parametrize("shared", [True, False])
@pytest.mark.parametrize("kind", ALL_KINDS)
@pytest.mark.parametrize("n, d", sizes([(2, 2)], (1, 2), (7, 4), (20, 2)))
def test_every_variant_against_the_oracle(n, d, kind, shared):
    rng = np.random.default_rng(100 * n + d)
    for beta in (1e-3, 1.0, 20.0, 300.0):
        aux = auxiliary(kind, rng, n, d, scale=rng.choice([0.3, 1.0]))
        x = tokens(rng, n, d, rng.choice([np.inf, 0.3, 0.01]))
        prompt = prompt_of(kind, shared, rng, n, d, rng.choice([0.1, 1.0, 3.0]), 10 ** rng.uniform(-3, 2))
        for normalization, values in VARIANTS:
            compare(x, beta, aux, normalization, values, 10 ** rng.uniform(-2, 2), None, prompt)
            compare(x, beta, aux, normalization, values, 1.0, mf.masks.window(2), prompt)


@pytest.mark.compiled
@pytest.mark.parametrize("shared", [True, False])
@pytest.mark.parametrize("n", [255, 254, 800])
def test_across_tiles_and_threads(n, shared):
    rng = np.random.default_rng(n)
    for kind in ("none", "additive"):
        aux, x, prompt = auxiliary(kind, rng, n, 3, 0.5), tokens(rng, n, 3), prompt_of(kind, shared, rng, n, 3)
        for normalization, values in VARIANTS:
            assert compare(x, 2.0, aux, normalization, values, 0.7, None, prompt)
            assert compare(x, 2.0, aux, normalization, values, 0.7, mf.masks.prefix(3), prompt)


@EXAMPLES
@given(seed=st.integers(0, 2**32), n=st.integers(1, 12), beta=st.floats(-2, 2), weight=st.floats(-3, 3),
       kind=st.sampled_from(ALL_KINDS), shared=st.booleans(), step=st.floats(-2, 4))  # fmt: skip
def test_layers_climb(seed, n, beta, weight, kind, shared, step):
    """The prompt's part of the energy is convex in each token: the proof of monotonicity goes through."""
    rng = np.random.default_rng(seed)
    aux, x = auxiliary(kind, rng, n, 4, 0.7), tokens(rng, n, 4)
    prompt = prompt_of(kind, shared, rng, n, 4, weight=10.0**weight)
    model = mf.SelfAttention(10.0**beta, auxiliary=aux, prompt=prompt)
    size = max((oracles.features(x, aux) ** 2).sum(axis=1).max(), (prompt.vectors**2).sum(axis=1).max())
    slack = 1e-12 + 1e-15 * (1 + 10.0**beta * size)
    for h in (10.0**step, np.inf):
        assert model.log_energy(model.layer(x, h)) >= model.log_energy(x) - slack


@pytest.mark.parametrize("shared", [True, False])
def test_the_velocity_is_the_gradient(shared):
    rng = np.random.default_rng(3)
    aux, x, prompt = auxiliary("additive", rng, 6, 3), tokens(rng, 6, 3), prompt_of("additive", shared, rng, 6, 3)
    model = mf.SelfAttention(1.2, "none", aux, prompt=prompt)
    u = mf.sphere.tangent(x, rng.standard_normal(x.shape))
    ends = [model.energy(mf.sphere.project(x + s * u)) for s in (1e-5, -1e-5)]
    assert (ends[0] - ends[1]) / 2e-5 == pytest.approx((model.velocity(x) * u).sum() / 6, rel=1e-7)


def test_a_common_prompt_pins_a_point_and_own_ones_many():
    rng = np.random.default_rng(4)
    x, u = tokens(rng, 10, 3), tokens(rng, 10, 3)
    pinned = mf.maximize(mf.SelfAttention(1.0, prompt=mf.Prompt(u[:1])), x)
    assert pinned.converged and np.abs(pinned.x - u[0]).max() < 1e-12
    own = mf.maximize(mf.SelfAttention(1.0, prompt=mf.Prompt(u, 100.0, shared=False)), x)
    assert own.converged and np.abs(own.x - u).max() < 0.1


def test_tokens_merge_if_their_prompts_agree():
    x = np.array([[0.6, 0.8], [0.6, 0.8], [0.8, 0.6], [0.8, 0.6]])
    u = np.array([[1.0, 0.0], [1.0, 0.0], [0.0, 1.0], [0.3, 0.0]])
    run = mf.flow(mf.SelfAttention(1.0, prompt=mf.Prompt(u, 0.3, shared=False)), x, [0.5])
    assert run.method == "DOP853, 4 tokens in 3 clusters"
    longer = mf.flow(mf.SelfAttention(1.0, prompt=mf.Prompt(u[:2], 0.3)), x, [0.5])
    assert longer.method == "DOP853, 4 tokens in 2 clusters"
    for prompt in (mf.Prompt(u, 0.3, shared=False), mf.Prompt(u[:2], 0.3)):
        model = mf.SelfAttention(1.0, prompt=prompt)
        h = 2e-3
        euler = x
        for _ in range(250):
            half = mf.sphere.project(euler + h / 2 * model.velocity(euler))
            euler = mf.sphere.project(euler + h * model.velocity(half))
        np.testing.assert_allclose(mf.flow(model, x, [0.5]).x[0], euler, rtol=0, atol=1e-6)


@pytest.mark.parametrize("shared", [True, False])
def test_no_nan_however_large(shared):
    rng = np.random.default_rng(5)
    x, vectors = tokens(rng, 5, 3), rng.standard_normal((5, 3))
    for beta in (1e-300, 1.0, 1e6, 1e300):
        for size in (1e-200, 1.0, 1e200, 1e299):
            for weight in (1e-300, 1.0, 1e300):
                model = mf.SelfAttention(beta, prompt=mf.Prompt(size * vectors, weight, shared))
                assert np.isfinite(model.velocity(x)).all(), (beta, size, weight)
                np.testing.assert_allclose(np.linalg.norm(model.layer(x, np.inf), axis=1), 1.0)


@pytest.mark.parametrize("call, error, message", [
    (lambda: mf.Prompt([[1, 0], [np.nan, 0]]), ValueError, "vectors must be finite"),
    (lambda: mf.Prompt([1.0, 2.0]), ValueError, r"vectors must have 2 dimension\(s\)"),
    (lambda: mf.Prompt([[1j]]), TypeError, "vectors must hold real numbers"),
    (lambda: mf.Prompt([[1e301]]), ValueError, "vectors must not exceed 1e\\+300"),
    (lambda: mf.Prompt([[1.0]], 0.0), ValueError, r"weight must be a finite number in \(0, inf\), got 0"),
    (lambda: mf.Prompt([[1.0]], shared="yes"), TypeError, "shared must be True or False, got 'yes'"),
    (lambda: mf.SelfAttention(1.0, prompt=[[1.0, 0.0]]), TypeError, "prompt must be a Prompt or None, got list"),
    (lambda: mf.SelfAttention(1.0, prompt=mf.Prompt([[1.0]]), method="harmonic"), ValueError, "neither masks nor"),
    (lambda: mf.SelfAttention(1.0, prompt=mf.Prompt([[1.0]])).velocity(np.eye(2)), ValueError,
     "vectors must have dimension 2 like the features, got 1"),
    (lambda: mf.SelfAttention(1.0, prompt=mf.Prompt(np.eye(3), shared=False)).velocity(np.eye(3)[:2]), ValueError,
     "vectors was given for 3 tokens, but there are 2"),
    (lambda: mf.AffineFeature(), ValueError, "AffineFeature needs A or b"),
    (lambda: mf.AffineFeature(np.ones((2, 3, 4))), ValueError, r"A must have square matrices, got shape \(2, 3, 4\)"),
    (lambda: mf.AffineFeature(np.ones((2, 3))), ValueError, r"A must have 1 or 3 dimension\(s\)"),
    (lambda: mf.AffineFeature(b=[[np.inf]]), ValueError, "b must be finite"),
    (lambda: mf.SelfAttention(1.0, auxiliary=mf.AffineFeature(b=np.ones((2, 3)))).velocity(np.eye(2)), ValueError,
     "b must have dimension 2 like the tokens, got 3"),
    (lambda: mf.SelfAttention(1.0, auxiliary=mf.AffineFeature([1.0, 2.0, 3.0])).velocity(np.eye(2)), ValueError,
     "A was given for 3 tokens, but there are 2"),
    (lambda: mf.positions_for(np.eye(2), 1.0, 0.0), ValueError, "radius must be a finite number"),
    (lambda: mf.positions_for(np.eye(2), 1.0, 1.0, damping=0.0), ValueError, "damping must be positive, got 0"),
    (lambda: mf.positions_for(np.eye(2), 1.0, 1.0, damping=1.5), ValueError, "damping must be a finite number in"),
    (lambda: mf.positions_for(np.eye(2), 1e300, 1e300), ValueError, r"beta \* radius\*\*2 must be a finite number"),
    (lambda: mf.positions_for(2 * np.eye(2), 1.0, 1.0), ValueError, "targets must have unit rows"),
    (lambda: mf.prompt_for(np.eye(2), 1.0, np.nan), ValueError, "pull must be a finite number"),
    (lambda: mf.prompt_for(np.eye(2), 1.0, -800.0), OverflowError, "the prompt exceeds the floating range"),
])  # fmt: skip
def test_bad_input(call, error, message):
    with pytest.raises(error, match=message):
        call()


@pytest.mark.parametrize("n, d", sizes([(1, 2), (2, 3)], (30, 2), (60, 3), (40, 8)))
def test_positions_that_make_targets_stationary(n, d):
    """Above the bound, with the oracle's velocity as the judge; the features have the radius that was asked for."""
    rng = np.random.default_rng(n + d)
    targets, beta = tokens(rng, n, d), 1.7
    radius = np.sqrt((mf.closed_forms.universality_bound(n) + 0.3) / beta)
    found = mf.positions_for(targets, beta, radius, max_iter=5000)
    aux = mf.AdditivePE(found.p)
    assert found.residual <= 1e-13
    np.testing.assert_allclose(np.linalg.norm(found.features, axis=1), radius, rtol=1e-14)
    np.testing.assert_allclose(targets + found.p, found.features, rtol=0, atol=1e-14)
    assert np.abs(oracles.velocity(targets, beta, "softmax", aux)).max() <= 1e-11
    assert np.abs(oracles.layer(targets, np.inf, beta, "softmax", aux) - targets).max() <= 1e-11


def test_positions_that_are_not_found():
    rng = np.random.default_rng(1)
    narrow = tokens(rng, 50, 3, 0.05)
    with pytest.raises(mf.ConvergenceError, match="after 20 steps the residual is") as fault:
        mf.positions_for(narrow, 1.0, 0.3, tol=1e-6, max_iter=20)
    assert isinstance(fault.value, RuntimeError) and fault.value.residual > 1e-3


@pytest.mark.parametrize("pull", [-0.5, 0.0, 2.0])
@pytest.mark.parametrize("n, d", [(1, 2), (9, 2), (25, 3)])
def test_a_prompt_that_makes_targets_stationary(n, d, pull):
    targets = tokens(np.random.default_rng(n), n, d)
    prompt = mf.prompt_for(targets, 1.5, pull, weight=0.7)
    assert not prompt.shared and prompt.weight == 0.7
    np.testing.assert_allclose((prompt.vectors * targets).sum(axis=1), pull, rtol=0, atol=1e-13)
    g = oracles.pull(targets, 1.5, "none", prompt=prompt)
    assert np.abs(mf.sphere.tangent(targets, g)).max() <= 1e-14 * np.abs(g).max() * 30
