"""Marks of 06-prompts."""

from types import SimpleNamespace

import numpy as np
from scipy.optimize import brentq, minimize
from scipy.special import logsumexp

import mfcore as mf
from course import check


def parameters(rng):
    """Two unequal crowds between which a bent state wins, and places on a circle that prompts can hold."""
    crowds = None
    while crowds is None or best_excess(crowds) < 0.004:
        q = rng.integers(53, 63) / 100
        q = q if rng.integers(2) else round(1 - q, 2)
        crowds = SimpleNamespace(beta=rng.integers(35, 66) / 100, share=q, length=rng.integers(25, 41) / 100)
    beta = crowds.beta
    angles = np.cumsum(rng.uniform(0.35, 1.0, size=int(rng.integers(5, 8)))) + rng.uniform(0, 6)
    targets = np.round(np.transpose([np.cos(angles), np.sin(angles)]), 12)
    weight = float(rng.integers(5, 13) / 10)
    # A quarter longer than radial prompts that hold the targets with something to spare.
    firm = brentq(lambda a: weight * a * np.exp(beta * a) - 2 * np.exp(beta), 0, 40)
    return {
        "beta": beta,
        "share": crowds.share,
        "length": crowds.length,
        "weight": weight,
        "longest": round(1.25 * firm + np.exp(beta) / weight, 1),
        "targets": targets,
    }


def given(rng, p):
    """Prompts with one and with several summits, tokens with prompts of all lengths, crowds that are called to one side."""
    vectors = lambda k, d: rng.standard_normal((k, d))
    masses = lambda k: rng.uniform(0.5, 2.0, k)
    # Three directions far from each other; the heaviest wins when it is cold, against the mean of all.
    far = mf.sphere.project(np.eye(3) - 0.6 + 0.1 * vectors(3, 3))
    heavy = np.array([1.0, 1.0, 1.0])
    heavy[rng.integers(3)] = 1.6
    called = mf.sphere.sample(4, 2, rng)
    own = lambda n, d, size: (mf.sphere.sample(n, d, rng), size * vectors(n, d), masses(n))
    sideways = lambda n, d: np.hstack([rng.uniform(0.6, 1.2, (n, 1)), rng.uniform(-0.7, 0.7, (n, d - 1))])
    return {
        "common": [warm(rng), (far, heavy, 9.0), (far, heavy[::-1].copy(), 12.0), (2.5 * far, heavy, 30.0)],
        "own": [
            (*own(6, 3, 1.0), p.beta),
            (*own(5, 4, 2.0), 3.0),
            (called, np.array([[1000.0], [1.0], [1000.0], [1.0]]) * (called + 0.3 * vectors(4, 2)), masses(4), 2.0),
            (mf.sphere.sample(5, 3, rng), vectors(5, 3), np.array([0.0, 1.0, 0.0, 2.0, 0.5]), 1.5),
        ],
        "weak": [
            (sideways(4, 2), np.ones(4), 1.0),
            (sideways(6, 3), np.ones(6), 2.0),
            (sideways(5, 3), masses(5), 1.5),
            (sideways(5, 2), masses(5), p.beta),
        ],
    }


def warm(rng):
    """A prompt of a few vectors whose mean points elsewhere than to the summit, however little."""
    while True:
        vectors, masses, beta = rng.standard_normal((4, 3)), rng.uniform(0.5, 2.0, 4), 0.8
        mean = masses @ vectors / np.linalg.norm(masses @ vectors)
        if summit(vectors, masses, beta) - logsumexp(beta * vectors @ mean, b=masses) > 0.01:
            return vectors, masses, beta


def summit(vectors, masses, beta):
    """The logarithm of the largest value of V: the best of many ascents."""
    height = lambda x: logsumexp(beta * vectors @ x / np.sqrt(x @ x), b=masses)
    starts = [*mf.sphere.sample(40, 3, np.random.default_rng(0)), *mf.sphere.project(vectors)]
    return max(-minimize(lambda x: -height(x), start, tol=1e-12).fun for start in starts)


def highest(vectors, masses, beta):
    """A test of a point at which V is to be largest."""

    def fault(x):
        if x.shape != (3,):
            return f"an array of shape (3,) was expected, and this one has shape {x.shape}"
        if not abs(np.linalg.norm(x) - 1) < 1e-5:
            return "the point does not lie on the sphere"
        short = summit(vectors, masses, beta) - logsumexp(beta * vectors @ x, b=masses)
        return "" if short <= 3e-4 else "V is larger elsewhere"

    return fault


def velocity(x, u, weights, beta):
    """The velocity with prompts, by logarithms."""
    n = len(x)
    log_weights = np.log(weights, where=weights > 0, out=np.full(n, -np.inf))
    logits = np.hstack([beta * x @ x.T - np.log(n), (log_weights + beta * (x * u).sum(axis=1))[:, None]])
    attention = np.exp(logits - logsumexp(logits, axis=1, keepdims=True))
    pull = attention[:, :n] @ x + attention[:, n:] * u
    return pull - (pull * x).sum(axis=1, keepdims=True) * x


def spread(u, w, beta):
    """Leading order of the tokens' differences per unit of the weight."""
    d = u.shape[1]
    height = lambda x: -logsumexp(beta * u @ x / np.sqrt(x @ x), b=w)
    runs = [minimize(height, start, tol=1e-13) for start in mf.sphere.sample(10, d, np.random.default_rng(0))]
    best = min(runs, key=lambda run: run.fun).x
    x0 = best / np.linalg.norm(best)
    forces = (w * np.exp(beta * (u @ x0 - 1)))[:, None] * (u @ (np.eye(d) - np.outer(x0, x0)))
    return forces - forces.mean(axis=0)


def energy(p, weight, first, second):
    """Energy of two crowds at two angles."""
    q, k = p.share, p.beta * p.length
    pairs = (q**2 + (1 - q) ** 2) * np.exp(p.beta) + 2 * q * (1 - q) * np.exp(p.beta * np.cos(first - second))
    return pairs / (2 * p.beta) + weight / p.beta * (q * np.exp(k * np.cos(first)) + (1 - q) * np.exp(-k * np.cos(second)))


def crossing(p):
    """The weight at which the better collapsed state and the separated one have the same energy."""
    lead = lambda weight: energy(p, weight, 0, np.pi) - max(energy(p, weight, 0, 0), energy(p, weight, np.pi, np.pi))
    return brentq(lead, 1e-6, 1e3, xtol=1e-12, rtol=1e-12)


def best_excess(p):
    """How much more energy the best state of two crowds has at the crossing: a grid of both angles, then refined."""
    weight = crossing(p)
    first, second = np.meshgrid(*[np.linspace(0, np.pi, 181)] * 2, indexing="ij")
    values = energy(p, weight, first, second)
    top = np.unravel_index(values.argmax(), values.shape)
    run = minimize(lambda a: -energy(p, weight, *a), [first[top], second[top]], tol=1e-13)
    return max(-run.fun, values.max()) - energy(p, weight, 0, np.pi)


def held(p):
    """A test of prompts that are to hold the targets."""

    def fault(u):
        x = p.targets
        if u.shape != x.shape:
            return f"an array of shape {x.shape} was expected, and this one has shape {u.shape}"
        if not np.isfinite(u).all():
            return "it holds NaN or infinity"
        if np.linalg.norm(u, axis=1).max() > p.longest * (1 + 1e-9):
            return "a prompt is too long"
        n, turned = len(x), np.transpose([-x[:, 1], x[:, 0]])
        kernel = np.exp(p.beta * x @ x.T)
        calls = p.weight * np.exp(p.beta * (x * u).sum(axis=1))
        if np.abs(((kernel @ x / n + calls[:, None] * u) * turned).sum(axis=1)).max() > 1e-7:
            return "the targets are not at rest"
        # Second derivatives of n E by the angles: of the pairs, and of each token with its prompt.
        side, along = x @ turned.T, x @ x.T
        pairs = kernel * (along - p.beta * side**2) / n
        hessian = pairs - np.diag(pairs.sum(axis=1))
        hessian += np.diag(calls * (p.beta * (turned * u).sum(axis=1) ** 2 - (x * u).sum(axis=1)))
        return "" if np.linalg.eigvalsh(hessian / n).max() < -0.9e-3 else "the targets are at rest, but not stable"

    return fault


def mark_common(answers, given, p):
    want = [highest(*call) for call in given["common"]]
    parts = [(1, "a warm prompt", [0]), (2, "cold ones, of several summits", [1, 2, 3])]
    return check.calls(answers["common"], want, parts)


def mark_own(answers, given, p):
    want = [velocity(*call) for call in given["own"]]
    parts = [(1.5, "weights of one's own", [0, 1]), (1, "long prompts", [2]), (0.5, "some tokens without a prompt", [3])]
    return check.calls(answers["own"], want, parts, rtol=1e-5, atol=1e-9)


def mark_weak(answers, given, p):
    want = [spread(*call) for call in given["weak"]]
    parts = [(1.5, "equal weights", [0, 1]), (1.5, "weights of one's own", [2, 3])]
    return check.calls(answers["weak"], want, parts, rtol=0.02)


def mark_threshold(answers, given, p):
    return [check.value(answers["threshold"], crossing(p), 3, "the weight, to four digits", rtol=2e-4)]


def mark_bent(answers, given, p):
    return [check.value(answers["bent"], best_excess(p), 2, "the excess, to one percent", rtol=0.02)]


def mark_hold(answers, given, p):
    return [check.value(answers["hold"], held(p), 3, "prompts that hold the targets")]


CELLS = {
    "common-marks": mark_common,
    "own-marks": mark_own,
    "weak-marks": mark_weak,
    "threshold-marks": mark_threshold,
    "bent-marks": mark_bent,
    "hold-marks": mark_hold,
}
