"""Marks of 04-encodings."""

from functools import cache
from math import gcd

import numpy as np
from scipy.optimize import brentq
from scipy.special import softmax

import mfcore as mf
from course import check


def parameters(rng):
    """A circle on which values have a threshold, and a turning encoding with attractors besides collapse."""
    a_min = a_loc = 0.0
    # The book's threshold, for a = b, is to be another number.
    while abs(a_min - a_loc) < 0.02:
        n, beta = int(rng.integers(7, 15)), float(rng.integers(10, 31) / 10)
        a_min, a_loc = thresholds(n, beta, None)[1], mf.closed_forms.circle_stability_threshold(beta)
    a = round(a_min + float(rng.uniform(0.1, 0.3)), 2)
    while True:
        many, turns, cold = int(rng.integers(12, 24)), int(rng.integers(1, 4)), float(rng.integers(12, 21) / 2)
        if gcd(many, turns) == 1 and attractors(many, turns, cold):
            first = float(rng.integers(10, 310) / 100)
            return {"n": n, "beta": beta, "a": a, "many": many, "turns": turns, "cold": cold, "first": first}


def attractors(many, turns, beta):
    """Numbers of the twisted states that attract, collapse apart."""
    angle = 2 * np.pi * np.arange(many) / many
    return [q for q in range(1, many) if slowest(q * angle, turns * angle, beta) < -0.1]


def given(rng, p):
    """Tokens and positions, whole and other numbers; strengths that are equal, zero and any."""
    real = lambda low, high: float(rng.uniform(low, high))
    tokens = lambda n, d: mf.sphere.sample(n, d, rng)
    places = [np.arange(7), np.arange(5) * real(0.5, 2.0), rng.uniform(-9, 9, 6)]
    cases = [(tokens(len(q), d), q, rng.uniform(0.1, 2.0, d // 2)) for q, d in zip(places, (6, 4, 8), strict=True)]
    strengths = [
        (p.n, p.beta, p.a, p.a),
        (int(rng.integers(5, 12)), real(0.5, 2.0), real(0.3, 1.2), 0.0),
        (int(rng.integers(6, 13)), real(0.5, 2.0), real(0.6, 1.2), real(0.2, 0.5)),
        (3, real(0.5, 2.0), real(0.2, 0.6), real(0.7, 1.5)),
    ]
    return {
        "rotate": [(*case, pairing) for pairing in ("pairs", "halves") for case in cases],
        "velocity": [(*case, real(0.5, 3.0), carried) for carried in (True, False) for case in cases],
        "spread": [
            (tokens(1, 2)[0], real(0.3, 0.7), rng.uniform(0.3, 2.0, 1)),
            (tokens(1, 8)[0], real(0.8, 0.99), rng.uniform(0.01, 2.0, 4)),
        ],
        "rates": strengths,
    }


def rotation(p, omega, pairing):
    """The matrix of one position."""
    d = 2 * len(omega)
    turn = np.zeros((d, d))
    for k, frequency in enumerate(omega):
        plane = [2 * k, 2 * k + 1] if pairing == "pairs" else [k, k + d // 2]
        c, s = np.cos(p * frequency), np.sin(p * frequency)
        turn[np.ix_(plane, plane)] = [[c, -s], [s, c]]
    return turn


def velocity(x, p, omega, beta, carried):
    """The velocity of exercise 2."""
    R = np.array([rotation(q, omega, "halves") for q in p])
    z = np.einsum("iab,ib->ia", R, x)
    weights = softmax(beta * z @ z.T, axis=1)
    pull = np.einsum("iba,ib->ia", R, weights @ z) if carried else weights @ x
    return mf.sphere.tangent(x, pull)


def mean_length(z0, q, omega):
    """The sum over as many positions as count."""
    p = np.arange(4000)
    planes = z0[::2] + 1j * z0[1::2]
    return np.linalg.norm(((1 - q) * q**p) @ np.exp(-1j * np.outer(p, omega)) * planes)


def rates(n, beta, a, b):
    """Rates of the modes: of angular velocities by central differences."""
    alpha = 2 * np.pi * np.arange(n) / n
    p = np.exp(1j * alpha)

    def speeds(theta):
        x = np.exp(1j * theta)
        z = x + a * p
        weights = softmax(beta * (z[:, None] * z.conj()).real, axis=1)
        return ((weights @ (x + b * p)) * (1j * x).conj()).real

    found = []
    for m in range(n):
        wave = np.cos(m * alpha)
        change = (speeds(alpha + 1e-5 * wave) - speeds(alpha - 1e-5 * wave)) / 2e-5
        found.append(change @ wave / (wave @ wave))
    return np.array(found)


@cache
def thresholds(n, beta, a):
    """b_star (None without a) and a_min, from rates that are affine in b."""

    def lines(strength):
        at_zero = rates(n, beta, strength, 0.0)
        return at_zero, rates(n, beta, strength, 1.0) - at_zero

    a_min = brentq(lambda strength: lines(strength)[1].max(), 0.02, 2.0, xtol=1e-7)
    if a is None:
        return None, a_min
    at_zero, slope = lines(a)
    return (-at_zero / slope).max(), a_min


def slowest(theta, turned, beta):
    """Second largest real part of the linearization in angles, bare values, features at the angles theta + turned."""
    features = theta + turned
    weights = softmax(beta * np.cos(features[:, None] - features), axis=1)
    to = theta - theta[:, None]
    slope = -beta * np.sin(features - features[:, None]) * weights
    # d v_i / d theta_j for j != i; rows add up to zero, for a common turn changes nothing.
    J = weights * np.cos(to) + slope * np.sin(to) - slope * (weights * np.sin(to)).sum(axis=1, keepdims=True)
    np.fill_diagonal(J, 0)
    np.fill_diagonal(J, -J.sum(axis=1))
    return np.sort(np.linalg.eigvals(J).real)[-2]


def mark_rotate(answers, given, p):
    want = [
        np.array([rotation(q, omega, pairing) @ token for token, q in zip(x, places, strict=True)])
        for x, places, omega, pairing in given["rotate"]
    ]
    parts = [(1, "pairs", [0, 1, 2]), (2, "halves", [3, 4, 5])]
    return check.calls(answers["rotate"], want, parts, atol=1e-5)


def mark_velocity(answers, given, p):
    want = [velocity(*arguments) for arguments in given["velocity"]]
    parts = [(1, "values that carry the encoding", [0, 1, 2]), (1, "values that do not", [3, 4, 5])]
    return check.calls(answers["velocity"], want, parts, atol=1e-5)


def mark_spread(answers, given, p):
    want = [mean_length(*arguments) for arguments in given["spread"]]
    return check.calls(answers["spread"], want, [(1, "one plane", [0]), (1, "four planes", [1])], rtol=1e-5)


def mark_rates(answers, given, p):
    want = [rates(*arguments) for arguments in given["rates"]]
    parts = [(1, "equal strengths", [0]), (1, "values without positions", [1]), (1, "any strengths", [2, 3])]
    return check.calls(answers["rates"], want, parts, rtol=1e-4)


def mark_values(answers, given, p):
    b_star, a_min = thresholds(p.n, p.beta, p.a)
    return [
        check.value(answers["b_star"], b_star, 1, "enough for the values", atol=2.5e-3),
        check.value(answers["a_min"], a_min, 2, "where nothing is enough", atol=2.5e-3),
    ]


def attractor(many, turns, beta, first):
    """A test of tokens that are asked to be an attractor other than collapse."""

    def fault(x):
        if x.shape != (many, 2):
            return f"an array of shape {(many, 2)} was expected, and this one has shape {x.shape}"
        if not np.isfinite(x).all():
            return "it holds NaN or infinity"
        if abs(np.linalg.norm(x, axis=1) - 1).max() > 3e-6:
            return "not all rows have length one"
        if abs(x[0] - [np.cos(first), np.sin(first)]).max() > 3e-6:
            return "the token at position 0 is at another angle"
        theta, turned = np.arctan2(x[:, 1], x[:, 0]), 2 * np.pi * turns * np.arange(many) / many
        weights = softmax(beta * np.cos((theta + turned)[:, None] - theta - turned), axis=1)
        speeds = abs((weights * np.sin(theta - theta[:, None])).sum(axis=1))
        if speeds.max() > 5e-6:
            return "it is not at rest" + (", but nearly" if speeds.max() < 1e-3 else "")
        if np.cos(theta - theta[:, None]).min() > 1e-6:
            return "the tokens are too close together"
        return "" if slowest(theta, turned, beta) < -0.0199 else "it is at rest, but not as stable as asked"

    return fault


def mark_twist(answers, given, p):
    wanted = attractor(p.many, p.turns, p.cold, p.first)
    return [check.value(answers["apart"], wanted, 3, "an attractor other than collapse")]


CELLS = {
    "rotate-marks": mark_rotate,
    "velocity-marks": mark_velocity,
    "spread-marks": mark_spread,
    "rates-marks": mark_rates,
    "values-marks": mark_values,
    "twist-marks": mark_twist,
}
