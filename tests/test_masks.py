"""Masks: the rules themselves, and every model under them."""

import numpy as np
import oracles
import pytest
from cases import ALL_KINDS, INTERPRETED, STRICT, auxiliary, sizes, tokens
from hypothesis import given, settings
from hypothesis import strategies as st
from test_kernels import VARIANTS, compare

import mfcore as mf
from mfcore import masks

pytestmark = STRICT

EXAMPLES = settings(max_examples=10 if INTERPRETED else 200, derandomize=True, deadline=None, database=None)
RULES = {
    "causal": (masks.causal(), lambda i, j: 0.0 if j <= i else -np.inf),
    "window": (masks.window(3), lambda i, j: 0.0 if i - 3 < j <= i else -np.inf),
    "prefix": (masks.prefix(2), lambda i, j: 0.0 if j <= i or j < 2 else -np.inf),
    "decay": (masks.decay(0.7), lambda i, j: -0.7 * (i - j) if j <= i else -np.inf),
    "both ways": (masks.decay(0.7, causal=False), lambda i, j: -0.7 * abs(i - j)),
}
MASKS = [mask for mask, _ in RULES.values()]


@pytest.mark.parametrize("name", RULES)
def test_the_rules(name):
    mask, rule = RULES[name]
    expected = np.array([[rule(i, j) for j in range(9)] for i in range(9)])
    np.testing.assert_allclose(np.fromfunction(mask, (9, 9)), expected, rtol=1e-15)
    assert mask(4, 1) == rule(4, 1) and isinstance(mask(4, 1), float)
    assert mask.symmetric == (name == "both ways") == np.array_equal(expected, expected.T)
    assert repr(mask).startswith("masks.") and eval(repr(mask), {"masks": masks})(4, 1) == mask(4, 1)


def test_one_token_wide():
    np.testing.assert_array_equal(np.fromfunction(masks.window(1), (3, 3)), np.where(np.eye(3) == 1, 0.0, -np.inf))
    np.testing.assert_array_equal(np.fromfunction(masks.decay(0, causal=False), (3, 3)), np.zeros((3, 3)))


@pytest.mark.parametrize("call, error, message", [
    (lambda: masks.window(0), ValueError, "width must be at least 1, got 0"),
    (lambda: masks.window(2.5), TypeError, "width must be an integer, got 2.5"),
    (lambda: masks.prefix(True), TypeError, "length must be an integer, got True"),
    (lambda: masks.decay(-1.0), ValueError, r"rate must be a finite number in \[0, inf\], got -1"),
    (lambda: masks.decay(np.inf), ValueError, "rate must be a finite number"),
    (lambda: masks.decay(1.0, causal=1), TypeError, "causal must be True or False, got 1"),
    (lambda: mf.SelfAttention(1.0, mask="causal"), TypeError, "mask must be made by mfcore.masks or be None, got str"),
    (lambda: mf.SelfAttention(1.0, mask=masks.causal), TypeError, "mask must be made by mfcore.masks"),
    (lambda: mf.SelfAttention(1.0, mask=masks.causal(), method="harmonic"), ValueError, "neither masks nor prompts"),
    (lambda: mf.SelfAttention(1.0, mask=masks.causal()).energy(np.eye(2)), ValueError,
     r"the mask masks.causal\(\) has no energy"),
    (lambda: setattr(masks.causal(), "name", "x"), AttributeError, "fixed once made"),
])  # fmt: skip
def test_bad_input(call, error, message):
    with pytest.raises(error, match=message):
        call()


@pytest.mark.parametrize("mask", MASKS, ids=RULES)
@pytest.mark.parametrize("kind", ALL_KINDS)
@pytest.mark.parametrize("n, d", sizes([(2, 2)], (1, 2), (7, 4), (20, 2)))
def test_every_variant_against_the_oracle(n, d, kind, mask):
    rng = np.random.default_rng(100 * n + d)
    for beta in (1e-3, 1.0, 20.0, 1e3):
        aux = auxiliary(kind, rng, n, d, scale=rng.choice([0.3, 1.0]))
        x = tokens(rng, n, d, rng.choice([np.inf, 0.3, 0.01]))
        for normalization, values in VARIANTS:
            compare(x, beta, aux, normalization, values, 10 ** rng.uniform(-2, 2), mask)


@pytest.mark.compiled
@pytest.mark.parametrize("mask", [*MASKS, masks.window(300), masks.prefix(280), masks.decay(0.01)])
@pytest.mark.parametrize("n", [255, 257, 800])
def test_across_tiles_and_threads(n, mask):
    rng = np.random.default_rng(n)
    for kind in ("none", "additive"):
        aux, x = auxiliary(kind, rng, n, 3, 0.5), tokens(rng, n, 3)
        for normalization, values in VARIANTS:
            assert compare(x, 2.0, aux, normalization, values, 0.7, mask)


@EXAMPLES
@given(seed=st.integers(0, 2**32), n=st.integers(2, 14), beta=st.floats(-2, 2), kind=st.sampled_from(ALL_KINDS),
       name=st.sampled_from(["causal", "window", "decay"]), values=st.sampled_from(["features", "tokens"]))  # fmt: skip
def test_causality(seed, n, beta, kind, name, values):
    """What later tokens are does not matter for earlier ones."""
    rng = np.random.default_rng(seed)
    aux, x = auxiliary(kind, rng, n, 4, 0.7), tokens(rng, n, 4)
    model = mf.SelfAttention(10.0**beta, auxiliary=aux, values=values, mask=RULES[name][0])
    other, k = x.copy(), rng.integers(1, n)
    other[k:] = tokens(rng, n - k, 4)
    sharp = 1 + 10.0**beta * (oracles.features(x, aux) ** 2).sum(axis=1).max()
    assert np.abs(model.velocity(x) - model.velocity(other))[:k].max() <= 1e-13 * sharp
    if not INTERPRETED:
        run = [mf.flow(model, start, [0.2]).x[0, :k] for start in (x, other)]
        assert np.abs(run[0] - run[1]).max() <= 1e-7


@EXAMPLES
@given(seed=st.integers(0, 2**32), n=st.integers(1, 12), beta=st.floats(-2, 2), rate=st.floats(0, 3),
       kind=st.sampled_from(ALL_KINDS), step=st.floats(-2, 4))  # fmt: skip
def test_symmetric_decay_climbs(seed, n, beta, rate, kind, step):
    """exp(-rate |i - j|) is a positive semidefinite kernel, so layers climb as they do without a mask."""
    rng = np.random.default_rng(seed)
    aux, x = auxiliary(kind, rng, n, 4, 0.7), tokens(rng, n, 4)
    model = mf.SelfAttention(10.0**beta, auxiliary=aux, mask=masks.decay(rate, causal=False))
    sharp = 1 + 10.0**beta * (oracles.features(x, aux) ** 2).sum(axis=1).max()
    for h in (10.0**step, np.inf):
        assert model.log_energy(model.layer(x, h)) >= model.log_energy(x) - 1e-12 - 1e-15 * sharp


def test_the_first_token_rests_and_the_rest_come():
    """Under a causal mask token 1 sees itself alone. Tokens that met are not made one: the mask tells them apart."""
    x = tokens(np.random.default_rng(0), 12, 3, 0.3)
    model = mf.SelfAttention(2.0, mask=masks.causal())
    run = mf.flow(model, x, [0.0, 5.0, 60.0])
    np.testing.assert_allclose(run.x[:, 0], [x[0]] * 3, rtol=0, atol=1e-14)
    assert np.abs(run.x[-1] - x[0]).max() < 1e-9
    assert run.log_energy is None and "clusters" not in run.method
    with pytest.raises(ValueError, match="no energy"):
        print(run.energy)
    found = mf.maximize(model, x)
    assert found.converged and found.log_energy is None and np.abs(found.x - x[0]).max() < 1e-9


@pytest.mark.parametrize("mask", MASKS, ids=RULES)
def test_no_nan_at_any_beta(mask):
    rng = np.random.default_rng(1)
    for beta in (1e-300, 1e6, 1e300):
        for scale in (0.0, 1.0, 1e200):
            aux = mf.AdditivePE(rng.standard_normal((9, 3)) * np.logspace(-9, 0, 9)[:, None], scale)
            model = mf.SelfAttention(beta, auxiliary=aux, mask=mask)
            x = tokens(rng, 9, 3)
            assert np.isfinite(model.velocity(x)).all()
            np.testing.assert_allclose(np.linalg.norm(model.layer(x, np.inf), axis=1), 1.0)


def test_small_features_see_what_the_mask_shows():
    """Beside a token of large norm the others are computed by inner products: the mask must hold there too."""
    rng = np.random.default_rng(2)
    p = np.zeros((6, 3))
    p[4] = 40.0
    x = tokens(rng, 6, 3)
    for mask in MASKS:
        assert compare(x, 1.0, mf.AdditivePE(p), "softmax", "features", 0.3, mask)
