"""Auxiliary variables: each token i carries a frozen p_i, which enters as a feature z_i = A_i x_i + b_i.

Attention compares features, exp(beta <z_i, z_j>), and sends back the pullback A_i^T sum_j w_ij z_j.
The kernels read every such map as two arrays, the planes of a rotation A_i and the shift b_i: `_affine`.
"""

import numpy as np

from . import _check

__all__ = ["AdditivePE", "ConcatPE", "RotaryPE"]


LARGEST = 1e300  # up to here sums over tokens stay in the floating range


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
        return np.empty((n, 0, 0)), self._shift


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
        self._planes = np.stack([np.cos(angle), np.sin(angle)], axis=-1)
        self._made = True

    def _affine(self, n, d):
        _fits(self.positions, n, "positions")
        if d % 2:
            raise ValueError(f"RotaryPE needs an even dimension, got d = {d}")
        if d != 2 * len(self.frequencies):
            raise ValueError(f"frequencies must have d/2 = {d // 2} entries, got {len(self.frequencies)}")
        return self._planes, np.zeros((n, d))


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
        return np.empty((n, 0, 0)), np.hstack([np.zeros((n, d)), self._tail])
