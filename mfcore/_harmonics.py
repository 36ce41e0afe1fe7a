"""Attention sums in linear cost: the kernel of unit features in harmonics of the circle or the sphere.

With t = <u_i, u_j> for unit vectors on the circle (e = 2) or the sphere (e = 3),

    exp(beta (t - 1)) = sum_k a_k p_k(t),      (t - 1) exp(beta (t - 1)) = sum_k r_k p_k(t),

where p_k is cos(k angle) or the Legendre polynomial P_k. By the addition theorem a sum over j is a sum over k that
needs no more of the tokens than their moments. The number of terms grows like sqrt(beta).
"""

import numpy as np
from scipy.special import i0e

EPS = 2.0**-52
MOST_TERMS = 401  # on the sphere; beyond, the weights, about 4^degree, come near the end of the floating range
MOST_BETA = 1e4  # beyond, rounding alone is too much
PAIR = 0.5  # nanoseconds of the direct sum for one pair


def cost(e, terms, n):
    """Nanoseconds on one core, fitted to measurements.

    Only the ratio to PAIR matters. Where vectors are of 512 bits a pair takes 0.36 beside these, where they are of 256
    about 0.65: near the point where both methods are equally fast, the slower of the two may be chosen.
    """
    return 9e4 + n * (40 + 0.25 * terms) if e == 2 else 1e5 + 70 * terms**2 + n * (60 + 0.26 * terms**2)


def pays(e, beta, n):
    """Whether harmonic sums can be faster than direct ones: never so for few tokens or a large beta."""
    return beta <= MOST_BETA and cost(e, 6 * np.sqrt(beta) + 6, n) < PAIR * n * n


def series(e, beta, tolerance):
    """The coefficients a_k, r_k and the remainder.

    As many terms as keep any mass or total of n tokens within n times `tolerance`. The ratios of neighbouring Bessel
    functions by their continued fraction, from so far out that any start will do, are right to a few units in the
    last place. (scipy.special.ive is off by up to 30.)
    """
    size = 5 * int(2 * np.sqrt(beta)) + 28
    bessel = np.empty(size + 1)
    ratio = 0.0
    for k in range(size, 0, -1):
        bessel[k] = ratio = beta / (2 * k + e - 2 + beta * ratio)
    bessel[0] = least(e, beta)
    bessel = np.cumprod(bessel)  # I_k e^-beta, or its spherical twin
    k = np.arange(size)
    weight = np.where(k == 0, 1, 2) if e == 2 else 2 * k + 1
    a, r = weight * bessel[:-1], weight * (bessel[1:] + (k / beta - 1) * bessel[:-1])

    # |p_k| <= 1 and |dp_k / d angle| <= k
    term = np.maximum(a, a * k / beta + abs(r))
    tail = np.append(np.cumsum(term[::-1])[::-1], 0.0)
    terms = int(np.argmax(tail <= tolerance))
    terms = min(max(terms, 1), MOST_TERMS) if e == 3 else 5 * (-(-(terms + 2) // 5)) - 2  # the circle's go by fives
    return a[:terms], r[:terms], tail[terms]


def least(e, beta):
    """The mass per token of the uniform law, in units of e^beta: about what the loneliest of many tokens has."""
    return i0e(beta) if e == 2 else -np.expm1(-2 * beta) / (2 * beta)


def bound(e, beta, n, remainder):
    """Bound of the absolute error of any mass (at least the token's own weight) and any total: remainder and rounding.

    The constants are twice what the worst of thousands of clouds showed. The relative error of a mass then is at
    most bound / mass, and the error of the drift total / mass at most (1 + |drift|) bound / mass.
    """
    return n * (remainder + EPS * (16 + 2 * (np.sqrt(beta) if e == 2 else beta)))


def circle_factors(a, r, beta, moments):
    """What `circle_evaluate` wants, from the moments (5 B, 2) of all tokens."""
    t = a * np.arange(a.size) / beta
    re, im = moments[2:].T
    # Factors of cos(k angle) and sin(k angle) in the three series, by fives; modes -2 and -1 count for nothing.
    factors = np.zeros((2, 3, len(moments)))
    factors[:, :, 2:] = [[a * re, t * im, r * re], [a * im, -t * re, r * im]]
    c, s = factors.reshape(2, 3, -1, 5).transpose(0, 3, 2, 1)
    out = [c[2], s[2]]
    for m in (1, 2):
        out += [c[2 + m] + c[2 - m], c[2 - m] - c[2 + m], s[2 + m] - s[2 - m], s[2 + m] + s[2 - m]]
    return np.stack(out, axis=-1)


def sphere_ratios(terms):
    """The coefficients of the recurrence of `sphere_moments`."""
    m, degree = np.ogrid[:terms, -1 : terms + 2]
    return (degree * degree - m * m) / (4.0 * degree * degree - 1.0)


def sphere_factors(a, r, moments):
    """What `sphere_evaluate` wants, from the moments (terms, terms + 1, 2) of all tokens."""
    terms = a.size
    m, degree = np.ogrid[:terms, :terms]
    # P_l(<u, v>) = sum_m weight_ml Re [(x + iy)^m R_lm](u) conj [(x + iy)^m R_lm](v)
    steps = np.where(degree > m, (2 * degree - 1.0) ** 2 / np.maximum(degree * degree - m * m, 1), 1.0)
    k = np.arange(1, terms)
    steps[:, 0] = np.append(1.0, 2 * np.cumprod((2 * k - 1) / (2 * k)))
    weight = np.where(degree < m, 0.0, np.cumprod(steps, axis=1))
    moments = weight[:, :, None] * moments[:, :terms]
    out = np.zeros((terms, terms + 1, 6))
    out[:, :-1, 0:2] = a[:, None] * moments
    out[1:, :-1, 2:4] = (degree - m)[:-1, :, None] * out[:-1, :-1, 0:2]  # dR_lm/dz = (l - m) R_l(m+1)
    out[:, :-1, 4:6] = r[:, None] * moments
    return out
