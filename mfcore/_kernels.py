"""Every compiled function of the package: arrays and floats in, `out` arrays written.

All of them stand in this one file because numba's cache does not see an edit of a compiled function
in another file. Shapes: `s` members of an ensemble, `n` tokens, `d` the sphere's dimension, `e` the
dimension of the features.

The sum of the book, for token i with feature z_i and sources j with feature z_j and value v_j, is

    w_ij = exp(beta <z_i, z_j>),      sum_j w_ij v_j.

It is computed with *differences first*: -beta |z_i - z_j|^2 / 2 in the exponent and v_j - v_i under
the sum. The exponent then needs no large number that cancels, and the drift of a token that sits in a
tight cluster keeps its relative accuracy however small it is (a sum that is projected afterwards
leaves rounding noise of 1e-16, which drowns the true drift of a metastable state). The exception are
tokens of small feature norm among large ones: their logits are inner products, as in the formula.
"""

import numpy as np

from ._jit import EXACT, jit

# Weights are 2^BOOST e^(logit - shift): sums of them stay in range above and keep e^-1058 below, where an
# unnormalized velocity may still be of size one. (Values beyond 1e100 leave no room for it.)
BOOST = 505
UNIT = 1e-15  # a norm this near to 1 is 1, so that what came out of the package goes in again unchanged
TILE = 256  # sources handled together: logits and weights of one tile stay in the first-level cache


@jit(EXACT)
def exp(x, boost):
    """2^boost exp(x), relative error below 1e-15 (below e^-708: 0), in a form that vectorizes.

    Range reduction x = k log 2 + r with |r| <= log(2)/2, a Taylor polynomial of degree 13 for e^r, and
    2^k written into the exponent's bits. The C library's exp would be called element by element.
    """
    least = -708.0 - boost * 0.6931471805599453
    x = x if x > least else least
    k = np.floor(x * 1.4426950408889634 + 0.5)
    r = x - k * 0.693147180369123816490
    r = r - k * 1.90821492927058770002e-10
    p = 1.6059043836821613e-10
    p = p * r + 2.08767569878681e-09
    p = p * r + 2.505210838544172e-08
    p = p * r + 2.755731922398589e-07
    p = p * r + 2.7557319223985893e-06
    p = p * r + 2.48015873015873e-05
    p = p * r + 0.0001984126984126984
    p = p * r + 0.001388888888888889
    p = p * r + 0.008333333333333333
    p = p * r + 0.041666666666666664
    p = p * r + 0.16666666666666666
    p = p * r + 0.5
    p = p * r + 1.0
    p = p * r + 1.0
    power = np.int64((np.int64(k) + 1023 + boost) << 52).view(np.float64)
    return p * power if x > least else 0.0


@jit(EXACT)  # the order of its products is what keeps them in range
def prepare(x, a, b, beta, carry, keys, values, potential, offset):
    """Lift the tokens of one member to features and put the sum into its differences-first form.

    Parameters
    ----------
    x : (n, d) unit tokens
    a : (n, d/2, 2) cosines and sines of the rotation planes, or (n, 0, 0) for the identity
    b : (n, e) shift of the features, e >= d
    carry : whether the values are the features (else the tokens)
    keys : (e, n) out, features, scaled where their size would overflow
    values : (d, n) out, what the sum adds up: of the features, only the part that the pullback sees
    potential : (n,) out, beta (|z_j|^2 - R^2)/2 <= 0 with R the largest feature norm
    offset : (n,) out, beta (|z_i|^2 + R^2)/2, what the differences-first form leaves out of row i

    Returns
    -------
    sharpness : the inverse temperature that belongs to the scaled keys
    boost : the power of two that the weights may carry
    stretch : what takes the logits of the scaled keys back to true size
    """
    n, d = x.shape
    e = b.shape[1]
    largest = 0.0
    for j in range(n):
        for c in range(d):
            keys[c, j] = x[j, c]
        for k in range(a.shape[1]):
            u, v = keys[2 * k, j], keys[2 * k + 1, j]
            keys[2 * k, j] = a[j, k, 0] * u - a[j, k, 1] * v
            keys[2 * k + 1, j] = a[j, k, 1] * u + a[j, k, 0] * v
        for c in range(d, e):
            keys[c, j] = 0.0
        for c in range(e):
            keys[c, j] += b[j, c]
            largest = max(largest, abs(keys[c, j]))
    for c in range(d):
        for j in range(n):
            values[c, j] = keys[c, j] if carry else x[j, c]

    # Beyond about 1e200 a logit's rounding error alone decides every weight: they are those of a hard
    # maximum. Smaller keys with a finite sharpness give the same weights and cannot overflow.
    sharpness, unit = beta, 1.0
    bound = np.sqrt(float(e)) * largest
    if largest > 1e100 or (largest > 0.0 and beta * bound * bound > 1e200):
        sharpness, unit = min(beta * bound * bound, 1e200), bound
        for c in range(e):
            for j in range(n):
                keys[c, j] /= bound

    top = 0.0
    for j in range(n):
        norm2 = 0.0
        for c in range(e):
            norm2 += keys[c, j] * keys[c, j]
        potential[j] = norm2
        top = max(top, norm2)
    for j in range(n):
        norm2 = potential[j]
        potential[j] = 0.5 * sharpness * (norm2 - top)
        offset[j] = 0.5 * beta * (norm2 + top) * unit * unit
    return sharpness, BOOST if largest < 1e100 else 0, unit / sharpness * beta * unit


@jit()
def attend(x, a, b, beta, carry, first, last, drift, log_mass):
    """The attention sum for rows first..last-1 of the ensemble (row = member * n + token).

    Writes, for each row, the pullback's distance from the token and the logarithm of the row's mass,

        drift_i    = A_i^T (sum_j w_ij v_j / sum_j w_ij) - x_i,
        log_mass_i = log sum_j exp(beta <z_i, z_j>),

    from which every velocity, layer and energy of the package follows. Each row is summed by the same
    compiled loop however the rows are shared out, so the bits do not depend on the number of threads.
    """
    _, n, d = x.shape
    e = b.shape[1]
    keys, values = np.empty((e, n)), np.empty((d, n))
    potential, offset = np.empty(n), np.empty(n)
    weight, total = np.empty(TILE), np.empty(d)
    lifted, half, boost, stretch = -1, 0.0, 0, 1.0
    for row in range(first, last):
        member, i = row // n, row % n
        if member != lifted:
            sharpness, boost, stretch = prepare(x[member], a, b, beta, carry, keys, values, potential, offset)
            half = 0.5 * sharpness
            lifted = member

        # The token's own logit is potential_i <= 0 and no logit is positive: as long as it is far from
        # underflow it serves as the shift. Only a token of small norm among large ones needs the maximum,
        # taken tile by tile over the very numbers that are exponentiated: computed a second time, logits
        # of 1e20 would differ by more than the range of exp.
        # Nor do differences serve such a row: its logits are small numbers, and the distances are not.
        small = potential[i] < -100.0
        shift = -np.inf if small else potential[i]
        left_out = 0.0 if small else offset[i]

        mass = 0.0
        total[:] = 0.0
        for start in range(0, n, TILE):
            width = min(TILE, n - start)
            p = potential[start : start + width]
            for j in range(width):
                weight[j] = 0.0 if small else p[j]
            for c in range(e):
                here = keys[c, i]
                z = keys[c, start : start + width]
                if small:
                    for j in range(width):
                        weight[j] += 2.0 * half * here * z[j]
                else:
                    for j in range(width):
                        weight[j] -= half * (z[j] - here) * (z[j] - here)
            if small:
                peak = shift
                for j in range(width):
                    peak = max(peak, weight[j])
                fade = exp(shift - peak, 0)
                mass *= fade
                for c in range(d):
                    total[c] *= fade
                shift = peak
            part = 0.0
            for j in range(width):
                weight[j] = exp(weight[j] - shift, boost)
                part += weight[j]
            mass += part
            for c in range(d):
                here = values[c, i]
                v = values[c, start : start + width]
                part = 0.0
                for j in range(width):
                    part += weight[j] * (v[j] - here)
                total[c] += part

        if small and shift != 0.0:
            shift *= stretch
        log_mass[member, i] = left_out + shift + np.log(mass * 2.0**-boost)
        for c in range(d):
            drift[member, i, c] = total[c] / mass
            if carry:
                drift[member, i, c] += b[i, c]
        if carry:
            for k in range(a.shape[1]):
                u, v = drift[member, i, 2 * k], drift[member, i, 2 * k + 1]
                drift[member, i, 2 * k] = a[i, k, 0] * u + a[i, k, 1] * v
                drift[member, i, 2 * k + 1] = a[i, k, 0] * v - a[i, k, 1] * u


@jit()
def norm(v):
    """Euclidean norm of a vector, without overflow or underflow."""
    total = 0.0
    for c in range(v.size):
        total += v[c] * v[c]
    if 1e-280 < total < 1e280:
        return np.sqrt(total)
    largest = 0.0
    for c in range(v.size):
        largest = max(largest, abs(v[c]))
    if largest == 0.0:
        return 0.0
    total = 0.0
    for c in range(v.size):
        total += (v[c] / largest) * (v[c] / largest)
    return largest * np.sqrt(total)


@jit()
def renormalize(rows, tolerance):
    """Divide rows (k, d) by their norms in place; the index of the first row off by more, or -1."""
    for i in range(rows.shape[0]):
        length = norm(rows[i])
        if not abs(length - 1.0) <= tolerance:  # NaN too
            return i
        if abs(length - 1.0) > UNIT:
            for c in range(rows.shape[1]):
                rows[i, c] /= length
    return -1


@jit()
def normalize(x, out):
    """out = N(x) row by row; a zero row stays zero. Shapes (s, n, d)."""
    for member in range(x.shape[0]):
        for i in range(x.shape[1]):
            length = norm(x[member, i])
            out[member, i] = x[member, i]
            if length > 0.0 and abs(length - 1.0) > UNIT:
                for c in range(x.shape[2]):
                    out[member, i, c] /= length


@jit(EXACT)  # for the order of the two factors
def tangent(x, drift, log_mass, normalized, out):
    """The velocity P_x g: for the softmax P_x drift, else times the row's mass over n."""
    s, n, d = x.shape
    for member in range(s):
        for i in range(n):
            radial = 0.0
            for c in range(d):
                radial += x[member, i, c] * drift[member, i, c]
            # One root of the mass after the other: a large mass times a small drift may well be in range.
            root = 1.0 if normalized else np.exp(0.5 * (log_mass[member, i] - np.log(n)))
            moves = False
            for c in range(d):
                part = drift[member, i, c] - x[member, i, c] * radial
                moves = moves or part != 0.0
                out[member, i, c] = root * (root * part)
            if root > 1e217 and not moves:
                # Zero by symmetry where a token is alone or d = 1. Otherwise weights below e^-1058 were lost,
                # which a mass above e^1000 could have made large: NaN stands for a velocity out of reach.
                for c in range(d):
                    out[member, i, c] = 0.0 if n == 1 or d == 1 else np.nan


@jit()
def layer(x, drift, log_mass, normalized, step, out):
    """One layer x <- N(x + step g) with step (n,) >= 0, inf allowed; N(0) leaves the token."""
    s, n, d = x.shape
    for member in range(s):
        for i in range(n):
            weight = step[i]
            if not normalized and weight > 0.0:
                # Beyond e^700 the token itself has long been lost in the sum.
                weight = np.exp(min(700.0, np.log(weight) + log_mass[member, i] - np.log(n)))
            if weight == 0.0:
                out[member, i] = x[member, i]
                continue
            # Whichever of the two terms is the larger keeps the factor 1, so that nothing overflows.
            for c in range(d):
                g = x[member, i, c] + drift[member, i, c]
                if weight > 1.0:
                    out[member, i, c] = x[member, i, c] / weight + g
                else:
                    out[member, i, c] = x[member, i, c] + weight * g
            length = norm(out[member, i])
            for c in range(d):
                out[member, i, c] = out[member, i, c] / length if length > 0.0 else x[member, i, c]
