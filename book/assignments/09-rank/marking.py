"""Marks of 09-rank."""

import numpy as np
from scipy.linalg import null_space
from scipy.optimize import brentq
from scipy.special import softmax

from course import check


def parameters(rng):
    """A simplex of tokens that are neither near nor far, and a form of signature (2, 2)."""
    while True:
        beta, p, n = float(rng.integers(5, 21) / 10), int(rng.integers(1, 4)), int(rng.integers(3, 10))
        delta = float(np.round((rng.uniform(0.5, 3) / beta) ** (1 / (2 * p)), 2))
        eta = float(rng.integers(30, 120) / 100)
        sizes = residual_logs(delta, beta, p, n, eta)
        # The last layer is to be no close call.
        if min(abs(sizes[-1] - LIMIT), abs(sizes[-2] - LIMIT)) > 1e-3:
            break
    while True:
        turn = np.linalg.qr(rng.standard_normal((4, 4)))[0]
        form = turn * (rng.uniform(0.5, 3, 4) * [1, 1, -1, -1]) @ turn.T
        form = np.round((form + form.T) / 2, 2)
        values = np.linalg.eigvalsh(form)
        if values[1] < -0.3 and values[2] > 0.3:
            w = float(rng.integers(15, 45) / 10)
            return {"beta": beta, "p": p, "n": n, "delta": delta, "eta": eta, "w": w, "B": form}


LIMIT = -100 * np.log(10)


def given(rng, p):
    """Tokens near and far, and very near; projections of full rank, of one space, and between."""
    tokens = lambda n, d, size: (lambda x: x - x.mean(axis=0))(size * rng.uniform(-1, 1, (n, d)))
    beta = lambda: float(np.round(rng.uniform(0.5, 2), 2))
    return {
        "spread_after": [
            (tokens(6, 3, 1.0), beta(), 1),
            (tokens(5, 4, 0.8), beta(), 2),
            (tokens(7, 2, 1e-7), beta(), 1),
            (tokens(5, 3, 1e-20), beta(), 3),
            (tokens(6, 3, 1e-30), beta(), 2),
        ],
        "leading": [(tokens(6, 3, 0.9), beta(), 1), (tokens(5, 4, 0.9), beta(), 2), (tokens(7, 2, 0.7), beta(), 3)],
        "open_in_head": [*full(rng), *one_space(rng), *between(rng)],
    }


def full(rng):
    """Invertible, and more columns than rows: nothing is open."""
    widths = rng.integers(1, 5, 3)
    d = int(widths.sum())
    one = lambda more: (rng.standard_normal((d, d + more)), widths, int(rng.integers(0, 3)), int(rng.integers(2, 9)))
    return [one(0), one(2)]


def one_space(rng):
    """All heads are written to one space, which is narrower than the head or as wide."""
    calls = []
    for extra in (0, 1):
        widths = rng.integers(3, 6, 3)
        space = rng.standard_normal((3 - extra, 7))
        calls.append((rng.standard_normal((int(widths.sum()), 3 - extra)) @ space, widths, 1, int(rng.integers(2, 9))))
    return calls


def between(rng):
    """One direction of a head is heard and others are not; a head that repeats itself; one head alone."""
    n = int(rng.integers(3, 9))
    widths = np.array([2, 4, 3])
    W = rng.standard_normal((9, 12))
    W[4:6] = rng.standard_normal((2, 2)) @ W[:2]  # two rows of head 1 lie in the space of head 0
    W[8] = W[6] - 2 * W[7]  # head 2 has rank 2
    return [(W, widths, 0, n), (W, widths, 1, n + 1), (W, widths, 2, n), (W[6:], widths[2:], 0, n)]


def spread_after(R, beta, p):
    """Exact differences of weights: A_ij - 1/n = sum_k (E_ij - E_ik) / (n sum_k e_ik), pair by pair."""
    squares = ((R[:, None] - R) ** 2).sum(axis=2)
    e = np.expm1(-beta * squares**p)
    apart = (e[:, :, None] - e[:, None, :]).sum(axis=2) / (len(R) * (1 + e).sum(axis=1, keepdims=True))
    moved = apart @ (R - R[0])
    return moved - moved.mean(axis=0)


def leading(R, beta, p):
    """The same for tokens so near that only one term is left."""
    h = 2.0**-24
    return spread_after(R * h, beta, p) / h ** (2 * p + 1)


def constant(delta, beta, p, n):
    """Down to where the factor is s / n to all digits; from there the sum of a geometric series."""
    q, ell, layers = 2 * p + 1, np.log(delta), 0
    while beta * np.exp(2 * p * ell) > 1e-18:
        s = beta * np.exp(2 * p * ell)
        ell += np.log(-np.expm1(-s) / (1 + (n - 1) * np.exp(-s)))
        layers += 1
    return -(ell + np.log(beta / n) / (q - 1)) / float(q) ** layers


def residual_logs(delta, beta, p, n, eta):
    """Logarithms of the distances with a residual, until they are below the limit."""
    logs = [np.log(delta)]
    while logs[-1] >= LIMIT:
        s = beta * np.exp(2 * p * logs[-1])
        logs.append(logs[-1] + np.log((1 + eta * -np.expm1(-s) / (1 + (n - 1) * np.exp(-s))) / (1 + eta)))
    return logs


def edge(beta, p, n, w):
    """Where w (1 - e^-s) is 1 + (n - 1) e^-s."""
    s = brentq(lambda s: w * -np.expm1(-s) - 1 - (n - 1) * np.exp(-s), 1e-6, 100, xtol=1e-13)
    return (s / beta) ** (0.5 / p)


def open_in_head(W, widths, h, n):
    """What the kernel of the sum shows in the block of the head."""
    kernel = null_space(W.T, rcond=1e-9)
    block = kernel[widths[:h].sum() : widths[: h + 1].sum()]
    return n * (np.linalg.matrix_rank(block, tol=1e-8) if block.size else 0)


def agreeing(B):
    """A test: tokens in a plane, which agree after a layer."""

    def test(x):
        if x.ndim != 2 or x.shape[1] != 4 or not 3 <= len(x) <= 20:
            return f"3 to 20 tokens with four coordinates were expected, and this has shape {x.shape}"
        if not np.isfinite(x).all():
            return "it holds NaN or infinity"
        if np.abs(x).max() > 10 + 1e-9:
            return "an entry is larger than 10"
        if np.linalg.svd(x - x.mean(axis=0), compute_uv=False)[1] < 0.9999:
            return "they do not fill a plane to the extent that is asked"
        for t, name in ((1, "B"), (0.001, "0.001 B")):
            after = softmax(t * x @ B @ x.T, axis=1) @ x
            if np.linalg.norm(after[:, None] - after, axis=2).max() > 1.01e-6:
                return f"after the layer with {name} they do not agree"
        return ""

    return test


def mark_digits(answers, given, p):
    want = [spread_after(*arguments) for arguments in given["spread_after"]]
    parts = [(1, "tokens far apart", [0, 1]), (1, "tokens 1e-7 apart", [2]), (2, "tokens down to 1e-30 apart", [3, 4])]
    return check.calls(answers["spread_after"], want, parts, rtol=2e-6)


def mark_leading(answers, given, p):
    want = [leading(*arguments) for arguments in given["leading"]]
    return check.calls(answers["leading"], want, [(1, "p = 1", [0]), (1, "larger p", [1, 2])], rtol=2e-5)


def mark_simplex(answers, given, p):
    c = constant(p.delta, p.beta, p.p, p.n)
    layers = len(residual_logs(p.delta, p.beta, p.p, p.n, p.eta)) - 1
    return [
        check.value(answers["constant"], c, 2, "the constant, to four digits", rtol=2e-4),
        check.value(answers["depth"], layers, 1, "the depth with a residual", atol=1e-6),
        check.value(answers["edge"], edge(p.beta, p.p, p.n, p.w), 1, "the distance that stays", rtol=2e-4),
    ]


def mark_agree(answers, given, p):
    return [check.value(answers["agree"], agreeing(p.B), 3, "tokens that come to agree in one layer")]


def mark_heads(answers, given, p):
    want = [open_in_head(*arguments) for arguments in given["open_in_head"]]
    parts = [(1, "nothing is open, or all heads share one space", [0, 1, 2, 3]), (2, "between the two", [4, 5, 6, 7])]
    return check.calls(answers["open_in_head"], want, parts, atol=1e-6)


CELLS = {
    "digits-marks": mark_digits,
    "leading-marks": mark_leading,
    "simplex-marks": mark_simplex,
    "agree-marks": mark_agree,
    "heads-marks": mark_heads,
}
