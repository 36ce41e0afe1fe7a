"""Marks of 08-lifetimes."""

import numpy as np
from scipy.integrate import quad, solve_ivp
from scipy.optimize import brentq
from scipy.special import ive

import mfcore as mf
from course import check


def parameters(rng):
    """Two clusters of different sizes, far apart, and a hot and a cold head."""
    m1, m2 = rng.permutation([int(rng.integers(1, 4)), int(rng.integers(5, 10))]).tolist()
    hot = float(rng.integers(25, 61) / 10)
    return {
        "m1": float(m1),
        "m2": float(m2),
        "start": float(rng.integers(110, 220) / 100),
        "stop": float(rng.integers(40, 61) / 100),
        "hot": hot,
        "cold": round(hot + float(rng.integers(10, 50) / 10), 1),
        "share": float(rng.integers(10, 45) / 100),
    }


def given(rng, p):
    """Heads hot and cold, masses of all sizes; tokens in groups; clusters of which the nearest two are not first."""
    one = lambda low, high: float(np.round(rng.uniform(low, high), 2))
    heads = lambda *ends: (np.array([one(*pair) for pair in ends]), shares(rng, len(ends)))
    return {
        "closing_speed": [
            (one(0.5, 2.5), 1.0, 1.0, *heads((2, 5))),
            (one(0.5, 2.5), one(1, 3), one(4, 9), *heads((2, 5))),
            (one(0.5, 2.5), one(4, 9), one(1, 3), *heads((1, 3), (5, 9), (2, 4))),
            (one(1, 1.5), one(1, 3), one(1, 3), *heads((300, 450), (200, 400))),
        ],
        "lifetime": [
            (one(1.5, 2.5), one(0.05, 0.2), one(1, 3), one(4, 9), *heads((4, 9))),
            (one(1.5, 2.5), one(0.05, 0.2), one(4, 9), one(1, 3), *heads((3, 6), (7, 15))),
            (one(2.2, 2.6), one(0.05, 0.2), one(1, 2), one(4, 9), *heads((80, 100), (85, 100))),
        ],
        "drift": [
            (mf.sphere.sample(8, 4, rng), rng.integers(1, 9, 8) / 2, *heads((2, 4), (5, 9))),
            (groups(rng), rng.integers(1, 9, 6) / 2, *heads((55, 70))),
            (groups(rng), rng.integers(1, 9, 6) / 2, *heads((60, 75), (90, 120))),
        ],
        "first_meeting": [
            (np.array([0.3, 0.3 + one(0.9, 1.0), 0.3 + one(2.2, 2.4)]), rng.integers(1, 5, 3) / 2, *heads((15, 20))),
            (np.array([0, one(1.25, 1.35), one(2.0, 2.1)]), rng.integers(1, 5, 3) / 2, *heads((14, 18), (25, 40))),
            (np.array([0, 1.0, one(2.01, 2.03)]), np.array([4.0, 4.0, one(0.3, 0.4)]), *heads((24, 28))),
        ],
    }


def shares(rng, heads):
    """Shares that add up to one, with two digits."""
    parts = np.round(rng.dirichlet(np.full(heads, 3.0)) * 0.7 + 0.3 / heads, 2)
    return np.append(parts[:-1], 1 - parts[:-1].sum()).round(2)


def groups(rng):
    """Six tokens in three places, which are far apart."""
    while True:
        places = mf.sphere.sample(3, 3, rng)
        cosines = (places @ places.T)[np.triu_indices(3, 1)]
        if cosines.max() < 0.3 and cosines.min() > -0.8:
            return places[rng.permutation([0, 0, 0, 1, 1, 2])]


def speed(phi, m1, m2, betas, shares):
    """By the ratio of the masses: (2 + R q) / (1 + R q + q^2), divided by q^2."""
    ratio, back = m1 / m2 + m2 / m1, np.exp(-np.asarray(betas) * (1 - np.cos(phi)))
    return np.sin(phi) * np.sum(shares * back * (2 * back + ratio) / (back**2 + ratio * back + 1))


def lifetime(start, stop, m1, m2, betas, shares):
    """In units of the slowness at the start, with cuts towards it."""
    unit = speed(start, m1, m2, betas, shares)
    cuts = start - (start - stop) * np.append(0, np.geomspace(1e-4, 1, 25))
    part = lambda low, high: quad(lambda f: unit / speed(f, m1, m2, betas, shares), low, high, epsrel=1e-10)[0]
    return sum(part(low, high) for high, low in zip(cuts, cuts[1:])) / unit


def drift(x, m, betas, shares):
    """Pair by pair, along the tangent: P_x y = y - <x, y> x, of length sin of the angle."""
    x = x.astype(np.longdouble)
    x /= np.sqrt((x**2).sum(axis=1, keepdims=True))
    v = np.zeros_like(x)
    for i, a in enumerate(x):
        apart = ((a - x) ** 2).sum(axis=1) / 2  # 1 - cos
        for beta, share in zip(betas, shares):
            mass = m * np.exp(-beta * apart)
            for j, b in enumerate(x):
                if apart[j] > 1e-6:
                    v[i] += share * mass[j] / mass.sum() * (b - a + apart[j] * a)
    return v.astype(float)


def first_meeting(theta, m, betas, shares):
    """Time and pair, by an equation for the two distances."""

    def pull(gap, own, other):
        # Mass and mass times sine of another cluster, relative to the own one.
        return other / own * np.exp(-betas * (1 - np.cos(gap))), np.sin(gap)

    def rate(_, gaps):
        at = np.array([0, gaps[0], gaps.sum()])
        turn = []
        for i in range(3):
            others = [(pull(abs(at[j] - at[i]), m[i], m[j]), np.sign(at[j] - at[i])) for j in range(3) if j != i]
            total = 1 + sum(mass for (mass, _), _ in others)
            turn.append(np.sum(shares * sum(side * mass * sine for (mass, sine), side in others) / total))
        return np.diff(turn)

    ends = [lambda t, gaps, k=k: gaps[k] - 0.05 for k in (0, 1)]
    for end in ends:
        end.terminal = True
    run = solve_ivp(rate, (0, 1e15), np.diff(theta), method="DOP853", events=ends, rtol=1e-10, atol=1e-12)
    pair = int(len(run.t_events[1]) > 0)
    return run.t_events[pair][0], pair


def rows_like(want):
    """A test: each row, relative to its own length."""

    def test(got):
        if got.shape != want.shape:
            return f"an array of shape {want.shape} was expected, and this one has shape {got.shape}"
        if not np.isfinite(got).all():
            return "it holds NaN or infinity"
        error = np.max(np.linalg.norm(got - want, axis=1) / np.linalg.norm(want, axis=1))
        return "" if error <= 2e-8 else "it is close, but not as accurate as asked" if error <= 1e-4 else "it is wrong"

    return test


def meeting(number, want):
    """A test of one of the two numbers."""

    def test(got):
        if got.shape != (2,):
            return f"two numbers were expected, and this has shape {got.shape}"
        if number:
            return "" if got[1] == want[1] else "the other two meet first"
        return "" if abs(got[0] - want[0]) <= 2e-3 * want[0] else "it is wrong"

    return test


def mark_speed(answers, given, p):
    want = [speed(*arguments) for arguments in given["closing_speed"]]
    marks = []
    # Each speed has a size of its own.
    parts = [(1, "one head", (0, 1)), (1, "several heads, and very cold ones", (2, 3))]
    for points, part, numbers in parts:
        marks += check.calls(answers["closing_speed"], [close(w, 2e-5) for w in want], [(points, part, numbers)])
    return marks


def close(want, rtol):
    """A test: one number."""

    def test(got):
        if got.size != 1:
            return f"one number was expected, and this has shape {got.shape}"
        error = abs(got.item() / want - 1)
        close = "it is close, but not as accurate as asked" if error <= 100 * rtol else "it is wrong"
        return "" if error <= rtol else close

    return test


def mark_lifetime(answers, given, p):
    want = [close(lifetime(*arguments), 2e-4) for arguments in given["lifetime"]]
    parts = [(1, "one head", [0]), (1, "two heads", [1]), (1, "cold heads", [2])]
    return check.calls(answers["lifetime"], want, parts)


def mark_heads(answers, given, p):
    split = np.array([p.share, 1 - p.share])
    both = lambda b1, b2: lifetime(p.start, p.stop, p.m1, p.m2, np.array([b1, b2]), split)
    steps = np.array([-2, -1, 1, 2])
    logs = np.log([both(p.hot + 0.02 * step, p.cold) for step in steps])
    slope = logs @ np.array([1, -8, 8, -1]) / (12 * 0.02)
    alone = lifetime(p.start, p.stop, p.m1, p.m2, np.array([p.hot]), np.ones(1))
    nearly = brentq(lambda b: both(p.hot, b) - 0.95 * alone / p.share, p.hot, 300, xtol=1e-6)
    return [
        check.value(answers["slope"], slope, 1, "the slope", atol=2e-3),
        check.value(answers["nearly"], nearly, 2, "how cold is cold enough", rtol=2e-3),
    ]


def mark_drift(answers, given, p):
    want = [rows_like(drift(*arguments)) for arguments in given["drift"]]
    parts = [(1, "masses and heads", [0]), (1, "one cold head", [1]), (1, "two cold heads", [2])]
    return check.calls(answers["drift"], want, parts)


def mark_three(answers, given, p):
    found = [first_meeting(*arguments) for arguments in given["first_meeting"]]
    who, when = ([meeting(number, want) for want in found] for number in (1, 0))
    return [
        *check.calls(answers["first_meeting"], who, [(1, "who meets first", [0, 1, 2])]),
        *check.calls(answers["first_meeting"], when, [(2, "when", [0, 1, 2])]),
    ]


def mark_noise(answers, given, p):
    part = lambda beta: ive(1, beta) / ive(0, beta) / beta
    want = p.share * part(p.hot) + (1 - p.share) * part(p.cold)
    return [check.value(answers["critical_noise"], want, 2, "the noise, to four digits", rtol=2e-4)]


CELLS = {
    "speed-marks": mark_speed,
    "lifetime-marks": mark_lifetime,
    "heads-marks": mark_heads,
    "drift-marks": mark_drift,
    "three-marks": mark_three,
    "noise-marks": mark_noise,
}
