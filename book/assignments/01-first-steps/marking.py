"""Marks of 01-first-steps."""

import numpy as np
from scipy.integrate import solve_ivp
from scipy.special import softmax

import mfcore as mf
from course import check


def parameters(rng):
    """A crowd, and how near it is to come."""
    return {
        "n": int(rng.integers(5, 12)),
        "beta": float(rng.integers(12, 40) / 10),
        "start": float(rng.integers(1, 20) / 100),
        "target": float(rng.integers(80, 96) / 100),
    }


def given(rng, p):
    """Tokens with small, with large and with lopsided matrices."""
    tokens = lambda n, d: mf.sphere.sample(n, d, rng)
    matrix = lambda d, size: size * rng.standard_normal((d, d)) / d
    symmetric = lambda d: (lambda m: m + m.T)(matrix(d, 1.0))
    pairs = [
        (tokens(6, 3), symmetric(3)),
        (tokens(5, 4), matrix(4, 4.0)),
        (tokens(9, 2), matrix(2, 3.0)),
        (tokens(7, 3), matrix(3, 5000.0)),
    ]
    return {
        "weights": pairs,
        "velocity": [*pairs[:3], (tokens(1, 5), matrix(5, 1.0)), (tokens(8, 6), matrix(6, 5.0))],
        "flow": [(tokens(6, 3), symmetric(3), 0.7), (tokens(5, 4), bounded(matrix(4, 1.0), 5.0), 5.0), (tokens(4, 2), bounded(matrix(2, 1.0), 3.0), 3.0)],
        "energy": [(tokens(7, 3), p.beta), (tokens(3, 5), 0.3)],
        "power": [(tokens(7, 3), p.beta), (tokens(3, 5), 0.3)],
    }


def bounded(matrix, norm):
    """A matrix of that operator norm."""
    return matrix * norm / np.linalg.norm(matrix, 2)


def velocity(x, B):
    """The velocity of exercise 2."""
    pull = softmax(x @ B @ x.T, axis=1) @ x
    return pull - (x * pull).sum(axis=1, keepdims=True) * x


def flow(x, B, t):
    """Tokens at time t."""
    rate = lambda _, y: velocity(y.reshape(x.shape), B).ravel()
    return solve_ivp(rate, (0, t), x.ravel(), method="DOP853", rtol=1e-11, atol=1e-12).y[:, -1].reshape(x.shape)


def mark_weights(answers, given, p):
    want = [softmax(x @ B @ x.T, axis=1) for x, B in given["weights"]]
    parts = [(1, "symmetric B", [0]), (1, "any B, each row for its own token", [1, 2]), (1, "B with entries up to 5,000", [3])]
    return check.calls(answers["weights"], want, parts, atol=1e-5)


def mark_velocity(answers, given, p):
    want = [velocity(x, B) for x, B in given["velocity"]]
    parts = [(1, "symmetric B", [0]), (1, "any B", [1, 4]), (1, "two dimensions", [2]), (1, "one token alone is at rest", [3])]
    return check.calls(answers["velocity"], want, parts, atol=1e-5)


def mark_flow(answers, given, p):
    want = [flow(x, B, t) for x, B, t in given["flow"]]
    parts = [(1, "a short time", [0]), (2, "t = 5", [1]), (1, "two dimensions", [2])]
    return check.calls(answers["flow"], want, parts, atol=2e-5)


def mark_time(answers, given, p):
    want = mf.closed_forms.time_to_cosine(p.target, p.start, p.n, p.beta)
    return [check.value(answers["time"], want, 3, "the time, to four digits", rtol=2e-4)]


def mark_energy(answers, given, p):
    plain = lambda beta: {"normalization": "none", "beta": beta}
    energies = [mf.SelfAttention(**plain(beta)).energy(x) for x, beta in given["energy"]]
    powers = [(mf.SelfAttention(**plain(beta)).velocity(x) ** 2).sum() / len(x) for x, beta in given["power"]]
    return [
        *check.calls(answers["energy"], energies, [(1, "the energy", [0, 1])], rtol=1e-5),
        *check.calls(answers["power"], powers, [(2, "its growth", [0, 1])], rtol=1e-4),
    ]


CELLS = {
    "weights-marks": mark_weights,
    "velocity-marks": mark_velocity,
    "flow-marks": mark_flow,
    "time-marks": mark_time,
    "energy-marks": mark_energy,
}
