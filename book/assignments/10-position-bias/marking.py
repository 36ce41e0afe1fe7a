"""Marks of 10-position-bias."""

from itertools import product

import numpy as np

from course import check


def parameters(rng):
    """A window with decay, a sink, and a length that has small factors only and is no power of two."""
    lengths = [n for n in range(20, 400) if factors(n) and (n & (n - 1))]
    return {
        "width": int(rng.integers(3, 7)),
        "decay": float(rng.integers(10, 80) / 100),
        "depth": int(rng.integers(6, 25)),
        "sink": float(rng.integers(10, 100) / 100),
        "length": int(rng.choice(lengths)),
    }


def factors(n):
    """Whether n is made of factors 2, 3 and 5."""
    for prime in (2, 3, 5):
        while n % prime == 0:
            n //= prime
    return n == 1


def given(rng, p):
    """Windows without and with holes, decay and sink; layers in an order; dilations that miss a length."""
    one = lambda low, high: float(np.round(rng.uniform(low, high), 2))
    whole = lambda low, high: int(rng.integers(low, high))
    layer = lambda sink: [whole(2, 5), whole(2, 5), one(0.05, 0.6), sink]
    return {
        "weights": [
            (whole(8, 14), 1, whole(3, 6), one(0.1, 0.9), 0.0),
            (whole(15, 22), whole(2, 5), whole(2, 5), one(0.1, 0.5), 0.0),
            (whole(10, 20), whole(2, 4), whole(2, 6), one(0.1, 0.5), one(0.1, 2)),
            (whole(5, 9), 1, 40, 0.0, one(0.1, 2)),
        ],
        "shares": [
            (whole(20, 30), [layer(0.0)] * whole(3, 6)),
            ordered(rng),
            (whole(100, 160), [layer(one(0, 0.05)) for _ in range(whole(8, 16))]),
        ],
        "contact": [
            (whole(30, 90), [1], whole(2, 6)),
            (whole(60, 250), [1, 2, 4, 8], 2),
            (whole(60, 250), [1, 3, 9], 3),
            (2 * whole(10, 60), [2, 4, 6], whole(2, 5)),
            (8, [3, 5], whole(3, 6)),
            (whole(40, 90), [4, 7], whole(2, 4)),
        ],
    }


def ordered(rng):
    """Few tokens and layers for whom the order makes a difference: it does only at the edge."""
    while True:
        n = int(rng.integers(9, 14))
        first = [1, 3, float(np.round(rng.uniform(0.1, 0.9), 2)), float(np.round(rng.uniform(0.3, 1), 2))]
        others = [[int(rng.integers(2, 5)), 3, float(np.round(rng.uniform(0.05, 0.3), 2)), 0.0] for _ in range(3)]
        layers = [first, *others]
        if np.abs(shares(n, layers) - shares(n, layers[::-1])).max() > 0.01:
            return n, layers


def weights(n, D, w, alpha, g):
    """By the definition, entry by entry."""
    a = np.zeros((n, n))
    for i, k in product(range(n), range(w)):
        if i - k * D >= 0:
            a[i, i - k * D] = np.exp(-alpha * k * D)
    a[:, 0] += g
    return a / a.sum(axis=1, keepdims=True)


def shares(n, layers):
    """From the first layer to the last: what all tokens hold."""
    held = np.eye(n)
    for D, w, alpha, g in layers:
        held = weights(n, int(D), int(w), alpha, g) @ held
    return held[-1]


def contact(n, dilations, w):
    """Fewest layers: count, for each layer, in how many ways distances come about."""
    change = [0] + [n] * (n - 1)  # fewest coins that make a distance, to see whether it comes about at all
    for distance in range(1, n):
        change[distance] = min([n, *(1 + change[distance - D] for D in dilations if D <= distance)])
    if change[-1] >= n:
        return 0
    ways, layer = np.eye(n)[0], 0
    while ways[-1] == 0:
        D = dilations[layer % len(dilations)]
        step = np.zeros(n)
        step[: w * D : D][:w] = 1
        ways = (np.convolve(ways, step)[:n] > 0).astype(float)
        layer += 1
    return layer


def fair(length):
    """A test: layers in which the last token hears all alike."""

    def test(got):
        if got.ndim != 2 or got.shape[1] != 4 or not 1 <= len(got) <= 10:
            return f"1 to 10 rows of four numbers were expected, and this has shape {got.shape}"
        if not np.isfinite(got).all():
            return "it holds NaN or infinity"
        D, w, alpha, g = got.T
        broken = (got[:, :2] != np.round(got[:, :2])).any()
        if broken or D.min() < 1 or w.min() < 1 or alpha.min() < 0 or D.max() > 1e6:
            return "these are no layers: D and w are whole numbers from 1 on, and the decay is not negative"
        if w.max() > 5 or g.any():
            return "a token sees more than five, or there is a sink"
        error = np.abs(shares(length, got) - 1 / length).max()
        return "" if error <= 2e-9 else "the last token does not hear all tokens alike"

    return test


def mark_weights(answers, given, p):
    want = [weights(*arguments) for arguments in given["weights"]]
    parts = [(1, "neither holes nor a sink", [0]), (1, "holes", [1]), (1, "a sink, a very wide window", [2, 3])]
    return check.calls(answers["weights"], want, parts, atol=1e-5)


def mark_shares(answers, given, p):
    want = [shares(*arguments) for arguments in given["shares"]]
    parts = [(1, "equal layers", [0]), (2, "layers in an order", [1, 2])]
    return check.calls(answers["shares"], want, parts, atol=1e-5)


def mark_contact(answers, given, p):
    want = [contact(*arguments) for arguments in given["contact"]]
    parts = [(1, "one dilation", [0]), (1, "dilations in turn", [1, 2, 5]), (1, "no contact ever", [3, 4])]
    return check.calls(answers["contact"], want, parts, atol=1e-6)


def mark_sink(answers, given, p):
    # The chance not to be caught in a layer is G / (G + g).
    window = -np.expm1(-p.decay * p.width) / -np.expm1(-p.decay)
    stay = 0.5 ** (1 / p.depth)
    return [check.value(answers["half_sink"], window * (1 - stay) / stay, 2, "the sink, to four digits", rtol=2e-4)]


def mark_fair(answers, given, p):
    return [check.value(answers["fair"], fair(p.length), 3, "every token is heard alike")]


def mark_late(answers, given, p):
    # Of all tokens but the first, the second gives most to itself.
    own = 1 / (1 + np.exp(-p.decay) + p.sink)
    return [check.value(answers["late_rate"], 1 - own, 2, "the rate, to four digits", rtol=2e-4)]


CELLS = {
    "weights-marks": mark_weights,
    "shares-marks": mark_shares,
    "contact-marks": mark_contact,
    "sink-marks": mark_sink,
    "fair-marks": mark_fair,
    "late-marks": mark_late,
}
