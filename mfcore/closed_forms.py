"""The formulas that experiments are held against. Angles in radians; `normalization` as in SelfAttention."""

import numpy as np
from scipy.integrate import quad
from scipy.optimize import brentq
from scipy.special import ive, lambertw

from . import _check

__all__ = [
    "circle_mode_growth",
    "circle_stability_threshold",
    "cubic_spread",
    "equiangular_rate",
    "large_scale_displacement",
    "prompt_threshold",
    "rotary_order_parameter",
    "time_to_cosine",
    "two_point_stability",
    "two_point_threshold",
    "universality_bound",
]


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


def rotary_order_parameter(block_norms, positions, frequencies):
    r"""Length of the mean token of a rotary orbit.

    .. math:: \Big|\int x\Big| = \sqrt{\sum_k r_k^2\, |\varphi(\omega_k)|^2},\qquad
              \varphi(\omega) = \frac1n\sum_i e^{\mathrm i\omega p_i}

    Parameters
    ----------
    block_norms : array_like, (d/2,)
        Norms r_k of the common feature z0 in the planes (2k, 2k+1), at least 0.
    positions : array_like, (n,)
        Positions of the tokens.
    frequencies : array_like, (d/2,)
        Angular frequencies of the planes.

    Returns
    -------
    float
        0 for a balanced orbit, |z0| = 1 for collapsed tokens.

    Raises
    ------
    TypeError, ValueError
        For arrays that are no such numbers, or of different lengths.

    Notes
    -----
    Derived in the book: the tokens at a maximizer are R_p^{-1} z0, and phi is the characteristic function of the law
    of positions, for p = 0, ..., n-1 a Dirichlet kernel.
    """
    block_norms = _check.real_array("block_norms", block_norms, 1)
    positions = _check.real_array("positions", positions, 1)
    frequencies = _check.real_array("frequencies", frequencies, 1)
    if len(block_norms) != len(frequencies):
        raise ValueError(f"block_norms and frequencies must be equally many, got {len(block_norms)}, {len(frequencies)}")
    if (block_norms < 0).any():
        raise ValueError(f"block_norms must be at least 0, got {block_norms.min():g}")
    mean = np.exp(1j * np.multiply.outer(frequencies, positions)).mean(axis=1)
    return float(np.linalg.norm(block_norms * np.abs(mean)))


def cubic_spread(p, beta, scale):
    r"""Where weak additive positions put the tokens, relative to their mean: the leading term for small scale s.

    .. math:: T(p) - \bar T = \beta s^3\, P\, \Sigma\, (p - m) + O(s^4),\qquad P = I - x_0x_0^\top

    with the mean m and the covariance Sigma of the positions, and x0 = m/|m| or, for m = 0, the top eigenvector of Sigma.

    Parameters
    ----------
    p : array_like, (n, d)
        Positions.
    beta : float
        Inverse temperature.
    scale : float
        Strength s of the encoding.

    Returns
    -------
    ndarray, (n, d)
        Displacements from the mean token.

    Raises
    ------
    TypeError, ValueError
        For positions or numbers that are none, or for m = 0 with a top eigenvector that is not unique.
    """
    p = _check.real_array("p", p, 2)
    beta = _check.real("beta", beta, 0.0)
    scale = _check.real("scale", scale)
    mean = p.mean(axis=0)
    centred = p - mean
    covariance = centred.T @ centred / len(p)
    values, vectors = np.linalg.eigh(covariance)
    length = np.linalg.norm(mean)
    if length > 1e-12 * max(np.abs(p).max(), np.finfo(float).tiny):
        axis = mean / length
    elif len(values) > 1 and values[-1] - values[-2] <= 1e-12 * values[-1]:
        raise ValueError("p has mean 0 and no single direction of largest variance: the limit of the tokens is not unique")
    else:
        axis = vectors[:, -1]
    spread = centred @ covariance
    return beta * scale**3 * (spread - np.outer(spread @ axis, axis))


def two_point_threshold(beta):
    r"""Distance a_c of two positions +-a from the origin at which collapsed and separated tokens have equal energy.

    .. math:: \sinh(2\beta a) = e^{-2\beta a^2} - e^{-2\beta(1+a+a^2)}

    Parameters
    ----------
    beta : float
        Inverse temperature.

    Returns
    -------
    float
        a_c, about asinh(1)/(2 beta) for large beta.

    Raises
    ------
    TypeError, ValueError
        For a beta that is no positive number.
    """
    beta = _check.real("beta", beta, 1e-150, 1e150)

    def excess(a):
        return np.sinh(2 * beta * a) + np.exp(-2 * beta * a * a) * np.expm1(-2 * beta * (1 + a))

    return float(brentq(excess, 0.0, np.arcsinh(1.0) / (2 * beta), xtol=1e-300, rtol=1e-15))


def two_point_stability(beta):
    r"""Between which distances of two positions +-a from the origin the separated and the collapsed tokens are stable.

    Separated, :math:`T(\pm a) = \pm e`: where :math:`a\,e^{2\beta(1+a)^2} > a + 2`. Collapsed, :math:`T = e`: where
    :math:`(aG_+ + h(1-a))(h(1+a) - aG_-) > h^2` with :math:`G_\pm = e^{\beta(1\pm a)^2}`, :math:`h = e^{\beta(1-a^2)}`.

    Parameters
    ----------
    beta : float
        Inverse temperature.

    Returns
    -------
    separated_from, collapsed_until : float
        The separated state is stable above the first (about 2 e^(-2 beta), 0 where that is no floating number), the
        collapsed one below the second.

    Raises
    ------
    TypeError, ValueError
        For a beta that is no number from 1e-6 to 1e6.
    """
    beta = _check.real("beta", beta, 1e-6, 1e6, strict=False)

    def separated(log_a):
        a = np.exp(log_a)
        return log_a + 2 * beta * (1 + a) ** 2 - np.log(a + 2)

    def collapsed(a):  # for a >= 1, divided by h^2 and in logarithms
        plus, minus = 2 * beta * a * (a + 1), 2 * beta * a * (a - 1)
        gap = 1 + a - a * np.exp(min(minus, 700.0))
        first = plus + np.log(a + (1 - a) * np.exp(-plus))
        return first + np.log(gap) if gap > 0 else -np.inf

    high = 1.0
    while collapsed(high) > 0:
        high *= 2
    low = np.log(2) - 2 * beta * 9  # a <= 2 has 2 beta (1 + a)^2 below 18 beta
    first = brentq(separated, low - 10, np.log(1 + 1 / beta) + 2, xtol=1e-15, rtol=1e-15)
    second = brentq(lambda a: max(collapsed(a), -1.0), 1.0, high, xtol=1e-15, rtol=1e-15)
    return float(np.exp(first)), float(second)


def circle_mode_growth(k, beta, radius):
    r"""Growth rate of mode k about the identity, for positions that are uniform on a circle.

    .. math:: \frac{k^2}{\kappa} I_k(\kappa) - a\, I_1(\kappa),\qquad \kappa = \beta(1+a)^2

    is the rate at which :math:`\theta + \varepsilon\cos k\theta` leaves or nears :math:`T(p) = p/|p|` in the
    unnormalized flow on the circle.

    Parameters
    ----------
    k : int or array_like of int
        Mode, at least 0.
    beta : float
        Inverse temperature.
    radius : float
        Radius a of the circle of positions, at least 0.

    Returns
    -------
    float or ndarray
        Rates in 1/time.

    Raises
    ------
    OverflowError
        Where a rate exceeds the floating range.
    TypeError, ValueError
        For numbers that are none, or out of range.
    """
    k = _check.real_array("k", k, (0, 1))
    if (k < 0).any() or (k != np.round(k)).any():
        raise ValueError(f"k must hold integers that are at least 0, got {k}")
    beta = _check.real("beta", beta, 0.0)
    radius = _check.real("radius", radius, 0.0, strict=False)
    kappa = beta * (1 + radius) ** 2
    with np.errstate(over="ignore"):
        rate = np.exp(kappa) * (k**2 / kappa * ive(k, kappa) - radius * ive(1, kappa))
    if not np.isfinite(rate).all():
        raise OverflowError("the unnormalized rate exceeds the floating range: take a smaller beta or radius")
    return rate if rate.ndim else float(rate)


def circle_stability_threshold(beta):
    r"""Radius a_loc of a circle of positions above which the identity T(p) = p/|p| is stable in every mode.

    .. math:: a = \max_k \frac{k^2 I_k(\kappa)}{\kappa I_1(\kappa)},\qquad \kappa = \beta(1+a)^2

    Parameters
    ----------
    beta : float
        Inverse temperature.

    Returns
    -------
    float
        a_loc; its limit for large beta is 2/e.

    Raises
    ------
    TypeError, ValueError
        For a beta that is no number from 1e-6 to 1e6.
    """
    beta = _check.real("beta", beta, 1e-6, 1e6, strict=False)

    def excess(a):
        kappa = beta * (1 + a) ** 2
        # k^2 I_k is about k^2 exp(-k^2 / (2 kappa)), largest at sqrt(2 kappa).
        k = np.arange(1, int(3 * np.sqrt(2 * kappa)) + 3)
        return a - (k**2 * ive(k, kappa)).max() / (kappa * ive(1, kappa))

    return float(brentq(excess, 0.0, 1 + beta ** (-1 / 3) + 1, xtol=1e-14, rtol=1e-14))


def large_scale_displacement(grad_log_density, beta, scale):
    r"""By how much strong additive positions miss the identity: the leading term for large scale s.

    .. math:: T(p) - p = \frac{\nabla\log\rho(p)}{\beta s(1+s)} + \dots

    for positions on the unit sphere with a smooth positive density rho.

    Parameters
    ----------
    grad_log_density : array_like
        Gradient of the log-density along the sphere, at any points.
    beta : float
        Inverse temperature.
    scale : float
        Strength s of the encoding, positive.

    Returns
    -------
    float or ndarray
        Displacements, of the shape of the gradient.

    Raises
    ------
    TypeError, ValueError
        For numbers that are none, or out of range.
    """
    gradient = _check.real_array("grad_log_density", grad_log_density)
    beta = _check.real("beta", beta, 0.0)
    scale = _check.real("scale", scale, 0.0)
    shift = gradient / (beta * scale * (1 + scale))
    return shift if shift.ndim else float(shift)


def universality_bound(n):
    r"""The kappa = beta R^2 above which any n targets are stationary for some positions: kappa e^(kappa+1) = n - 1.

    Parameters
    ----------
    n : int
        Number of targets, at least 1.

    Returns
    -------
    float
        kappa, about log n for many targets.

    Raises
    ------
    TypeError, ValueError
        For an n that is no such integer.
    """
    n = _check.count("n", n)
    return float(lambertw((n - 1) / np.e).real)


def prompt_threshold(beta, radius=1.0):
    r"""Weight lambda_c at which two opposite prompts +-r, one for each half of the tokens, hold them apart or not.

    .. math:: \lambda_c = \frac{\sinh\beta}{2\sinh(\beta r)}

    Collapsed and separated tokens have equal energy there.

    Parameters
    ----------
    beta : float
        Inverse temperature.
    radius : float, optional
        Length r of the prompts.

    Returns
    -------
    float
        lambda_c, 1/2 for unit prompts at every beta.

    Raises
    ------
    OverflowError
        If it exceeds the floating range.
    TypeError, ValueError
        For numbers that are none, or not positive.
    """
    beta = _check.real("beta", beta, 0.0)
    radius = _check.real("radius", radius, 0.0)
    # sinh(x) = e^x (1 - e^(-2x)) / 2
    with np.errstate(over="ignore", divide="ignore"):
        ratio = 0.5 * np.exp(beta - beta * radius) * (np.expm1(-2 * beta) / np.expm1(-2 * beta * radius))
    if not np.isfinite(ratio):
        raise OverflowError("lambda_c exceeds the floating range: take a smaller beta or a larger radius")
    return float(ratio)
