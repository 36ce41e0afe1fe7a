"""Distances between laws of tokens."""

import math

import numpy as np
from scipy.optimize import linear_sum_assignment
from scipy.spatial.distance import cdist

from . import _check

__all__ = ["wasserstein2"]

MOST_PAIRED = 4_000  # tokens a side, repeated to equal numbers: the assignment takes a matrix of their distances
MOST_ON_CIRCLE = 10_000_000  # the same where sorting is enough


def wasserstein2(x, y):
    r"""Wasserstein distance of order 2 between the uniform laws on two sets of tokens, in geodesic distance.

    .. math:: W_2(\mu,\nu)^2 = \min_\gamma\iint \operatorname{dist}(x,y)^2\, d\gamma

    Parameters
    ----------
    x : array_like, (n, d)
        Tokens, unit rows, each of mass 1/n.
    y : array_like, (m, d)
        Others, each of mass 1/m.

    Returns
    -------
    float
        From 0 to pi.

    Raises
    ------
    TypeError, ValueError
        For tokens that are none, of different dimensions, or too many: rows are repeated to the least common multiple
        of n and m, at most 10,000,000 on the circle and 4,000 otherwise.

    Notes
    -----
    Exact. On the circle an optimal plan is monotone up to a rotation of the order, and the cost is convex in that
    rotation (Delon, Salomon and Sobolevski, Fast transport optimization for Monge costs on the circle, 2010); elsewhere
    an optimal assignment by scipy.
    """
    x, y = _check.unit_rows("x", x), _check.unit_rows("y", y)
    n, d = x.shape
    if y.shape[1] != d:
        raise ValueError(f"x and y must have the same dimension, got shapes {x.shape} and {y.shape}")
    count = math.lcm(n, len(y))
    most = MOST_ON_CIRCLE if d == 2 else MOST_PAIRED
    if count > most:
        raise ValueError(
            f"x and y must have at most {most} rows once they are repeated to equal numbers, got {n} and {len(y)}: "
            "take numbers that divide each other, or fewer"
        )
    if d == 2:
        x, y = (np.repeat(np.sort(np.arctan2(z[:, 1], z[:, 0])), count // len(z)) for z in (x, y))
        return _on_circle(x, y)
    x, y = (np.repeat(z, count // len(z), axis=0) for z in (x, y))
    squares = (2 * np.arctan2(cdist(x, y), cdist(x, -y))) ** 2
    return float(np.sqrt(squares[linear_sum_assignment(squares)].mean()))


def _on_circle(x, y):
    """The same for sorted angles: x_i goes to y_(i + k), y continued by full turns; the cost is convex in k."""
    n = len(x)
    line = np.concatenate([y - 2 * np.pi, y, y + 2 * np.pi])

    def cost(k):
        return ((x - line[n + k : 2 * n + k]) ** 2).mean()

    low, high = -n, n
    while low < high:
        middle = (low + high) // 2
        if cost(middle) <= cost(middle + 1):
            high = middle
        else:
            low = middle + 1
    return float(np.sqrt(cost(low)))
