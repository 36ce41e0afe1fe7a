"""Slow, obvious NumPy twins of every kernel: the definition, with an n-by-n matrix and no shortcut.

Nothing here is imported by the package or the book. Overflow is met where the mathematics has it.
"""

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
        else:
            raise AssertionError(kind)
    return np.array(rows)


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


def log_weights(x, beta, auxiliary=None):
    """beta <z_i, z_j> as an n-by-n matrix."""
    z = features(x, auxiliary)
    return beta * np.array([[np.dot(zi, zj) for zj in z] for zi in z])


def pull(x, beta, normalization="softmax", auxiliary=None, values="features"):
    """g_i = A_i^T sum_j w_ij v_j / Z_i."""
    logits = log_weights(x, beta, auxiliary)
    if normalization == "softmax":
        weights = np.exp(logits - logits.max(axis=1, keepdims=True))
        weights /= weights.sum(axis=1, keepdims=True)
    else:
        weights = np.exp(logits) / len(x)
    if values == "tokens":
        return weights @ x
    summed = weights @ features(x, auxiliary)
    if type(auxiliary).__name__ == "RotaryPE":
        return np.array([rotation(auxiliary, i).T @ summed[i] for i in range(len(x))])
    return summed[:, : x.shape[1]]


def velocity(x, *args, **options):
    """P_x g, with the projection as a matrix."""
    g = pull(x, *args, **options)
    return np.array([(np.eye(len(xi)) - np.outer(xi, xi)) @ gi for xi, gi in zip(x, g, strict=True)])


def layer(x, step, *args, **options):
    """N(x + step g), or N(g) for an infinite step."""
    g = pull(x, *args, **options)
    moved = g if np.isscalar(step) and np.isinf(step) else x + np.reshape(step, (-1, 1)) * g
    return moved / np.linalg.norm(moved, axis=1, keepdims=True)


def log_energy(x, beta, auxiliary=None):
    """log of the double mean of exp(beta <z_i, z_j>), over 2 beta."""
    logits = log_weights(x, beta, auxiliary)
    top = logits.max()
    return top + np.log(np.exp(logits - top).mean()) - np.log(2 * beta)
