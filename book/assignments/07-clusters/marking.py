"""Marks of 07-clusters."""

import numpy as np
from scipy.integrate import quad, solve_ivp
from scipy.optimize import brentq

from course import check

POINTS = 16384
TURN = 2 * np.pi


def parameters(rng):
    """Temperatures at which modes 2 and 3 change places once; few tokens, whose rates are not those of the law."""
    while True:
        drawn = {
            "beta": float(rng.integers(60, 160) / 10),
            "cap": float(rng.integers(10, 36) / 10),
            "n": int(rng.integers(8, 15)),
            "mode": int(rng.integers(1, 4)),
        }
        law = rate(drawn["mode"], drawn["beta"], drawn["cap"])
        few = polygon_rate(drawn["mode"], drawn["n"], drawn["beta"], drawn["cap"])
        if abs(few) > 0.1 and abs(few - law) > 0.05 * abs(law):
            return drawn


def given(rng, p):
    """Groups that cross the cut; kernels that are narrow, capped and not; tokens in no order."""
    one = lambda low, high: float(np.round(rng.uniform(low, high), 2))
    return {
        "group_sizes": [scattered(rng), scattered(rng), across(rng), (ring(rng), 0.5), (np.array([one(-9, 9)]), 0.3)],
        "rate": [
            (int(rng.integers(2, 4)), one(5, 20), one(1, 3)),
            (int(rng.integers(2, 6)), one(20, 60), one(200, 900)),
            damped(rng),
            (int(rng.integers(20, 40)), one(700, 1000), one(700, 1000)),
        ],
        "fastest": [clear(rng, (100, 400), (500, 900)), clear(rng, (20, 60), (1, 5)), clear(rng, (5, 12), (6, 12))],
        "angles_at": [
            (rng.uniform(0, TURN, 6), one(3, 4), one(8, 12), one(1, 2)),
            (rng.uniform(0, TURN, 9), one(10, 20), one(1, 2), 3.0),
            (rng.uniform(-4, 4, 7), one(5, 9), one(2, 5), one(0.5, 1)),
        ],
        "energy": [(rng.uniform(0, TURN, 7), one(6, 20), one(1, 4)), (rng.uniform(0, TURN, 4), one(3, 6), one(20, 90))],
        "low": [(one(8, 20), one(1, 2)), (one(8, 10), one(4, 4.5)), (one(6, 6.6), one(4.8, 5))],
    }


def scattered(rng):
    """Groups of tokens anywhere, and a gap that no distance is near to."""
    while True:
        centres = np.repeat(rng.uniform(-3 * np.pi, 3 * np.pi, 5), rng.integers(1, 6, 5))
        theta = rng.permutation(centres + rng.uniform(-0.15, 0.15, len(centres)))
        steps = np.diff(np.sort(theta % TURN), append=np.min(theta % TURN) + TURN)
        gap = float(np.round(rng.uniform(0.1, 0.4), 2))
        if np.min(np.abs(steps - gap)) > 1e-3 and len(sizes(theta, gap)) > 2:
            return theta, gap


def across(rng):
    """One group about the angle 0, one about pi, one elsewhere, several turns apart."""
    spread = lambda centre, n: centre + np.linspace(-0.2, 0.2, n) + TURN * rng.integers(-2, 3, n)
    groups = spread(0, 6), spread(np.pi, 9), spread(1.5, int(rng.integers(3, 5)))
    return rng.permutation(np.concatenate(groups)), 0.25


def ring(rng):
    """A closed ring: a single group without a break."""
    n = int(rng.integers(20, 30))
    return rng.permutation(TURN * np.arange(n) / n + rng.uniform(-0.05, 0.05, n))


def damped(rng):
    """A mode that is damped, not weakly."""
    while True:
        k, beta, cap = int(rng.integers(4, 10)), *(float(np.round(rng.uniform(*ends), 2)) for ends in ((8, 30), (1, 5)))
        if rate(k, beta, cap) < -0.05:
            return k, beta, cap


def clear(rng, betas, caps):
    """A temperature and a cap at which one mode is clearly the fastest."""
    while True:
        beta, cap = (float(np.round(rng.uniform(*ends), 2)) for ends in (betas, caps))
        best = np.sort([rate(k, beta, cap) for k in range(1, 41)])
        if best[-1] - best[-2] > 1e-3:
            return beta, cap


def coefficients(beta, cap):
    """Fourier coefficients of the kernel, up to a factor."""
    u = TURN * np.arange(POINTS) / POINTS
    return np.fft.rfft(np.exp(cap * np.tanh(beta * np.cos(u) / cap) - cap * np.tanh(beta / cap))).real


def rate(k, beta, cap):
    """By sin u sin ku = (cos (k-1)u - cos (k+1)u) / 2."""
    c = coefficients(beta, cap)
    return k * (c[k - 1] - c[k + 1]) / (2 * c[0])


def polygon_rate(k, n, beta, cap):
    """Rate of the tokens themselves: an eigenvalue of the linearized equation of motion about the polygon."""
    u = TURN * np.arange(n) / n
    kernel = np.exp(cap * np.tanh(beta * np.cos(u) / cap))
    steep = np.cos(u) - beta * np.sin(u) ** 2 / np.cosh(beta * np.cos(u) / cap) ** 2
    return np.sum(kernel * steep * (np.cos(k * u) - 1)) / np.sum(kernel)


def sizes(theta, gap):
    """Sizes of groups by joining neighbours until nothing changes."""
    apart = np.abs((theta[:, None] - theta + np.pi) % TURN - np.pi)
    label = np.arange(len(theta))
    for _ in theta:
        label = np.where(apart <= gap, label, len(theta)).min(axis=1)
    return np.sort(np.unique(label, return_counts=True)[1])[::-1]


def flow(theta, beta, cap, t):
    """Angles at time t."""

    def velocity(_, theta):
        apart = theta - theta[:, None]
        kernel = np.exp(cap * np.tanh(beta * np.cos(apart) / cap))
        return (kernel * np.sin(apart)).sum(axis=1) / kernel.sum(axis=1)

    return solve_ivp(velocity, (0, t), theta, method="DOP853", rtol=1e-11, atol=1e-12).y[:, -1]


def potential(v, beta, cap):
    """G(v)."""
    return quad(lambda s: np.exp(cap * np.tanh(beta * s / cap)), 0, v, epsabs=0, epsrel=1e-9, limit=200)[0]


def energy(theta, beta, cap):
    return np.mean([potential(np.cos(a - b), beta, cap) for a in theta for b in theta]) / 2


def uniform_energy(beta, cap):
    """G(cos u) falls at the rate K(u) sin u from G(1): its mean over the half circle, by parts."""
    u = np.linspace(0, np.pi, 4001)
    kernel = np.exp(cap * np.tanh(beta * np.cos(u) / cap))
    return (potential(1, beta, cap) - np.trapezoid(kernel * np.sin(u) * (np.pi - u), u) / np.pi) / 2


def same_angles(want):
    """A test: the same points of the circle, in the same order."""

    def test(got):
        if got.shape != want.shape:
            return f"an array of shape {want.shape} was expected, and this one has shape {got.shape}"
        if not np.isfinite(got).all():
            return "it holds NaN or infinity"
        error = np.max(np.abs((got - want + np.pi) % TURN - np.pi))
        return "" if error <= 2e-5 else "it is close, but not as accurate as asked" if error <= 2e-3 else "it is wrong"

    return test


def lower(beta, cap):
    """A test: few tokens, whose energy is below that of the uniform law."""

    def test(got):
        if got.ndim != 1 or not 1 <= got.size <= 30:
            return f"a list of 1 to 30 angles was expected, and this has shape {got.shape}"
        if not np.isfinite(got).all():
            return "it holds NaN or infinity"
        excess = energy(got % TURN, beta, cap) - uniform_energy(beta, cap)
        if excess > 0:
            return "these tokens have more energy than the uniform law"
        enough = excess < -0.00099 * potential(1, beta, cap) / 2
        return "" if enough else "their energy is lower, but not by as much as asked"

    return test


def mark_groups(answers, given, p):
    want = [sizes(theta, gap) for theta, gap in given["group_sizes"]]
    parts = [(1, "groups anywhere on the circle", [0, 1, 2]), (1, "a closed ring, and one token", [3, 4])]
    return check.calls(answers["group_sizes"], want, parts, atol=1e-6)


def mark_rate(answers, given, p):
    want = [rate(*arguments) for arguments in given["rate"]]
    parts = [(1, "a small cap", [0]), (1, "large caps, and beta up to 1,000", [1, 3]), (2, "a damped mode", [2])]
    return check.calls(answers["rate"], want, parts, atol=2e-5)


def mark_fastest(answers, given, p):
    want = [1 + int(np.argmax([rate(k, *arguments) for k in range(1, 41)])) for arguments in given["fastest"]]
    cap = brentq(lambda c: rate(2, p.beta, c) - rate(3, p.beta, c), 1.0, 50.0)
    return [
        *check.calls(answers["fastest"], want, [(1, "the fastest mode", [0, 1, 2])], atol=1e-6),
        check.value(answers["critical_cap"], cap, 2, "the critical cap, to four digits", rtol=2e-4),
    ]


def mark_tokens(answers, given, p):
    want = [same_angles(flow(*arguments)) for arguments in given["angles_at"]]
    growth = polygon_rate(p.mode, p.n, p.beta, p.cap)
    parts = [(1, "angles, a large cap", [0]), (1, "angles, a small cap", [1, 2])]
    return [
        *check.calls(answers["angles_at"], want, parts),
        check.value(answers["seen"], growth, 2, "the rate of few tokens", rtol=2e-3),
    ]


def mark_energy(answers, given, p):
    marks = []
    # Each call has its own scale.
    scaled = [0.5 * potential(1, beta, cap) for _, beta, cap in given["energy"]]
    tests = [near(energy(*arguments), 2e-4 * scale) for arguments, scale in zip(given["energy"], scaled)]
    marks += check.calls(answers["energy"], tests, [(1, "the energy", [0, 1])])
    parts = [(1, "below the uniform law, a small cap", [0]), (1, "below the uniform law, larger caps", [1, 2])]
    return marks + check.calls(answers["low"], [lower(*arguments) for arguments in given["low"]], parts)


def near(want, allowed):
    """A test: one number, this one."""

    def test(got):
        if got.size != 1:
            return f"one number was expected, and this has shape {got.shape}"
        return "" if abs(got.item() - want) <= allowed else "it is wrong"

    return test


CELLS = {
    "groups-marks": mark_groups,
    "rate-marks": mark_rate,
    "fastest-marks": mark_fastest,
    "tokens-marks": mark_tokens,
    "energy-marks": mark_energy,
}
