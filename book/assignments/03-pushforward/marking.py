"""Marks of 03-pushforward."""

from functools import cache

import numpy as np
from scipy.optimize import brentq
from scipy.special import logsumexp, softmax

import mfcore as mf
from course import check


def parameters(rng):
    """Positions with several local maxima, the best of which some random starts reach, and masses for three."""
    p, rho, cold = layout(int(rng.integers(2**31)))
    beta = float(rng.integers(8, 21) / 10)
    middle = int(rng.integers(10, 23))
    # The first mass is larger than the last.
    top = int(rng.integers((100 - middle) // 2 + 5, 61))
    three = np.array([top, middle, 100 - top - middle]) / 100
    return {"p": p, "rho": rho, "cold": cold, "beta": beta, "three": three, "n": int(rng.integers(3, 6))}


@cache
def layout(seed):
    """Seven positions in three dimensions, masses, and an inverse temperature."""
    rng = np.random.default_rng(seed)
    while True:
        cold = float(rng.integers(28, 39) / 10)
        p = np.round(mf.sphere.sample(7, 3, rng) * rng.uniform(0.32, 0.45), 2)
        rho = np.round(rng.dirichlet(np.full(7, 8.0)), 2)
        rho[-1] = round(1 - rho[:-1].sum(), 2)
        if rho.min() < 0.05:
            continue
        found = log_energies(ascents(p, rho, cold, 200, rng), p, rho, cold)
        reached = found > found.max() - 1e-7
        if 0.08 <= reached.mean() <= 0.4 and found[~reached].max() < found.max() - 3e-3:
            return p, rho, cold


def ascents(p, rho, beta, count, rng):
    """Ends of ascents from random starts, (count, n, d)."""
    x = mf.sphere.sample(count * len(p), p.shape[1], rng).reshape(count, *p.shape)
    for _ in range(3000):
        z = x + p
        image = softmax(beta * z @ z.transpose(0, 2, 1) + np.log(rho), axis=2) @ z
        image /= np.linalg.norm(image, axis=2, keepdims=True)
        change, x = np.abs(image - x).max(), image
        if change < 1e-9:
            break
    return x


def log_energies(x, p, rho, beta):
    """Logarithms of energies of states (..., n, d)."""
    z = x + p
    logits = beta * z @ np.swapaxes(z, -1, -2) + np.log(np.outer(rho, rho))
    return logsumexp(logits, axis=(-2, -1)) - np.log(2 * beta)


def given(rng, p):
    """States with masses, and weak positions with a mean."""
    states = []
    for n, d in ((4, 3), (7, 2), (5, 5)):
        masses = rng.dirichlet(np.full(n, 2.0))
        places = rng.standard_normal((n, d)) / 2
        states.append((mf.sphere.sample(n, d, rng), places, masses, float(rng.uniform(0.5, 2))))
    states.append((*(mf.sphere.sample(3, 2, rng) for _ in range(2)), p.three, p.beta))
    scales = lambda signs: [float(sign * rng.uniform(0.1, 0.3)) for sign in signs]
    weak = []
    for n, d, signs in ((5, 2, (1, 1, 1)), (8, 3, (1, 1, 1)), (6, 4, (-1, 1, 1)), (7, 3, (1, -1, -1))):
        places = 0.6 * rng.standard_normal((n, d))
        places[:, 0] += 0.8 - places[:, 0].mean()
        weak.append((places, float(rng.uniform(0.8, 2.0)), *scales(signs)))
    return {"energy": states, "velocity": states, "spread": weak, "law": weak}


def mark_mass(answers, given, p):
    energies, velocities = [], []
    for x, places, masses, beta in given["energy"]:
        z = x + places
        energies.append(np.exp(log_energies(x, places, masses, beta)))
        pull = softmax(beta * z @ z.T + np.log(masses), axis=1) @ z
        velocities.append(mf.sphere.tangent(x, pull))
    return [
        *check.calls(answers["energy"], energies, [(1, "the energy", [0, 1, 2, 3])], rtol=1e-5),
        *check.calls(answers["velocity"], velocities, [(1, "the velocity", [0, 1, 2, 3])], rtol=1e-5),
    ]


def best_of(p, rho, beta):
    """A test of a state that is asked to have the largest energy."""

    def fault(x):
        if x.shape != p.shape:
            return f"an array of shape {p.shape} was expected, and this one has shape {x.shape}"
        if not np.isfinite(x).all():
            return "it holds NaN or infinity"
        length = np.linalg.norm(x, axis=1, keepdims=True)
        if abs(length - 1).max() > 1e-5:
            return "not all rows have length one"
        missing = largest_log_energy(p, rho, beta) - log_energies(x / length, p, rho, beta)
        return "" if missing <= 1e-5 else "there are states of larger energy"

    return fault


def largest_log_energy(p, rho, beta):
    """Of 400 ascents."""
    return log_energies(ascents(p, rho, beta, 400, np.random.default_rng(0)), p, rho, beta).max()


def mark_best(answers, given, p):
    return [check.value(answers["best"], best_of(p.p, p.rho, p.cold), 3, "a state of largest energy")]


def spread(p, beta, sq, sk, sv):
    """Displacements at rest, by Newton's method for all coordinates together: no iteration that has to settle."""
    n, d = p.shape

    def residual(y):
        x = y.reshape(n, d)
        weights = softmax(beta * (x + sq * p) @ (x + sk * p).T, axis=1)
        image = weights @ (x + sv * p)
        return (image / np.linalg.norm(image, axis=1, keepdims=True) - x).ravel()

    mean = sv * p.mean(axis=0)
    y = np.tile(mean / np.linalg.norm(mean), n)
    for _ in range(300):  # near enough for Newton
        y = y + residual(y)
    steps = 1e-6 * np.eye(n * d)
    for _ in range(8):
        slope = np.array([residual(y + h) - residual(y - h) for h in steps]).T / 2e-6
        y = y - np.linalg.solve(slope, residual(y))
    x = y.reshape(n, d)
    return x - x.mean(axis=0)


def law(p, beta, sq, sk, sv):
    """The product of three scales in the place of the cube."""
    return mf.closed_forms.cubic_spread(p, beta, 1.0) * sq * sk * sv


def mark_scales(answers, given, p):
    parts = lambda points: [(points / 2, "all scales positive", [0, 1]), (points / 2, "some of them negative", [2, 3])]
    exact = [spread(*arguments) for arguments in given["spread"]]
    leading = [law(*arguments) for arguments in given["law"]]
    named = lambda parts, name: [(points, f"{name}, {part}", numbers) for points, part, numbers in parts]
    return [
        *check.calls(answers["spread"], exact, named(parts(2), "displacements"), rtol=4e-4),
        *check.calls(answers["law"], leading, named(parts(2), "leading term"), rtol=1e-5),
    ]


SEPARATED, COLLAPSED = np.array([1.0, 1.0, -1.0]), np.array([1.0, 1.0, 1.0])


def line_of_three(masses, beta):
    """a_sep, a_cross, a_col: second derivatives and energies in scalars."""

    def second_derivatives(a, x):
        """Of the energy in the three angles across the line, up to a factor: largest eigenvalue."""
        z = x + a * np.array([1.0, 0.0, -1.0])
        kernel = np.exp(beta * np.outer(z, z))
        pull = kernel @ (masses * z)
        return np.linalg.eigvalsh(np.diag(-masses * pull * x) + np.outer(masses, masses) * kernel)[-1]

    def gain(a):
        # Only what the third token does is different.
        top, middle, low = masses
        near, far = (
            low * np.exp(beta * x**2) + 2 * (top * np.exp(beta * (1 + a) * x) + middle * np.exp(beta * x))
            for x in (1 - a, -1 - a)
        )
        return far - near

    return (
        brentq(second_derivatives, 1e-4, 2.0, args=(SEPARATED,)),
        brentq(gain, 1e-4, 3.0),
        brentq(second_derivatives, 0.5, 4.0, args=(COLLAPSED,)),
    )


def mark_line(answers, given, p):
    a_sep, a_cross, a_col = line_of_three(p.three, p.beta)
    return [
        check.value(answers["cross"], a_cross, 2, "equal energies", atol=2.5e-3),
        check.value(answers["sep"], a_sep, 1, "stability of the separated state", atol=2.5e-3),
        check.value(answers["col"], a_col, 1, "stability of the collapsed state", atol=2.5e-3),
    ]


def all_but_one(n, beta):
    """A test of positions of which the last token alone is asked to move."""

    def fault(q):
        if q.shape != (n, 2):
            return f"an array of shape {(n, 2)} was expected, and this one has shape {q.shape}"
        if not np.isfinite(q).all():
            return "it holds NaN or infinity"
        if np.linalg.norm(q, axis=1).max() > 2 + 1e-9:
            return "a position is longer than 2"
        if abs(q[:, 1]).min() < 0.05 - 1e-9:
            return "a position is too near to the line"
        z = q + [1.0, 0.0]
        speeds = abs(softmax(beta * z @ z.T, axis=1) @ q[:, 1])
        if speeds[:-1].max() > 5e-6:
            return "one of the first n - 1 tokens moves" + (", if only a little" if speeds[:-1].max() < 1e-3 else "")
        return "" if speeds[-1] >= 0.01 - 1e-6 else "the last token is too slow"

    return fault


def mark_almost(answers, given, p):
    return [check.value(answers["almost"], all_but_one(p.n, p.beta), 3, "all but one at rest")]


CELLS = {
    "mass-marks": mark_mass,
    "best-marks": mark_best,
    "scales-marks": mark_scales,
    "line-marks": mark_line,
    "almost-marks": mark_almost,
}
