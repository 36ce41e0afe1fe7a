"""Points on the unit sphere S^{d-1}: sampling, projection, tangents and geodesics."""

import numpy as np

from . import _check

__all__ = ["distance", "geodesic", "project", "sample", "tangent"]


def sample(n, d, rng):
    """Independent uniform points on the sphere.

    Parameters
    ----------
    n : int
        Number of points, at least 1.
    d : int
        Dimension of the space around the sphere S^{d-1}, at least 1 (d = 1 gives the two points -1, 1).
    rng : numpy.random.Generator
        Source of randomness, e.g. ``np.random.default_rng(0)``.

    Returns
    -------
    ndarray, (n, d)
        Unit rows.

    Raises
    ------
    TypeError
        If n or d is no integer or rng is no Generator.
    ValueError
        If n or d is below 1.

    Notes
    -----
    A standard Gaussian vector is rotation invariant, so its direction is uniform.
    """
    n, d = _check.count("n", n), _check.count("d", d)
    gaussian = _check.generator("rng", rng).standard_normal((n, d))
    while (zero := ~gaussian.any(axis=1)).any():
        gaussian[zero] = rng.standard_normal((int(zero.sum()), d))
    return project(gaussian)


def project(x):
    """The nearest points of the sphere, N(x) = x/|x|.

    Parameters
    ----------
    x : array_like, (d,) or (n, d)
        Vectors, none of them zero.

    Returns
    -------
    ndarray, same shape as x
        Unit vectors.

    Raises
    ------
    ValueError
        For a zero vector, which has no nearest point.
    """
    x = _check.real_array("x", x, (1, 2))
    largest = np.abs(x).max(axis=-1, keepdims=True)
    if not largest.all():
        raise ValueError("x must have no zero row: the zero vector has no direction")
    x = x / largest  # keeps the squares in range
    return x / np.linalg.norm(x, axis=-1, keepdims=True)


def tangent(x, v):
    """The tangential part P_x v = v - <x, v> x.

    Parameters
    ----------
    x : array_like, (d,) or (n, d)
        Points of the sphere.
    v : array_like, same shape as x
        Vectors.

    Returns
    -------
    ndarray, same shape as x
        Vectors orthogonal to x, row by row.

    Raises
    ------
    ValueError
        If x has rows off the sphere or the shapes differ.
    """
    x, v = _check.unit_rows("x", x, (1, 2)), _check.real_array("v", v, (1, 2))
    if x.shape != v.shape:
        raise ValueError(f"v must have the shape {x.shape} of x, got {v.shape}")
    return v - x * (x * v).sum(axis=-1, keepdims=True)


def _pair(x, y):
    x, y = _check.unit_rows("x", x, (1, 2)), _check.unit_rows("y", y, (1, 2))
    if x.shape[-1] != y.shape[-1]:
        raise ValueError(f"y must have dimension {x.shape[-1]} like x, got {y.shape[-1]}")
    try:
        return np.broadcast_arrays(x, y)
    except ValueError:
        raise ValueError(f"y must have as many rows as x or one, got {y.shape} beside {x.shape}") from None


def distance(x, y):
    """Great-circle distance in radians, accurate at both ends of [0, pi].

    Parameters
    ----------
    x, y : array_like, (d,) or (n, d)
        Points of the sphere; one point is compared with each row of the other.

    Returns
    -------
    ndarray, (n,), or float for two single points
        Angles in [0, pi].

    Raises
    ------
    ValueError
        If rows are off the sphere or the shapes do not match.
    """
    x, y = _pair(x, y)
    return 2 * np.arctan2(np.linalg.norm(x - y, axis=-1), np.linalg.norm(x + y, axis=-1))


def geodesic(x, y, s):
    """The point at fraction s of the shorter great circle from x to y.

    Parameters
    ----------
    x, y : array_like, (d,) or (n, d)
        End points, no two of them antipodal.
    s : float or array_like, (n,)
        Fraction of the way; 0 is x, 1 is y, values outside [0, 1] go beyond.

    Returns
    -------
    ndarray, (d,) or (n, d)
        Unit vectors.

    Raises
    ------
    ValueError
        If rows are off the sphere, shapes do not match, or a pair is antipodal.
    """
    angle = np.asarray(distance(x, y))
    x, y = _pair(x, y)
    if (angle > np.pi - 1e-7).any():
        raise ValueError("y must not be antipodal to x: the shorter great circle is then not unique")
    s = _check.real_array("s", s, (0, 1))
    if s.shape not in ((), angle.shape):
        raise ValueError(f"s must be one number or have shape {angle.shape}, got {s.shape}")

    # sin(s a)/sin(a) by sinc, which is 1 at a = 0
    def weight(part):
        return part * np.sinc(part * angle / np.pi) / np.sinc(angle / np.pi)

    return project(weight(1 - s)[..., None] * x + weight(s)[..., None] * y)
