"""Marks of 02-collapse-clock."""

from functools import cache

import numpy as np
from scipy.integrate import odeint
from scipy.optimize import brentq

from course import check


def parameters(rng):
    """Equal cosines, a cooling that is too quick, and one token that hears itself much louder than the others."""
    n, beta, start = int(rng.integers(5, 10)), float(rng.integers(5, 21) / 10), float(rng.integers(5, 26) / 100)
    quick = round(float(rng.uniform(1.2, 2.0) * critical_rate(n, start, beta)), 1)
    own = rng.integers(3, 16, size=int(rng.integers(5, 8))) / 10
    own[rng.integers(len(own))] = rng.integers(5, 41)
    return {"n": n, "beta": beta, "start": start, "quick": quick, "own": own}


def given(rng, p):
    """Cosines for the rate, starts for the time, and numbers of layers for the count."""
    colder = p.beta + 0.35
    real = lambda low, high: float(rng.uniform(low, high))
    several = lambda: int(rng.integers(3, 12))
    rates = [
        (real(0.0, 0.9), several(), p.beta, 1.0),
        (real(0.0, 0.9), several(), real(1.5, 3.0), 0.0),
        (real(-0.05, 0.5), 2, real(0.5, 3.0), real(2.0, 9.0)),
        (real(0.2, 0.9), several(), real(0.5, 3.0), real(0.2, 0.8)),
    ]
    times = [
        (real(0.8, 0.95), real(0.1, 0.4), several(), real(1.0, 3.0), 0.0),
        (real(0.8, 0.95), real(0.1, 0.4), several(), real(1.4, 2.0), real(0.2, 0.5)),
        (0.99, p.start, p.n, colder, 0.7 * critical_rate(p.n, p.start, colder)),
    ]
    counts = []
    for low, high in ((6, 16), (30, 80), (150, 300)):
        start, n, beta, h = real(0.0, 0.3), several(), real(0.5, 2.0), real(0.3, 0.9)
        count = int(rng.integers(low, high))
        cosines = cosines_of_layers(start, n, beta, h, count)
        # In the middle between two layers, so that rounding cannot decide.
        counts.append(((cosines[-2] + cosines[-1]) / 2, start, n, beta, h))
    return {"rate": rates, "cooling": times, "layers": counts}


def log_gap(n, start, beta0, c, times):
    """Logarithm of the gap 1 - cosine at these times, with beta0 + c t."""

    def change(y, t):
        s = np.exp(y[0])
        return [-2 * (n - (n - 1) * s) / (np.exp(min((beta0 + c * t) * s, 700.0)) + n - 1)]

    return odeint(change, [np.log1p(-start)], times, rtol=1e-10, atol=1e-11, mxstep=20_000)[:, 0]


@cache
def critical_rate(n, start, beta0):
    """The rate of cooling above which tokens freeze, to seven digits."""
    slow, fast = 0.0, 40.0
    for _ in range(30):
        middle = (slow + fast) / 2
        if log_gap(n, start, beta0, middle, [0.0, 100.0])[-1] < np.log(0.03):
            slow = middle
        else:
            fast = middle
    return (slow + fast) / 2


def cosines_of_layers(start, n, beta, h, count):
    """Common cosines before the first Pre-LN layer and after each: one recursion of squared length and product."""
    square, product, cosines = 1.0, start, [start]
    for _ in range(count):
        rho = product / square
        others = np.exp(beta * (rho - 1))
        own, other = np.array([1.0, others]) / (1 + (n - 1) * others)
        # y + h g has the coefficient A for the token's own direction and B for each other one.
        A, B = np.sqrt(square) + h * own, h * other
        square = A**2 + 2 * (n - 1) * A * B * rho + (n - 1) * B**2 * (1 + (n - 2) * rho)
        product = A**2 * rho + 2 * A * B * (1 + (n - 2) * rho) + B**2 * (n - 2 + (1 + (n - 2) * (n - 1)) * rho)
        cosines.append(product / square)
    return cosines


def mark_rate(answers, given, p):
    want = []
    for rho, n, beta, w in given["rate"]:
        others = np.exp(beta * rho)
        want.append(2 * others * (1 - rho) * ((n - 1) * rho + 1) / (w * np.exp(beta) + (n - 1) * others))
    parts = [(0.5, "w = 1", [0]), (0.5, "w = 0", [1]), (1, "any w", [2, 3])]
    return check.calls(answers["rate"], want, parts, rtol=1e-5)


def mark_cooling(answers, given, p):
    want = [time_to(*arguments) for arguments in given["cooling"]]
    parts = [(1, "no cooling", [0]), (1, "slow cooling", [1]), (1, "a late time, almost too cold", [2])]
    return check.calls(answers["cooling"], want, parts, rtol=3e-4)


def time_to(target, start, n, beta0, c):
    """The time at which the common cosine is reached."""
    late = 1.0
    while log_gap(n, start, beta0, c, [0.0, late])[-1] > np.log1p(-target):
        late *= 2
    return brentq(lambda t: log_gap(n, start, beta0, c, [0.0, t])[-1] - np.log1p(-target), 1e-3, late, xtol=1e-8)


def mark_layers(answers, given, p):
    want = []
    for target, *others in given["layers"]:
        want.append(np.argmax(np.array(cosines_of_layers(*others, 400)) >= target))
    parts = [(1, "few layers", [0]), (1, "dozens", [1]), (1, "hundreds", [2])]
    return check.calls(answers["layers"], want, parts, atol=1e-6)


def mark_late(answers, given, p):
    # The secular equation of a diagonal matrix plus one of rank one, between its two smallest poles.
    n = len(p.own)
    poles = np.unique(n / (n - 1 + p.own))
    secular = lambda rate: (1 / (n - (n - 1 + p.own) * rate)).sum() - 1
    distance = brentq(secular, poles[0] + 1e-9, poles[1] - 1e-9)
    return [check.value(answers["late"], within(2 * distance, 0.02), 3, "the rate, to one percent")]


def within(want, part):
    """A test of one number that leaves a generous part of it, and does not call twice as much close."""

    def fault(got):
        if got.size != 1:
            return "one number was expected"
        off = abs(got.item() / want - 1)
        return "" if off <= part else "it is close, but not as accurate as asked" if off <= 2 * part else "it is wrong"

    return fault


def mark_frozen(answers, given, p):
    frozen = -np.expm1(log_gap(p.n, p.start, p.beta, p.quick, [0.0, 1000.0])[-1])
    return [
        check.value(answers["frozen"], frozen, 1, "where the quickly cooled tokens freeze", atol=3e-4),
        check.value(answers["critical"], critical_rate(p.n, p.start, p.beta), 2, "the critical rate", rtol=2.5e-3),
    ]


def at_rest(n, beta):
    """A test of tokens that are asked to be at rest."""

    def fault(x):
        if x.shape != (n, 3):
            return f"an array of shape {(n, 3)} was expected, and this one has shape {x.shape}"
        if not np.isfinite(x).all():
            return "it holds NaN or infinity"
        length = np.linalg.norm(x, axis=1, keepdims=True)
        if not (abs(length - 1) <= 3e-6).all():
            return "not all rows have length one"
        x = x / length
        cosine = x @ x.T
        pairs = cosine[np.triu_indices(n, 1)]
        if pairs.max() > 0.99 + 1e-9:
            return "two tokens are equal, or nearly so"
        if pairs.min() < -0.99 - 1e-9:
            return "two tokens are opposite, or nearly so"
        if np.linalg.svd(x, compute_uv=False)[-1] < 0.1 - 1e-9:
            return "the tokens lie in a plane, or nearly so"
        weights = np.exp(beta * (cosine - 1))
        pull = weights @ x / weights.sum(axis=1, keepdims=True)
        speed = abs(pull - (x * pull).sum(axis=1, keepdims=True) * x).max()
        return "" if speed <= 5e-6 else "the tokens move" + (", if only a little" if speed < 1e-3 else "")

    return fault


def mark_rest(answers, given, p):
    return [check.value(answers["rest"], at_rest(p.n, p.beta), 3, "tokens at rest")]


CELLS = {
    "rate-marks": mark_rate,
    "cooling-marks": mark_cooling,
    "layers-marks": mark_layers,
    "late-marks": mark_late,
    "frozen-marks": mark_frozen,
    "rest-marks": mark_rest,
}
