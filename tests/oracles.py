"""Slow, obvious NumPy twins of every kernel: the definition, with an n-by-n matrix and no shortcut.

Nothing here is imported by the package or the book. Overflow is met where the mathematics has it.
"""

import mpmath
import numpy as np


def features(x, auxiliary=None):
    """z_i = A_i x_i + b_i, one token at a time."""
    rows = []
    for i, token in enumerate(x):
        kind = type(auxiliary).__name__
        if auxiliary is None:
            rows.append(token)
        elif kind == "AdditivePE":
            rows.append(token + auxiliary.scale * auxiliary.p[i])
        elif kind == "RotaryPE":
            rows.append(rotation(auxiliary, i) @ token)
        elif kind == "ConcatPE":
            rows.append(np.concatenate([token, np.sqrt(auxiliary.kappa) * auxiliary.p[i]]))
        elif kind == "AffineFeature":
            rows.append(matrix(auxiliary, i, len(token)) @ token + (0 if auxiliary.b is None else auxiliary.b[i]))
        else:
            raise AssertionError(kind)
    return np.array(rows)


def matrix(auxiliary, i, d):
    """A_i, of which the pullback is the transpose."""
    kind = type(auxiliary).__name__
    if kind == "RotaryPE":
        return rotation(auxiliary, i)
    if kind == "AffineFeature" and auxiliary.A is not None:
        return auxiliary.A[i] * np.eye(d) if auxiliary.A.ndim == 1 else auxiliary.A[i]
    return np.eye(d)


def rotation(rotary, i):
    """R_{p_i} as a d-by-d matrix of 2-by-2 blocks."""
    d = 2 * len(rotary.frequencies)
    matrix = np.zeros((d, d))
    for k, frequency in enumerate(rotary.frequencies):
        angle = rotary.positions[i] * frequency
        matrix[2 * k : 2 * k + 2, 2 * k : 2 * k + 2] = [
            [np.cos(angle), -np.sin(angle)],
            [np.sin(angle), np.cos(angle)],
        ]
    return matrix


def log_weights(x, beta, auxiliary=None, mask=None):
    """beta <z_i, z_j> + mask(i, j) as an n-by-n matrix."""
    z, n = features(x, auxiliary), len(x)
    return beta * (z @ z.T) + (0.0 if mask is None else np.fromfunction(mask, (n, n)))


def prompted(x, beta, auxiliary, prompt):
    """For each token and each vector of the prompt that it sees: logit with the logarithm of the mass, and the vector."""
    z, n = features(x, auxiliary), len(x)
    if prompt is None:
        return np.empty((n, 0)), np.empty((n, 0, z.shape[1]))
    seen = [prompt.vectors if prompt.shared else prompt.vectors[i : i + 1] for i in range(n)]
    mass = n * prompt.weight / len(seen[0])
    return np.array([beta * (seen[i] @ z[i]) + np.log(mass) for i in range(n)]), np.array(seen)


def pull(x, beta, normalization="softmax", auxiliary=None, values="features", mask=None, prompt=None):
    """g_i = A_i^T sum_j w_ij v_j / Z_i."""
    n, d = np.shape(x)
    more, vectors = prompted(x, beta, auxiliary, prompt)
    logits = np.hstack([log_weights(x, beta, auxiliary, mask), more])
    if normalization == "softmax":
        weights = np.exp(logits - logits.max(axis=1, keepdims=True))
        weights /= weights.sum(axis=1, keepdims=True)
    else:
        weights = np.exp(logits) / n
    v = x if values == "tokens" else features(x, auxiliary)
    summed = weights[:, :n] @ v + np.einsum("ij,ijc->ic", weights[:, n:], vectors[:, :, : v.shape[1]])
    if values == "tokens":
        return summed
    return np.array([matrix(auxiliary, i, d).T @ summed[i, :d] for i in range(n)])


DIGITS = 500  # a drift of e^-1000 must survive the projection


def exact(x, beta, normalization="softmax", auxiliary=None, values="features"):
    """Pull and log-energy for a few tokens in 500 digits (no overflow, no cancellation), as mpmath numbers."""
    with mpmath.workdps(DIGITS):
        tokens = [[mpmath.mpf(float(c)) for c in token] for token in x]
        rotary = type(auxiliary).__name__ == "RotaryPE"
        if rotary:
            z = [rotated(token, auxiliary, i, 1) for i, token in enumerate(tokens)]
        else:
            z = [[mpmath.mpf(float(c)) for c in token] for token in features(x, auxiliary)]
        n, d = np.shape(x)
        beta = mpmath.mpf(float(beta))
        w = [[mpmath.exp(beta * mpmath.fdot(zi, zj)) for zj in z] for zi in z]
        v = tokens if values == "tokens" else z
        rows = []
        for i in range(n):
            mass = mpmath.fsum(w[i]) if normalization == "softmax" else n
            g = [mpmath.fsum(w[i][j] * v[j][c] for j in range(n)) / mass for c in range(len(v[0]))]
            rows.append(rotated(g, auxiliary, i, -1) if rotary and values == "features" else g[:d])
        energy = mpmath.log(mpmath.fsum(map(mpmath.fsum, w)) / (2 * beta * n**2))
        return rows, energy


def rotated(vector, rotary, i, sign):
    """R_{p_i} v, or its inverse for sign = -1, in mpmath numbers."""
    out = []
    for k, frequency in enumerate(rotary.frequencies):
        angle = sign * mpmath.mpf(float(rotary.positions[i])) * float(frequency)
        u, v = vector[2 * k : 2 * k + 2]
        cos, sin = mpmath.cos(angle), mpmath.sin(angle)
        out += [cos * u - sin * v, sin * u + cos * v]
    return out


def exact_velocity(x, beta, normalization="softmax", auxiliary=None, values="features"):
    """P_x g in 500 digits, rounded once at the end."""
    rows, _ = exact(x, beta, normalization, auxiliary, values)
    out = np.empty(np.shape(x))
    with mpmath.workdps(DIGITS):
        for i, g in enumerate(rows):
            point = [mpmath.mpf(float(c)) for c in x[i]]
            length2 = mpmath.fdot(point, point)  # 1 to rounding only
            radial = mpmath.fdot(point, g) / length2
            out[i] = [float(gc - radial * xc) for gc, xc in zip(g, point, strict=True)]
    return out


def exact_layer(x, step, beta, normalization="softmax", auxiliary=None, values="features"):
    """N(x + step g) in 500 digits, rounded once at the end; one step for all."""
    rows, _ = exact(x, beta, normalization, auxiliary, values)
    out = np.empty(np.shape(x))
    with mpmath.workdps(DIGITS):
        for i, g in enumerate(rows):
            moved = [float(xc) + mpmath.mpf(float(step)) * gc for xc, gc in zip(x[i], g, strict=True)]
            moved = g if np.isinf(step) else moved
            length = mpmath.sqrt(mpmath.fdot(moved, moved))
            out[i] = [float(c / length) for c in moved]
    return out


def velocity(x, *args, **options):
    """P_x g, with the projection as a matrix."""
    g = pull(x, *args, **options)
    return np.array([(np.eye(len(xi)) - np.outer(xi, xi)) @ gi for xi, gi in zip(x, g, strict=True)])


def layer(x, step, *args, **options):
    """N(x + step g), or N(g) for an infinite step."""
    g = pull(x, *args, **options)
    moved = g if np.isscalar(step) and np.isinf(step) else x + np.reshape(step, (-1, 1)) * g
    moved /= np.abs(moved).max(axis=1, keepdims=True)  # whose squares do not overflow
    return moved / np.linalg.norm(moved, axis=1, keepdims=True)


def log_energy(x, beta, auxiliary=None, mask=None, prompt=None):
    """log of the double mean of exp(beta <z_i, z_j> + mask), over 2 beta; prompts add twice their part."""
    logits = log_weights(x, beta, auxiliary, mask)
    logits = np.hstack([logits, prompted(x, beta, auxiliary, prompt)[0] + np.log(2)])
    top = logits.max()
    return top + np.log(np.exp(logits - top).sum()) - 2 * np.log(len(x)) - np.log(2 * beta)
