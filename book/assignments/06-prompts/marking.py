"""Marks of 06-prompts."""

import numpy as np
from scipy.linalg import eigh
from scipy.optimize import brentq, minimize_scalar

import mfcore as mf
from course import check


def parameters(rng):
    """Targets on the circle with masses, and two groups at an angle."""
    while True:
        angles = np.sort(np.round(rng.uniform(0, 6.2, int(rng.integers(4, 6))), 2))
        parts = np.round(0.4 / len(angles) + 0.6 * rng.dirichlet(np.full(len(angles), 2.0)), 2)
        masses = np.round(np.append(parts[:-1], 1 - parts[:-1].sum()), 2)
        if np.diff(angles).min() > 0.4 and masses.min() > 0.05:
            break
    return {
        "beta": float(rng.integers(8, 26) / 10),
        "weight": float(rng.integers(20, 101) / 100),
        "targets": angles,
        "masses": masses,
        "first": int(rng.integers(4, 10)),
        "angle": float(rng.integers(120, 260) / 100),
    }


def given(rng, p):
    """Prompts that call to several places; camps of all sizes; targets in two to four dimensions."""
    one = lambda low, high: float(np.round(rng.uniform(low, high), 2))
    camps = lambda betas: (one(0.1, 0.45), one(0.3, 3), one(0.3, 3), one(*betas))
    return {
        "best_point": [
            calls(rng, 2, (0.5, 1), False),
            calls(rng, 3, (2, 6), True),
            calls(rng, 4, (3, 6), True),
        ],
        "threshold": [
            (one(0.1, 0.4), *[one(0.3, 2)] * 2, one(0.5, 4)),
            (one(0.6, 0.9), one(0.3, 2), one(0.3, 2), one(0.5, 4)),
            camps((1, 5)),
            (one(0.2, 0.8), one(0.8, 0.9), one(1.1, 1.3), 1000.0),
            (one(0.2, 0.8), one(2.5, 3), one(0.7, 0.8), 1000.0),
        ],
        "prompts_of_length": [lengths(rng, 4, 2, (0.5, 2), 1.6), lengths(rng, 7, 3, (2, 4), 1.3), lengths(rng, 5, 4, (1, 2), 1.02)],
    }


def calls(rng, d, betas, mean_fails):
    """A common prompt; if asked, one whose best point is not found from the mean of its vectors."""
    while True:
        k = int(rng.integers(3, 7))
        u = np.round(rng.uniform(0.6, 1.6, (k, 1)) * mf.sphere.sample(k, d, rng), 3)
        w = 0.2 / k + 0.8 * rng.dirichlet(np.ones(k))
        beta = float(np.round(rng.uniform(*betas), 2))
        best = value(ascend(u, w, beta), u, w, beta).max()
        start = (w @ u)[None]
        stuck = ascend(u, w, beta, start / np.linalg.norm(start))
        heaviest = u[np.argmax(w)] / np.linalg.norm(u[np.argmax(w)])
        lost = min(best - value(point, u, w, beta).max() for point in (stuck, heaviest[None]))
        if not mean_fails or lost > 0.01:
            return u, w, beta


def value(x, u, w, beta):
    """Logarithm of V."""
    return np.log(np.exp(beta * x @ u.T) @ w)


def ascend(u, w, beta, x=None):
    """Tops of V, from 200 starts or from some."""
    x = mf.sphere.sample(200, u.shape[1], np.random.default_rng(5)) if x is None else x
    for _ in range(400):
        x = mf.sphere.project((w * np.exp(beta * x @ u.T)) @ u)
    return x


def lengths(rng, n, d, betas, factor):
    """Targets, and a length somewhat above the least that is possible for all of them."""
    x, m = mf.sphere.sample(n, d, rng), rng.dirichlet(np.full(n, 3.0))
    beta, lam = (float(np.round(rng.uniform(*ends), 2)) for ends in (betas, (0.2, 1)))
    c = np.linalg.norm(tangent_pull(x, m, beta), axis=1) / lam
    least = [minimize_scalar(lambda a: a * a + k * k * np.exp(-2 * beta * a), (0, 0.1)).fun for k in c]
    return x, m, beta, lam, float(np.round(factor * np.sqrt(max(least)) + 0.005, 2))


def tangent_pull(x, m, beta):
    """P_x of what the tokens pull with."""
    return mf.sphere.tangent(x, (m * np.exp(beta * x @ x.T)) @ x)


def best(u, w, beta):
    """A test: a point of the sphere where V is largest."""

    def test(x):
        if x.shape != u.shape[1:]:
            return f"an array of shape {u.shape[1:]} was expected, and this one has shape {x.shape}"
        if not np.isfinite(x).all():
            return "it holds NaN or infinity"
        if abs(np.linalg.norm(x) - 1) > 1e-3:
            return "it is not on the sphere"
        lost = value(ascend(u, w, beta), u, w, beta).max() - value(x / np.linalg.norm(x), u, w, beta)
        return "" if lost < 1e-6 else "it is close, but not as accurate as asked" if lost < 1e-3 else "V is larger elsewhere"

    return test


def at_rest(x, m, beta, lam, length):
    """A test: prompts of that length, which hold the tokens."""

    def test(u):
        if u.shape != x.shape:
            return f"an array of shape {x.shape} was expected, and this one has shape {u.shape}"
        if not np.isfinite(u).all():
            return "it holds NaN or infinity"
        if np.abs(np.linalg.norm(u, axis=1) - length).max() > 1e-6:
            return "they do not have the length that is asked for"
        prompts = lam * np.exp(beta * np.sum(x * u, axis=1))[:, None] * mf.sphere.tangent(x, u)
        speed = np.linalg.norm(tangent_pull(x, m, beta) + prompts, axis=1).max()
        return "" if speed <= 1e-6 else "the tokens are not at rest"

    return test


def caught(p):
    """A test: a common prompt in which the two groups are at rest and stable."""
    theta = np.where(np.arange(20) < p.first, 0.0, p.angle)

    def test(u):
        if u.ndim != 2 or u.shape[1] != 2 or not 1 <= len(u) <= 6:
            return f"1 to 6 vectors of the plane were expected, and this has shape {u.shape}"
        if not np.isfinite(u).all():
            return "it holds NaN or infinity"
        if np.linalg.norm(u, axis=1).max() > 5 + 1e-9:
            return "a vector is longer than 5"
        velocity, matrix = linearized(theta, np.full(20, 0.05), p.beta, p.weight, np.broadcast_to(u, (20, *u.shape)))
        if np.abs(velocity).max() > 1e-6:
            return "the tokens are not at rest"
        return "" if eigh(matrix, eigvals_only=True)[-1] < -0.0099 else "they are at rest, but not caught"

    return test


def linearized(theta, m, beta, lam, seen):
    """Velocities of angles, and minus the Hessian of the energy, made symmetric by the masses.

    `seen[i]` are the vectors that token i sees, with equal shares.
    """
    length, phase = np.linalg.norm(seen, axis=2), np.arctan2(seen[..., 1], seen[..., 0])
    to = theta - theta[:, None]
    pair = np.exp(beta * np.cos(to))
    turn = phase - theta[:, None]
    strength = lam / seen.shape[1] * length * np.exp(beta * length * np.cos(turn))
    velocity = (m * pair * np.sin(to)).sum(axis=1) + (strength * np.sin(turn)).sum(axis=1)
    second = pair * (np.cos(to) - beta * np.sin(to) ** 2)
    prompts = strength * (beta * length * np.sin(turn) ** 2 - np.cos(turn))
    matrix = np.sqrt(np.outer(m, m)) * second
    return velocity, matrix + np.diag(prompts.sum(axis=1) - second @ m)


def critical_pull(p):
    """Where the largest eigenvalue of the targets with prompts of one pull is zero."""
    x = np.stack([np.cos(p.targets), np.sin(p.targets)], axis=1)
    side = tangent_pull(x, p.masses, p.beta) / p.weight

    def largest(a):
        u = a * x - np.exp(-p.beta * a) * side
        return eigh(linearized(p.targets, p.masses, p.beta, p.weight, u[:, None])[1], eigvals_only=True)[-1]

    return brentq(largest, 0, 20, xtol=1e-10)


def close(want, rtol):
    """A test: one number, to a relative error."""

    def test(got):
        if got.size != 1:
            return f"one number was expected, and this has shape {got.shape}"
        return "" if abs(got.item() / want - 1) <= rtol else "it is wrong"

    return test


def threshold(f, r1, r2, beta):
    """In powers of e^-beta, so that nothing overflows."""
    down = lambda z: -np.expm1(-2 * z)
    second = f * np.exp(beta * (1 - r2)) * down(beta) / down(beta * r2)
    first = (1 - f) * np.exp(beta * (1 - r1)) * down(beta) / down(beta * r1)
    return max(first, second)


def mark_point(answers, given, p):
    tests = [best(*arguments) for arguments in given["best_point"]]
    parts = [(1, "in the plane", [0]), (1, "among several tops, d = 3", [1]), (1, "among several tops, d = 4", [2])]
    return check.calls(answers["best_point"], tests, parts)


def mark_threshold(answers, given, p):
    tests = [close(threshold(*arguments), 2e-5) for arguments in given["threshold"]]
    parts = [(2, "camps and lengths that differ", [0, 1, 2]), (1, "beta = 1000", [3, 4])]
    return check.calls(answers["threshold"], tests, parts)


def mark_length(answers, given, p):
    tests = [at_rest(*arguments) for arguments in given["prompts_of_length"]]
    parts = [(2, "on the circle", [0]), (1, "d = 3", [1]), (1, "hardly long enough", [2])]
    return check.calls(answers["prompts_of_length"], tests, parts)


def mark_pull(answers, given, p):
    return [check.value(answers["critical_pull"], critical_pull(p), 3, "the pull, to four digits", rtol=2e-4)]


def mark_trap(answers, given, p):
    return [check.value(answers["trap"], caught(p), 3, "a prompt that catches two groups")]


CELLS = {
    "point-marks": mark_point,
    "threshold-marks": mark_threshold,
    "length-marks": mark_length,
    "pull-marks": mark_pull,
    "trap-marks": mark_trap,
}
