"""The formulas that experiments are held against. Angles in radians; `normalization` as in SelfAttention."""

import numpy as np
from scipy.integrate import quad
from scipy.optimize import brentq
from scipy.special import betaln, gammaln, hyp0f1, ive, lambertw

from . import _check

__all__ = [
    "cap_times",
    "causal_rollout",
    "circle_mode_growth",
    "circle_stability_threshold",
    "cubic_spread",
    "decay_rollout",
    "equiangular_rate",
    "expected_modes",
    "fastest_mode",
    "harmonic_growth_rate",
    "head_freedom",
    "large_scale_displacement",
    "long_context_cosine",
    "mode_growth_rate",
    "noise_critical_beta",
    "noise_critical_coupling",
    "prompt_threshold",
    "retrieval_critical_time",
    "retrieval_profile",
    "rotary_order_parameter",
    "time_to_cosine",
    "two_cluster_lifetime",
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


def _modes(name, value):
    value = _check.real_array(name, value, (0, 1))
    if (value < 0).any() or (value != np.round(value)).any():
        raise ValueError(f"{name} must hold integers that are at least 0, got {value}")
    return value


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
    k = _modes("k", k)
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


def _log_bessel(order, beta):
    """Logarithm of I_order(beta) e^-beta, also where scipy's is 0: there the order is far above beta."""
    order = np.asarray(order, dtype=np.float64)
    scaled = ive(order, beta)
    small = scaled < 1e-290
    series = order * np.log(beta / 2) - gammaln(order + 1) + np.log(hyp0f1(order + 1, np.where(small, beta**2 / 4, 0)))
    with np.errstate(divide="ignore"):
        return np.where(small, series - beta, np.log(scaled))


def harmonic_growth_rate(degree, beta, d, normalization="none"):
    r"""Growth rate of a spherical harmonic about the uniform law, in the flow without auxiliary variable.

    .. math:: \frac{l(l+d-2)}{\beta}\,\lambda_l,\qquad
              \lambda_l = \Gamma(\tfrac d2)\,(2/\beta)^{d/2-1} I_{l+d/2-1}(\beta)

    for the unnormalized flow; the softmax flow divides by :math:`\lambda_0`.

    Parameters
    ----------
    degree : int or array_like of int
        Degree l, at least 0.
    beta : float
        Inverse temperature.
    d : int
        Dimension of the tokens, at least 2.
    normalization : {"none", "softmax"}, optional
        Which flow.

    Returns
    -------
    float or ndarray
        Rates in 1/time, none of them negative.

    Raises
    ------
    OverflowError
        Where an unnormalized rate exceeds the floating range.
    TypeError, ValueError
        For numbers that are none, or out of range.

    Notes
    -----
    A density :math:`1+\varepsilon Y_l` has the velocity :math:`\varepsilon\lambda_l\nabla Y_l/\beta`, whose divergence is
    :math:`-l(l+d-2)` times as large as its potential. The eigenvalues of the kernel :math:`e^{\beta\langle x,y\rangle}`
    are those of the Funk-Hecke formula. Known in the field; the proof is the book's.
    """
    degree = _modes("degree", degree)
    beta = _check.real("beta", beta, 0.0)
    d = _check.count("d", d, 2)
    _check.choice("normalization", normalization, ("none", "softmax"))
    order = d / 2 - 1
    with np.errstate(divide="ignore"):
        log_rate = np.log(degree * (degree + d - 2) / beta) + _log_bessel(degree + order, beta)
    if normalization == "softmax":
        log_rate -= _log_bessel(order, beta)
    else:
        log_rate += gammaln(d / 2) + order * np.log(2 / beta) + beta
    with np.errstate(over="ignore"):
        rate = np.exp(log_rate)
    if not np.isfinite(rate).all():
        raise OverflowError("the unnormalized rate exceeds the floating range: use normalization='softmax'")
    return rate if rate.ndim else float(rate)


def mode_growth_rate(k, beta, normalization="none"):
    r"""Growth rate of mode k about the uniform law on the circle.

    .. math:: \frac{k^2}{\beta} I_k(\beta)\ \text{(none)},\qquad \frac{k^2}{\beta}\frac{I_k(\beta)}{I_0(\beta)}\ \text{(softmax)}

    Parameters
    ----------
    k : int or array_like of int
        Mode, at least 0.
    beta : float
        Inverse temperature.
    normalization : {"none", "softmax"}, optional
        Which flow.

    Returns
    -------
    float or ndarray
        Rates in 1/time.

    Raises
    ------
    OverflowError
        Where an unnormalized rate exceeds the floating range.
    TypeError, ValueError
        For numbers that are none, or out of range.

    See Also
    --------
    harmonic_growth_rate : the same on spheres of any dimension.
    """
    return harmonic_growth_rate(_modes("k", k), beta, 2, normalization)


def fastest_mode(beta):
    r"""The mode that grows fastest about the uniform law on the circle: where k^2 I_k(beta) is largest.

    Parameters
    ----------
    beta : float
        Inverse temperature.

    Returns
    -------
    int
        The mode, about sqrt(2 beta) for large beta; the same for both flows.

    Raises
    ------
    TypeError, ValueError
        For a beta that is no positive number up to 1e8.
    """
    beta = _check.real("beta", beta, 0.0, 1e8)
    # k^2 I_k is about k^2 exp(-k^2 / (2 beta)), largest at sqrt(2 beta).
    k = np.arange(1, int(3 * np.sqrt(2 * beta)) + 3)
    return int(k[np.argmax(k**2 * ive(k, beta))])


def expected_modes(beta):
    r"""Expected number of modes of the kernel density of many uniform tokens on the circle.

    .. math:: \sqrt{\frac{\sum_k k^4 I_k(\beta)^2}{\sum_k k^2 I_k(\beta)^2}}
              = \sqrt{\tfrac32\,\beta\,\frac{I_0(2\beta)}{I_1(2\beta)} - \tfrac12}

    is the limit for infinitely many independent tokens of the number of local maxima of
    :math:`x\mapsto\sum_j e^{\beta\langle x,x_j\rangle}`.

    Parameters
    ----------
    beta : float
        Inverse temperature.

    Returns
    -------
    float
        1 for small beta, about sqrt(3 beta / 2) for large.

    Raises
    ------
    TypeError, ValueError
        For a beta that is no positive number.

    Notes
    -----
    Derived in the book: the derivative of the density, scaled, becomes a stationary Gaussian process, whose zeros the
    formula of Kac and Rice counts, and :math:`\sum_k I_k(\beta)^2 e^{ik\theta} = I_0(2\beta\cos(\theta/2))`.
    """
    beta = _check.real("beta", beta, 1e-300)
    return float(np.sqrt(1.5 * beta * ive(0, 2 * beta) / ive(1, 2 * beta) - 0.5))


def two_cluster_lifetime(start, stop, beta, kappa=0.0, position_cosine=1.0):
    r"""Time in which two equal clusters close from one angle to another in the softmax flow.

    .. math:: T = \int_{stop}^{start} \frac{1+e^{\beta(1-\cos\varphi)+\beta\kappa(1-c)}}{2\sin\varphi}\,d\varphi

    Parameters
    ----------
    start : float
        Angle at time 0, below pi.
    stop : float
        Angle to be reached, positive and at most `start`.
    beta : float
        Inverse temperature.
    kappa, position_cosine : float, optional
        Strength of a concatenated encoding with unit positions (see ConcatPE), and the cosine c of the two clusters'
        positions.

    Returns
    -------
    float
        The time, to a relative accuracy of about 1e-10.

    Raises
    ------
    OverflowError
        If the time exceeds the floating range.
    TypeError, ValueError
        For numbers that are none, or out of range.

    Notes
    -----
    Integrated in :math:`w = \log\tan(\varphi/2)`, where :math:`d\varphi/\sin\varphi = dw` and
    :math:`\cos\varphi = -\tanh w`. Known without an encoding; the encoding is the book's.
    """
    start = _check.real("start", start, 0.0, np.pi)
    stop = _check.real("stop", stop, 0.0, start * (1 + 1e-15))
    beta = _check.real("beta", beta, 0.0)
    kappa = _check.real("kappa", kappa, 0.0, strict=False)
    cosine = _check.real("position_cosine", position_cosine, -1.0, 1.0, strict=False)
    first, last = np.log(np.tan(stop / 2)), np.log(np.tan(start / 2))
    largest = beta * (1 - np.cos(start)) + beta * kappa * (1 - cosine)
    if largest > 700:
        raise OverflowError(f"the time exceeds the floating range: it grows like e^{largest:g}")
    # The integrand ends in a peak, as narrow as 1/beta: breakpoints lead up to it.
    width = np.cosh(last) ** 2 / beta
    points = [last - width * 4**k for k in range(8) if last - width * 4**k > first]
    edges = [first, *points[::-1], last]
    peak = np.tanh(last)
    parts = [
        quad(lambda w: np.exp(beta * (np.tanh(w) - peak)), low, high, epsabs=0, epsrel=1e-12, limit=200)[0]
        for low, high in zip(edges, edges[1:], strict=False)
    ]
    return float((last - first + np.exp(largest) * sum(parts)) / 2)


def cap_times(n, beta, eps, alpha):
    r"""Between which times separated caps of tokens have collapsed, each to nearly a point, and not yet moved.

    Tokens start in caps :math:`\langle x,w_q\rangle\ge 1-\varepsilon`, and points of different caps of twice that height
    have cosines of at most alpha. In the softmax flow every token is still in its cap of height 2 eps up to

    .. math:: T_2 = \frac{\sqrt\varepsilon}{2n}\, e^{(1-\alpha)\beta},

    and from :math:`T_1 = \tau\log(1+1/\delta)` on, up to then, tokens of a cap are at angles of at most
    :math:`2\varphi_0\delta`, where

    .. math:: \cos\varphi_0 = 1-8\varepsilon,\quad \tau = \frac{n\varphi_0}{2\sin\varphi_0}\,e^{8\varepsilon\beta},\quad
              \delta = 2n\,e^{-(1-\alpha)\beta}\,\tau/\varphi_0.

    Parameters
    ----------
    n : int
        Number of tokens.
    beta : float
        Inverse temperature.
    eps : float
        Height of the caps, positive and below 1/16.
    alpha : float
        Largest cosine between points of different caps of height 2 eps, from -1 to 1.

    Returns
    -------
    collapsed_from, kept_until : float
        T_1 and T_2. The statement says something where the first is the smaller.

    Raises
    ------
    OverflowError
        If a time exceeds the floating range.
    TypeError, ValueError
        For numbers that are none, or out of range.

    Notes
    -----
    A theorem of this kind is that of Geshkovski, Koubbi, Polyanskiy, Rigollet, arXiv 2410.06833; the constants here are
    those of the book's own proof.
    """
    n = _check.count("n", n)
    beta = _check.real("beta", beta, 0.0)
    eps = _check.real("eps", eps, 0.0, 1 / 16)
    alpha = _check.real("alpha", alpha, -1.0, 1.0, strict=False)
    angle = np.arccos(1 - 8 * eps)
    with np.errstate(over="ignore", invalid="ignore"):
        rest = n * angle / (2 * np.sin(angle)) * np.exp(8 * eps * beta)
        log_gap = np.log(2 * n * rest / angle) - (1 - alpha) * beta
        collapsed = rest * np.logaddexp(0.0, -log_gap)
        kept = np.sqrt(eps) / (2 * n) * np.exp((1 - alpha) * beta)
    if not (np.isfinite(collapsed) and np.isfinite(kept)):
        raise OverflowError("a time exceeds the floating range: take a smaller beta")
    return float(collapsed), float(kept)


def noise_critical_beta(d):
    r"""Inverse temperature up to which noisy attention condenses continuously: I_{d/2+1}/I_{d/2} = 1/d.

    Parameters
    ----------
    d : int
        Dimension of the tokens, at least 2.

    Returns
    -------
    float
        beta_*.

    Raises
    ------
    TypeError, ValueError
        For a d that is no such integer.

    References
    ----------
    Mun, Rosenzweig, arXiv 2606.05140 (for d = 2: 2604.16288).
    """
    d = _check.count("d", d, 2)

    def excess(beta):
        return np.exp(_log_bessel(d / 2 + 1, beta) - _log_bessel(d / 2, beta)) * d - 1

    return float(brentq(excess, 1e-3, 10.0, xtol=1e-14, rtol=1e-14))


def noise_critical_coupling(beta, d):
    r"""Coupling at which the uniform law of noisy unnormalized attention loses its stability.

    .. math:: K_\# = \frac{\beta^{d/2}}{2^{d/2}\,\Gamma(d/2)\, I_{d/2}(\beta)}

    Parameters
    ----------
    beta : float
        Inverse temperature.
    d : int
        Dimension of the tokens, at least 2.

    Returns
    -------
    float
        K_#; with the noise of `flow`, K = 1/(2 noise).

    Raises
    ------
    TypeError, ValueError
        For numbers that are none, or out of range.

    Notes
    -----
    Harmonics of degree l grow at rate :math:`l(l+d-2)(\lambda_l/\beta-\text{noise})`, see `harmonic_growth_rate`; degree 1
    is the first to grow. Mun, Rosenzweig, arXiv 2606.05140.
    """
    beta = _check.real("beta", beta, 0.0)
    d = _check.count("d", d, 2)
    return float(np.exp(d / 2 * np.log(beta / 2) - gammaln(d / 2) - _log_bessel(d / 2, beta) - beta))


def long_context_cosine(cosine, n, beta):
    r"""Common cosine of equiangular tokens after one layer of softmax attention alone.

    .. math:: \frac{\rho+(1-\rho)(2ab+(n-2)b^2)}{\rho+(1-\rho)(a^2+(n-1)b^2)},\qquad
              a = \frac1{1+(n-1)e^{\beta(\rho-1)}},\quad b = \frac{1-a}{n-1}

    Parameters
    ----------
    cosine : float
        Common cosine rho of all pairs, in (-1/(n-1), 1].
    n : int
        Number of tokens, at least 2.
    beta : float or array_like
        Inverse temperature, or several.

    Returns
    -------
    float or ndarray
        Cosines after the layer, of the shape of beta.

    Raises
    ------
    TypeError, ValueError
        For numbers that are none, or out of range.
    """
    n = _check.count("n", n, 2)
    cosine = _check.real("cosine", cosine, -1 / (n - 1), 1.0 + 1e-15)
    beta = _check.real_array("beta", beta)
    if (beta <= 0).any():
        raise ValueError(f"beta must be positive, got {beta.min():g}")
    a = 1 / (1 + (n - 1) * np.exp(beta * (cosine - 1)))
    b = np.exp(beta * (cosine - 1)) * a
    top = cosine + (1 - cosine) * (2 * a * b + (n - 2) * b**2)
    bottom = cosine + (1 - cosine) * (a**2 + (n - 1) * b**2)
    return top / bottom if beta.ndim else float(top / bottom)


def head_freedom(n, heads, d_k):
    r"""Degrees of freedom left to the heads when only the sum of their outputs is known: n (heads - 1) d_k.

    Parameters
    ----------
    n, heads, d_k : int
        Tokens, heads, width of a head; each at least 1. Outputs of all heads are written to one space of width d_k.

    Returns
    -------
    int
        Dimension of the set of head outputs with one given sum.

    Raises
    ------
    TypeError, ValueError
        For numbers that are no such integers.

    References
    ----------
    Cirrincione, arXiv 2604.23681 (the count in its abstract).
    """
    n, heads, d_k = (_check.count(name, value) for name, value in (("n", n), ("heads", heads), ("d_k", d_k)))
    return n * (heads - 1) * d_k


def causal_rollout(n, layers):
    r"""Product of layers of uniform causal attention: how much of each token is in each, layers later.

    Parameters
    ----------
    n : int
        Number of tokens; 8 n^2 bytes are used.
    layers : int
        Number of layers, at least 0.

    Returns
    -------
    ndarray, (n, n)
        :math:`A^L` with :math:`A_{ij} = 1/i` for :math:`j\le i` (counted from 1): lower triangular, rows of sum 1.

    Raises
    ------
    TypeError, ValueError
        For numbers that are no such integers.

    Notes
    -----
    The entries have the closed form of a Hausdorff mean,

    .. math:: (A^L)_{ij} = \binom{i-1}{j-1}\int_0^1 u^{j-1}(1-u)^{i-j}\,\frac{(\log 1/u)^{L-1}}{(L-1)!}\,du,

    a sum of alternating powers :math:`k^{-L}`; powers of the matrix are used, for their terms have one sign.
    """
    n = _check.count("n", n)
    layers = _check.count("layers", layers, 0)
    return np.linalg.matrix_power(np.tri(n) / np.arange(1, n + 1)[:, None], layers)


def decay_rollout(offset, layers, decay):
    r"""Mass that layers of content-free attention with a causal decay put on the token at a distance.

    .. math:: \binom{L-1+k}{k}\, e^{-mk} (1-e^{-m})^L

    Parameters
    ----------
    offset : int or array_like of int
        Distance k to the token, at least 0.
    layers : int
        Number of layers L, at least 1.
    decay : float
        Decay m a token of distance in one layer, positive.

    Returns
    -------
    float or ndarray
        The mass, of the shape of offset; exact for a token with infinitely many before it.

    Raises
    ------
    TypeError, ValueError
        For numbers that are none, or out of range.
    """
    layers = _check.count("layers", layers)
    decay = _check.real("decay", decay, 0.0)
    offset = _check.real_array("offset", offset, (0, 1))
    if (offset != np.floor(offset)).any() or (offset < 0).any():
        raise ValueError(f"offset must hold integers of at least 0, got {offset}")
    log_paths = -np.log(layers + offset) - betaln(layers, offset + 1)  # of binom(layers - 1 + offset, offset)
    mass = np.exp(log_paths - decay * offset + layers * np.log(-np.expm1(-decay)))
    return mass if offset.ndim else float(mass)


def _retrieval(beta, decay, width, terms):
    """The modes' weights c_n and rates a_n, and the checked decay."""
    beta = _check.real("beta", beta, 0.0)
    decay = _check.real("decay", decay, 0.0)
    width = _check.real("width", width, 0.0)
    n = np.arange(1, _check.count("terms", terms) + 1)
    with np.errstate(over="ignore"):
        rates = n**2 * ive(n, beta) * np.exp(beta)
    if not np.isfinite(rates).all():
        raise OverflowError("the rates of the modes exceed the floating range: take a smaller beta")
    return np.exp(-((np.pi * n / width) ** 2) / 2), rates, decay


def retrieval_profile(s0, t, beta, decay=1.0, width=8.0, terms=20):
    r"""How well the last token of a long prompt retrieves the token that started at a relative position.

    .. math:: S_t(s_0) = \sum_{n\ge1} e^{-\pi^2n^2/(2M^2)}\,
              \frac{\lambda e^{\lambda s_0}}{e^\lambda-1}\sqrt{\frac{a_nt}{Y}}\,I_1\!\left(2\sqrt{a_ntY}\right),\quad
              a_n = n^2I_n(\beta),\quad Y=\log\frac{e^\lambda-1}{e^{\lambda s_0}-1}

    Parameters
    ----------
    s0 : float or array_like
        Positions relative to the length of the prompt, in (0, 1].
    t : float
        Time, not negative; velocities are :math:`\beta e^{\beta\cos}\sin` on the circle, averaged over the tokens before
        with the weights of the decay.
    beta : float
        Inverse temperature.
    decay : float, optional
        Decay lambda of attention over the whole prompt, positive.
    width : float, optional
        M: the smaller, the wider the window in which a token counts as retrieved.
    terms : int, optional
        Modes kept.

    Returns
    -------
    float or ndarray
        S_t, of the shape of s0; zero at t = 0.

    Raises
    ------
    OverflowError
        If it exceeds the floating range.
    TypeError, ValueError
        For numbers that are none, or out of range.

    Notes
    -----
    :math:`1/n` times a term is the correlation that n causal tokens, independent and uniform at time 0, have to leading order.

    References
    ----------
    Duerinckx, Geshkovski, Rossi, arXiv 2605.09213, and the code published with it.
    """
    weights, rates, decay = _retrieval(beta, decay, width, terms)
    t = _check.real("t", t, 0.0, strict=False)
    s0 = _check.real_array("s0", s0, (0, 1))
    if (s0 <= 0).any() or (s0 > 1).any():
        raise ValueError(f"s0 must be in (0, 1], got {s0}")
    reach = np.log(np.expm1(decay) / np.expm1(decay * s0))[..., None]
    with np.errstate(over="ignore", invalid="ignore"):
        # sqrt(c/Y) I_1(2 sqrt(c Y)) = c 0F1(2; c Y), also at Y = 0
        profile = (weights * rates * t * hyp0f1(2, rates * t * reach)).sum(axis=-1)
        profile = profile * decay * np.exp(decay * s0) / np.expm1(decay)
    if not np.isfinite(profile).all():
        raise OverflowError("the profile exceeds the floating range: take a smaller t or beta")
    return profile if s0.ndim else float(profile)


def retrieval_critical_time(beta, decay=1.0, width=8.0, terms=20):
    r"""Time at which the last tokens cease to be retrieved the better the later they stand.

    .. math:: t_{crit} = 2(1-e^{-\lambda})\,\frac{\sum_n c_na_n}{\sum_n c_na_n^2},\qquad c_n = e^{-\pi^2n^2/(2M^2)}

    Parameters
    ----------
    beta, decay, width, terms
        As in `retrieval_profile`.

    Returns
    -------
    float
        Where the slope of the profile at s0 = 1 changes from positive to negative.

    Raises
    ------
    OverflowError
        If a mode's rate exceeds the floating range.
    TypeError, ValueError
        For numbers that are none, or out of range.

    References
    ----------
    The code published with Duerinckx, Geshkovski, Rossi, arXiv 2605.09213; the book has a proof.
    """
    weights, rates, decay = _retrieval(beta, decay, width, terms)
    share = weights * rates / (weights * rates).sum()
    return float(-2 * np.expm1(-decay) / (share * rates).sum())
