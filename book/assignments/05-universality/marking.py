"""Marks of 05-universality."""

from functools import cache

import numpy as np
from scipy.optimize import brentq
from scipy.special import softmax

import mfcore as mf
from course import check

SHORTEST, LONGEST = 1.2, 4.0


def parameters(rng):
    """Targets on the sphere, masses, and targets on the circle that are stable from one length on."""
    beta, n = float(rng.integers(10, 16) / 10), int(rng.integers(5, 8))
    while True:
        angles = np.round(np.sort(rng.uniform(0, 2 * np.pi, size=int(rng.integers(4, 7)))), 3)
        if np.diff(angles, append=angles[0] + 2 * np.pi).min() > 0.4 and critical_length(tuple(angles), beta):
            break
    shares = rng.integers(2, 9, size=int(rng.integers(4, 9)))
    return {
        "beta": beta,
        "lengths": rng.integers(15, 22, size=n) / 10,
        "targets": np.round(mf.sphere.sample(n, 3, rng), 12),
        "masses": np.round(shares / shares.sum(), 6),
        "angles": angles,
    }


def given(rng, p):
    """Features, pairs of crowds, and tokens at rest on the circle."""
    features = lambda n, d, size: size * rng.standard_normal((n, d))
    real = lambda low, high: float(rng.uniform(low, high))
    rests = []
    for n, size in ((3, 1.2), (5, 1.5), (6, 2.0)):
        z = features(n, 2, size)
        x = tokens_of(z, p.beta)
        rests.append((x, z - x, p.beta))
    return {
        "tokens_of": [(features(6, 3, 1.0), p.beta), (features(4, 2, 1.5), 0.7), (features(1, 4, 1.0), 2.0), (features(5, 3, 400.0), 1.3)],
        "two_features": [
            (real(0.5, 2.5), real(0.2, 3.0), 0.5),
            (real(0.5, 2.5), real(1.5, 4.0), real(0.25, 0.4)),
            (real(0.5, 2.5), real(1.5, 4.0), real(0.6, 0.75)),
        ],
        "growth": rests,
    }


def tokens_of(z, beta):
    """Tokens at rest with these features."""
    return mf.sphere.project(softmax(beta * z @ z.T, axis=1) @ z)


def growth(x, p, beta):
    """The largest real part of the linearized softmax flow on the circle, by its formula."""
    z = x + p
    t = np.column_stack([-x[:, 1], x[:, 0]])
    w = softmax(beta * z @ z.T, axis=1)
    g = w @ z
    # The derivative of the pull on token i by the angle of token j: z_j and the logit <z_i, z_j> turn, and so does the tangent.
    inner = t @ z.T  # <t_i, z_j>
    centred = inner - (w * inner).sum(axis=1, keepdims=True)
    own = -(x * g).sum(axis=1) + beta * (w * centred * inner).sum(axis=1)
    matrix = w * (t @ t.T + beta * centred * (z @ t.T)) + np.diag(own)
    return np.linalg.eigvals(matrix).real.max()


@cache
def critical_length(angles, beta):
    """The length of features from which on the targets are stable; None unless that is clear between the ends."""
    x = np.column_stack([np.cos(angles), np.sin(angles)])
    try:
        rates = [growth(x, mf.positions_for(x, beta, R).p, beta) for R in np.linspace(SHORTEST, LONGEST, 29)]
        signs = np.sign(rates)
        if signs[0] < 0 or signs[-1] > 0 or (np.diff(signs) != 0).sum() != 1 or rates[0] < 0.02 or rates[-1] > -0.1:
            return None
        return brentq(lambda R: growth(x, mf.positions_for(x, beta, R).p, beta), SHORTEST, LONGEST, xtol=1e-9)
    except mf.ConvergenceError:
        return None


def rests_there(phi, kappa, q):
    """A test of two unit vectors that are to keep two crowds at the angles phi / 2 and -phi / 2."""
    x = np.array([[np.cos(phi / 2), np.sin(phi / 2)], [np.cos(phi / 2), -np.sin(phi / 2)]])

    def fault(u):
        if u.shape != (2, 2):
            return f"an array of shape (2, 2) was expected, and this one has shape {u.shape}"
        if not np.abs(np.linalg.norm(u, axis=1) - 1).max() < 1e-5:
            return "these are no unit vectors"
        weights = np.exp(kappa * (u @ u.T - 1)) * [q, 1 - q]
        missed = np.abs(mf.sphere.project(weights @ u) - x).max()
        return "" if missed < 1e-5 else "the tokens rest elsewhere" + (", if only a little" if missed < 1e-2 else "")

    return fault


def holds_lengths(p):
    """A test of positions for the targets, with features of given lengths."""

    def fault(positions):
        x = p.targets
        if positions.shape != x.shape:
            return f"an array of shape {x.shape} was expected, and this one has shape {positions.shape}"
        z = x + positions
        if not np.abs(np.linalg.norm(z, axis=1) - p.lengths).max() < 1e-5:
            return "the features do not have the lengths asked for"
        missed = np.linalg.norm(tokens_of(z, p.beta) - x, axis=1).max()
        return "" if missed < 1e-5 else "the targets are not at rest" + (", if only just" if missed < 1e-2 else "")

    return fault


def mark_rest(answers, given, p):
    want = [tokens_of(*call) for call in given["tokens_of"]]
    return check.calls(answers["tokens_of"], want, [(1, "features of moderate length", [0, 1, 2]), (1, "long features", [3])], atol=1e-5)


def mark_two(answers, given, p):
    want = [rests_there(*call) for call in given["two_features"]]
    return check.calls(answers["two_features"], want, [(1, "equal masses", [0]), (2, "unequal masses", [1, 2])])


def mark_lengths(answers, given, p):
    return [check.value(answers["positions"], holds_lengths(p), 4, "positions for which the targets rest")]


def mark_bound(answers, given, p):
    odds = (1 - p.masses.min()) / p.masses.min()
    # Both conditions meet at kappa = 1, where the odds are e^2.
    kappa = np.log(odds) / 2 if odds <= np.e**2 else brentq(lambda k: np.log(k) + k + 1 - np.log(odds), 1e-3, 50)
    return [check.value(answers["enough"], np.sqrt(kappa / p.beta), 3, "the length, to four digits", rtol=2e-4)]


def mark_growth(answers, given, p):
    want = [growth(*call) for call in given["growth"]]
    return check.calls(answers["growth"], want, [(1, "three tokens", [0]), (2, "more tokens", [1, 2])], atol=1e-3)


def mark_critical(answers, given, p):
    want = critical_length(tuple(p.angles), p.beta)
    return [check.value(answers["critical"], want, 2, "the length, to three digits", rtol=2e-3)]


CELLS = {
    "rest-marks": mark_rest,
    "two-marks": mark_two,
    "lengths-marks": mark_lengths,
    "bound-marks": mark_bound,
    "growth-marks": mark_growth,
    "critical-marks": mark_critical,
}
