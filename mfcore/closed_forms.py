"""The formulas that experiments are held against. Angles in radians; `normalization` as in SelfAttention."""

import numpy as np
from scipy.integrate import quad

from . import _check

__all__ = ["equiangular_rate", "time_to_cosine"]


def _equiangular(cosine, name, n, beta, normalization):
    n = _check.count("n", n, 2)
    beta = _check.real("beta", beta, 0.0)
    _check.choice("normalization", normalization, ("softmax", "none"))
    cosine = _check.real_array(name, cosine, (0, 1))
    if (cosine < -1 / (n - 1) - 1e-12).any() or (cosine > 1).any():
        raise ValueError(
            f"{name} must be in [-1/(n-1), 1], the cosines that n equiangular tokens can have, got {cosine}"
        )
    return cosine, n, beta


def equiangular_rate(cosine, n, beta, normalization="softmax"):
    r"""Rate of change of the common cosine of n equiangular tokens.

    .. math:: \dot\rho = \frac{2 e^{\beta\rho}(1-\rho)((n-1)\rho+1)}{e^\beta+(n-1)e^{\beta\rho}}\ \text{(softmax)},
              \qquad \dot\rho = \tfrac2n e^{\beta\rho}(1-\rho)((n-1)\rho+1)\ \text{(none)}.

    Parameters
    ----------
    cosine : float or array_like, (k,)
        Common cosine of all pairs, in [-1/(n-1), 1].
    n : int
        Number of tokens, at least 2. Such tokens exist in dimension d >= n.
    beta : float
        Inverse temperature.
    normalization : {"softmax", "none"}, optional
        Which flow.

    Returns
    -------
    float or ndarray, (k,)
        d cosine / dt.

    Raises
    ------
    OverflowError
        Without softmax, where the rate exceeds the floating range.
    TypeError, ValueError
        For arguments outside these ranges.

    References
    ----------
    Geshkovski, Letrouit, Polyanskiy, Rigollet, arXiv 2312.10794.
    """
    cosine, n, beta = _equiangular(cosine, "cosine", n, beta, normalization)
    shape = (1 - cosine) * ((n - 1) * cosine + 1)
    if normalization == "softmax":
        rate = 2 * shape * np.exp(beta * (cosine - 1)) / (1 + (n - 1) * np.exp(beta * (cosine - 1)))
    else:
        with np.errstate(over="ignore"):
            rate = 2 / n * np.exp(beta * cosine) * shape
        if not np.isfinite(rate).all():
            raise OverflowError("the unnormalized rate exceeds the floating range: use normalization='softmax'")
    return rate if np.ndim(rate) else float(rate)


def time_to_cosine(target, start, n, beta, normalization="softmax"):
    r"""Time in which n equiangular tokens go from one common cosine to another: one quadrature of 1/rate.

    Parameters
    ----------
    target : float or array_like, (k,)
        Cosine to be reached, from `start` to below 1.
    start : float
        Cosine at time 0, above -1/(n-1) (there the tokens balance and never move).
    n : int
        Number of tokens, at least 2.
    beta : float
        Inverse temperature.
    normalization : {"softmax", "none"}, optional
        Which flow.

    Returns
    -------
    float or ndarray, (k,)
        Times, each to a relative accuracy of about 1e-10.

    Raises
    ------
    OverflowError
        If a time exceeds the floating range.
    TypeError, ValueError
        For arguments outside these ranges.

    Notes
    -----
    Integrated in :math:`u = \log\frac{1+(n-1)\rho}{1-\rho}`, in which both ends are smooth: the rate there is
    :math:`2n/(e^{\beta(1-\rho)}+n-1)` for the softmax and :math:`2e^{\beta\rho}` without.
    """
    target, n, beta = _equiangular(target, "target", n, beta, normalization)
    start = _check.real("start", start, -1 / (n - 1), 1.0)
    if (target < start).any() or (target >= 1).any():
        raise ValueError(f"target must be in [start, 1) = [{start:g}, 1), got {target}")

    def slowness(u):
        gap = n / (np.exp(u) + n - 1)  # 1 - cosine
        if normalization == "softmax":
            return (np.exp(beta * gap) + n - 1) / (2 * n)
        return np.exp(beta * (gap - 1)) / 2

    # Integrated from start in steps of u, so that a target close to start loses no digits.
    begin = np.log1p((n - 1) * start) - np.log1p(-start)
    reach = np.atleast_1d(target)
    way = np.log1p((n - 1) * (reach - start) / (1 + (n - 1) * start)) + np.log1p((reach - start) / (1 - reach))

    largest = beta * (1 - start) if normalization == "softmax" else -beta * start
    if largest > 700:
        raise OverflowError(f"the time exceeds the floating range: it grows like e^{largest:g}")
    times = [quad(lambda du: slowness(begin + du), 0, end, epsabs=0, epsrel=1e-12, limit=500)[0] for end in way]
    return np.array(times) if target.ndim else float(times[0])
