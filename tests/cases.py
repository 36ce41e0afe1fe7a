"""Random models and tokens for the tests: every kind of auxiliary variable, small to large."""

import numba
import numpy as np
import pytest

import mfcore as mf

# Warnings are errors. Only interpreted kernels (see test_coverage) warn of overflows that they are written to meet.
INTERPRETED = bool(numba.config.DISABLE_JIT)
STRICT = pytest.mark.filterwarnings("error", *(["ignore::RuntimeWarning:mfcore._kernels"] if INTERPRETED else []))
KINDS = ("none", "additive", "rotary", "concat")
ALL_KINDS = (*KINDS, "affine", "factors")


def sizes(small, *large):
    """Parameters for tests that are slow when the kernels are interpreted: then the small ones do."""
    return [*small, *(pytest.param(*size, marks=pytest.mark.compiled) for size in large)]



def tokens(rng, n, d, spread=np.inf):
    """Unit rows: uniform, or around one point with the given spread."""
    noise = rng.standard_normal((n, d))
    centre = rng.standard_normal(d)
    x = noise if np.isinf(spread) else centre / np.linalg.norm(centre) + spread * noise
    return x / np.linalg.norm(x, axis=1, keepdims=True)


def auxiliary(kind, rng, n, d, scale=1.0):
    """An auxiliary variable of that kind for n tokens in dimension d (even for "rotary")."""
    if kind == "none":
        return None
    if kind == "additive":
        return mf.AdditivePE(rng.standard_normal((n, d)), scale)
    if kind == "rotary":
        return mf.RotaryPE(scale * rng.standard_normal(n), rng.uniform(0.1, 3.0, d // 2))
    if kind == "affine":
        return mf.AffineFeature(scale * rng.standard_normal((n, d, d)) / np.sqrt(d), rng.standard_normal((n, d)))
    if kind == "factors":
        return mf.AffineFeature(scale * rng.standard_normal(n))
    return mf.ConcatPE(rng.standard_normal((n, 2)), scale)


def reordered(aux, order):
    """The same auxiliary variable with its tokens in another order."""
    if aux is None:
        return None
    if isinstance(aux, mf.AdditivePE):
        return mf.AdditivePE(aux.p[order], aux.scale)
    if isinstance(aux, mf.RotaryPE):
        return mf.RotaryPE(aux.positions[order], aux.frequencies)
    if isinstance(aux, mf.AffineFeature):
        return mf.AffineFeature(aux.A[order], None if aux.b is None else aux.b[order])
    return mf.ConcatPE(aux.p[order], aux.kappa)
