"""How far tokens are from few directions, and from one point: four measures that the literature calls rank.

Rows are tokens. They need not be unit: hidden states and attention matrices are measured as well.
"""

import numpy as np

from . import _check

__all__ = ["affine", "distance_to_rank_one", "effective", "numerical"]


def _singular_values(x):
    """Singular values in units of the largest entry, so that neither huge nor tiny entries leave the floating range."""
    largest = np.abs(x).max()
    return np.linalg.svd(x / largest, compute_uv=False) if largest > 0 else np.zeros(1)


def _centred(x):
    """Rows less their mean; differences come first, for near rows lose no digits that way."""
    apart = x - x[0]
    return apart - apart.mean(axis=0)


def numerical(x, rtol=1e-10):
    """Number of singular values above `rtol` times the largest.

    Parameters
    ----------
    x : array_like, (n, d)
        Tokens, or any matrix.
    rtol : float, optional
        Tolerance, in (0, 1). Singular values carry an error of about 1e-15 of the largest.

    Returns
    -------
    int
        From 0 (all entries zero) to min(n, d).

    Raises
    ------
    TypeError, ValueError
        For what is no finite matrix, or a tolerance out of range.
    """
    x = _check.real_array("x", x, 2)
    values = _singular_values(x)
    return int((values > _check.real("rtol", rtol, 0.0, 1.0) * values[0]).sum())


def affine(x, rtol=1e-10):
    """Dimension of the affine hull of the rows: the rank of the rows less their mean.

    Parameters
    ----------
    x : array_like, (n, d)
        Tokens.
    rtol : float, optional
        Tolerance, in (0, 1), of the largest singular value of `x` itself: tokens that differ by rounding are one point.

    Returns
    -------
    int
        From 0 (all rows equal) to min(n - 1, d).

    Raises
    ------
    TypeError, ValueError
        For what is no finite matrix, or a tolerance out of range.
    """
    x = _check.real_array("x", x, 2)
    rtol = _check.real("rtol", rtol, 0.0, 1.0)
    largest = np.abs(x).max()
    if largest == 0.0:
        return 0
    x = x / largest / 2  # a difference of two rows stays in the floating range
    values = np.linalg.svd(_centred(x), compute_uv=False)
    return int((values > rtol * np.linalg.svd(x, compute_uv=False)[0]).sum())


def distance_to_rank_one(x):
    r"""Frobenius distance to the nearest matrix with equal rows, :math:`\min_y \|X - \mathbf 1 y^\top\|`.

    Parameters
    ----------
    x : array_like, (n, d)
        Tokens.

    Returns
    -------
    float
        0 where all tokens are one; for unit tokens at most sqrt(n).

    Raises
    ------
    OverflowError
        If it exceeds the floating range.
    TypeError, ValueError
        For what is no finite matrix.

    Notes
    -----
    The nearest row is the mean. "Rank one" here means that all tokens agree, as in the source; tokens x and -x make a
    matrix of rank one too and are far from it. Small distances are exact to about 1e-16 of the tokens' size.

    References
    ----------
    Dong, Cordonnier, Loukas, arXiv 2103.03404 (there in a mixed norm).
    """
    x = _check.real_array("x", x, 2)
    largest = np.abs(x).max()
    if largest == 0.0:
        return 0.0
    with np.errstate(over="ignore"):
        distance = 2 * np.linalg.norm(_centred(x / largest / 2)) * largest
    if not np.isfinite(distance):
        raise OverflowError("the distance exceeds the floating range: scale x down")
    return float(distance)


def effective(x):
    r"""Effective rank: exponential of the entropy of the singular values, :math:`e^{-\sum_k p_k\log p_k},\ p_k=\sigma_k/\sum\sigma`.

    Parameters
    ----------
    x : array_like, (n, d)
        Tokens, or any matrix that is not zero.

    Returns
    -------
    float
        From 1 (one direction) to min(n, d) (all singular values equal).

    Raises
    ------
    TypeError, ValueError
        For what is no finite matrix, or is zero.

    References
    ----------
    Roy and Vetterli, The effective rank, EUSIPCO 2007.
    """
    values = _singular_values(_check.real_array("x", x, 2))
    if values[0] == 0.0:
        raise ValueError("x is zero: its effective rank is not defined")
    share = values / values.sum()
    share = share[share > 0]
    return float(np.exp(-(share * np.log(share)).sum()))
