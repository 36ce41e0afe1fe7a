"""How many clusters: by gaps between tokens, and by modes of their kernel density."""

import numpy as np

from . import _check

__all__ = ["count_by_gaps", "count_modes"]

ROUNDING = 1e-13  # a slope of the density is zero below this part of the sum of its terms' sizes


def count_by_gaps(x, gap):
    """Number of groups of tokens, each joined by a chain of steps of at most `gap`.

    Parameters
    ----------
    x : array_like, (n, d)
        Tokens, unit rows.
    gap : float
        Geodesic distance in radians, positive and at most pi: tokens at most this far apart are in one group.

    Returns
    -------
    int
        From 1 to n.

    Raises
    ------
    TypeError, ValueError
        For tokens or a gap that are none.

    Notes
    -----
    Single linkage: a thin chain of tokens makes one group of two that the eye tells apart, and a gap below the distance
    of neighbours counts every token. See `count_modes`. The time is that of n^2 distances.
    """
    x = _check.unit_rows("x", x)
    gap = _check.real("gap", gap, 0.0, np.pi * (1 + 1e-15))
    chord = 4 * np.sin(min(gap, np.pi) / 2) ** 2  # squared, of differences: cosines lose small gaps
    alone = x
    groups = 0
    while len(alone):
        groups += 1
        reached, alone = [alone[0]], alone[1:]
        while reached and len(alone):
            near = ((alone - reached.pop()) ** 2).sum(axis=1) <= chord
            reached.extend(alone[near])
            alone = alone[~near]
    return groups


def count_modes(x, beta):
    r"""Number of modes of the kernel density of tokens on the circle.

    Parameters
    ----------
    x : array_like, (n, 2)
        Tokens, unit rows.
    beta : float
        Inverse temperature, below 1e6: the density is :math:`\sum_j e^{\beta(\langle y,x_j\rangle-1)}`.

    Returns
    -------
    int
        Number of its local maxima, at least 1.

    Raises
    ------
    TypeError, ValueError
        For tokens that are not on a circle, or a beta out of range.

    Notes
    -----
    The zeros of the derivative are counted by its changes of sign on a grid of a fortieth of the kernel's width
    1/sqrt(beta): two that are nearer, a maximum and a minimum about to meet, may be missed. Sums are relative to the
    nearest token, so a minimum between far clusters is found although the density there is below the floating range. A
    flat density, that of many evenly spaced tokens, has one mode by this count. Clusters nearer than about two widths
    share a mode. The time is that of n sqrt(beta) exponentials.
    """
    x = _check.unit_rows("x", x)
    if x.shape[1] != 2:
        raise ValueError(f"x must hold tokens on the circle, (n, 2), got shape {x.shape}")
    beta = _check.real("beta", beta, 0.0, 1e6)
    angle = np.arctan2(x[:, 1], x[:, 0])
    grid = np.linspace(-np.pi, np.pi, int(80 * np.pi * np.sqrt(beta)) + 400, endpoint=False)
    slopes = []
    for part in np.array_split(grid, 1 + len(grid) * len(angle) // 4_000_000):
        apart = angle - part[:, None]
        exponent = -2 * beta * np.sin(apart / 2) ** 2
        terms = np.exp(exponent - exponent.max(axis=1, keepdims=True)) * np.sin(apart)
        slope = terms.sum(axis=1)
        slopes.append(slope[np.abs(slope) > ROUNDING * np.abs(terms).sum(axis=1)])
    rising = np.concatenate(slopes) > 0
    return max(1, int((rising & ~np.roll(rising, -1)).sum()))
