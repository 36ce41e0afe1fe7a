"""Auxiliary variables: each token i carries a frozen p_i, which enters as a feature z_i = A_i x_i + b_i.

Attention compares features, exp(beta <z_i, z_j>), and sends back the pullback A_i^T sum_j w_ij z_j.
The kernels read every such map as two arrays, the diagonal blocks of A_i and the shift b_i, and want to know whether
all A_i are orthogonal: `_affine`. A prompt is a source that no layer updates.
"""

import numpy as np

from . import _check

__all__ = ["AdditivePE", "AffineFeature", "ConcatPE", "Prompt", "RotaryPE"]


LARGEST = 1e300  # up to here sums over tokens stay in the floating range
ORTHOGONAL = 1e-14  # matrices are orthogonal whose columns are orthonormal to this


def _identity(n):
    return np.empty((n, 0, 0, 0))


def _features(name, array):
    array = _check.real_array(name, array)
    if np.abs(array).max() > LARGEST:
        raise ValueError(f"{name} must not exceed {LARGEST:g}, got {array.flat[np.abs(array).argmax()]:g}")
    return array


def _fits(p, n, name):
    if len(p) != n:
        raise ValueError(f"{name} was given for {len(p)} tokens, but there are {n}")


class AdditivePE(_check.Fixed):
    """Additive positional encoding, z_i = x_i + scale p_i.

    Parameters
    ----------
    p : array_like, (n, d)
        One position a token, any finite vectors.
    scale : float, optional
        Strength s of the encoding; 0 switches it off.

    Raises
    ------
    TypeError
        If p or scale is not real.
    ValueError
        If p is empty or not finite, or if scale * p exceeds 1e300.
    """

    def __init__(self, p, scale=1.0):
        self.p = _check.frozen(_check.real_array("p", p, 2))
        self.scale = _check.real("scale", scale)
        with np.errstate(over="ignore"):
            self._shift = _features("scale * p", self.scale * self.p)
        self._made = True

    def _affine(self, n, d):
        _fits(self.p, n, "p")
        if self.p.shape[1] != d:
            raise ValueError(f"p must have dimension {d} like the tokens, got {self.p.shape[1]}")
        return _identity(n), self._shift, True


class RotaryPE(_check.Fixed):
    """Rotary positional encoding, z_i = R_{p_i} x_i.

    R_p turns the plane of the coordinates (2k, 2k+1) by the angle p * frequencies[k].

    Parameters
    ----------
    positions : array_like, (n,)
        One real position a token.
    frequencies : array_like, (d/2,)
        One angular frequency a plane, in radians per unit of position.

    Raises
    ------
    TypeError
        If an argument is not real.
    ValueError
        If an argument is empty or not finite; on use, if the dimension d is odd or not twice the number
        of frequencies.

    References
    ----------
    Su et al., RoFormer, arXiv 2104.09864. Here the values carry the rotation too (the gradient form).
    """

    def __init__(self, positions, frequencies):
        self.positions = _check.frozen(_check.real_array("positions", positions, 1))
        self.frequencies = _check.frozen(_check.real_array("frequencies", frequencies, 1))
        with np.errstate(over="ignore"):
            angle = np.multiply.outer(self.positions, self.frequencies)
        angle = _check.real_array("positions * frequencies", angle)
        cos, sin = np.cos(angle), np.sin(angle)
        self._blocks = _check.frozen(np.stack([cos, -sin, sin, cos], axis=-1).reshape(*angle.shape, 2, 2))
        self._made = True

    def _affine(self, n, d):
        _fits(self.positions, n, "positions")
        if d % 2:
            raise ValueError(f"RotaryPE needs an even dimension, got d = {d}")
        if d != 2 * len(self.frequencies):
            raise ValueError(f"frequencies must have d/2 = {d // 2} entries, got {len(self.frequencies)}")
        return self._blocks, np.zeros((n, d)), True


class ConcatPE(_check.Fixed):
    """Concatenated positional encoding, z_i = (x_i, sqrt(kappa) p_i).

    The kernel becomes exp(beta (<x_i, x_j> + kappa <p_i, p_j>)): a positional bias.

    Parameters
    ----------
    p : array_like, (n, m)
        One position a token, any finite vectors.
    kappa : float, optional
        Strength of the bias, at least 0.

    Raises
    ------
    TypeError
        If p or kappa is not real.
    ValueError
        If p is empty or not finite, if kappa is negative, or if sqrt(kappa) * p exceeds 1e300.
    """

    def __init__(self, p, kappa=1.0):
        self.p = _check.frozen(_check.real_array("p", p, 2))
        self.kappa = _check.real("kappa", kappa, 0.0, strict=False)
        with np.errstate(over="ignore"):
            self._tail = _features("sqrt(kappa) * p", np.sqrt(self.kappa) * self.p)
        self._made = True

    def _affine(self, n, d):
        _fits(self.p, n, "p")
        return _identity(n), np.hstack([np.zeros((n, d)), self._tail]), True


class AffineFeature(_check.Fixed):
    """Any feature map of the form z_i = A_i x_i + b_i: bring your own.

    Parameters
    ----------
    A : array_like, (n, d, d) or (n,), optional
        One matrix a token, or one factor a token (a temperature: beta a_i a_j takes the place of beta); by default 1.
    b : array_like, (n, d), optional
        One shift a token; by default 0.

    Raises
    ------
    TypeError
        If A or b is not real.
    ValueError
        If an argument is empty, not finite or beyond 1e300, if the shapes disagree, or if neither is given.
    """

    def __init__(self, A=None, b=None):
        if A is None and b is None:
            raise ValueError("AffineFeature needs A or b: without an auxiliary variable give auxiliary=None")
        self.A = None if A is None else _check.frozen(_features("A", _check.real_array("A", A, (1, 3))))
        self.b = None if b is None else _check.frozen(_features("b", _check.real_array("b", b, 2)))
        if A is not None and self.A.ndim == 3 and self.A.shape[1] != self.A.shape[2]:
            raise ValueError(f"A must have square matrices, got shape {self.A.shape}")
        self._made = True

    def _affine(self, n, d):
        for name, array in (("A", self.A), ("b", self.b)):
            if array is not None:
                _fits(array, n, name)
                if array.ndim > 1 and array.shape[-1] != d:
                    raise ValueError(f"{name} must have dimension {d} like the tokens, got {array.shape[-1]}")
        shift = np.zeros((n, d)) if self.b is None else self.b
        if self.A is None:
            return _identity(n), shift, True
        if self.A.ndim == 1:
            blocks = np.empty((n, d, 1, 1))
            blocks[:] = self.A[:, None, None, None]
        else:
            blocks = self.A[:, None]
        gram = np.swapaxes(blocks, -1, -2) @ blocks
        return blocks, shift, bool(np.abs(gram - np.eye(blocks.shape[-1])).max() <= ORTHOGONAL)


class Prompt(_check.Fixed):
    """Sources that tokens attend to and no layer updates: a fixed part of the input beside the tokens.

    Together they have `weight` times the mass of all tokens. They are features: the auxiliary variable does not act
    on them.

    Parameters
    ----------
    vectors : array_like, (m, e), or (n, e) if not shared
        The prompt, any finite vectors of the features' dimension e.
    weight : float, optional
        Mass of the prompt relative to that of the tokens, positive.
    shared : bool, optional
        Whether every token sees all of them; otherwise token i sees row i alone, with all the mass.

    Raises
    ------
    TypeError
        If vectors or weight is not real, or shared no bool.
    ValueError
        If vectors is empty, not finite or beyond 1e300, or weight not positive; on use, if the shape does not fit.
    """

    def __init__(self, vectors, weight=1.0, shared=True):
        self.vectors = _check.frozen(_features("vectors", _check.real_array("vectors", vectors, 2)))
        self.weight = _check.real("weight", weight, 0.0)
        if not isinstance(shared, bool):
            raise TypeError(f"shared must be True or False, got {shared!r}")
        self.shared = shared
        self._made = True

    def _sources(self, n, e):
        """Shared sources (m, e), sources of one token each (n or 0, e), and the logarithm of the mass of one."""
        if self.vectors.shape[1] != e:
            raise ValueError(f"vectors must have dimension {e} like the features, got {self.vectors.shape[1]}")
        nobody = np.empty((0, e))
        if self.shared:
            return self.vectors, nobody, np.log(n) + np.log(self.weight) - np.log(len(self.vectors))
        _fits(self.vectors, n, "vectors")
        return nobody, self.vectors, np.log(n) + np.log(self.weight)
