"""The transport distance against linear programs and closed forms."""

import math

import numpy as np
import pytest
from cases import STRICT, tokens
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import linprog

import mfcore as mf
from mfcore.measures import wasserstein2

pytestmark = STRICT


def circle(angle):
    return np.column_stack([np.cos(angle), np.sin(angle)])


def by_program(x, y):
    """The same as a linear program over couplings."""
    n, m = len(x), len(y)
    cost = mf.sphere.distance(np.repeat(x, m, axis=0), np.tile(y, (n, 1))) ** 2
    rows = np.kron(np.eye(n), np.ones(m))
    columns = np.kron(np.ones(n), np.eye(m))
    found = linprog(cost, A_eq=np.vstack([rows, columns]), b_eq=np.append(np.full(n, 1 / n), np.full(m, 1 / m)))
    assert found.success
    return math.sqrt(max(found.fun, 0.0))


@settings(max_examples=200, deadline=None)
@given(st.integers(0, 10**6), st.integers(1, 7), st.integers(1, 7), st.integers(1, 4), st.booleans())
def test_against_a_linear_program(seed, n, m, d, near):
    rng = np.random.default_rng(seed)
    x, y = tokens(rng, n, d, 0.3 if near else np.inf), tokens(rng, m, d)
    assert wasserstein2(x, y) == pytest.approx(by_program(x, y), abs=2e-6)
    assert wasserstein2(x, y) == pytest.approx(wasserstein2(y, x), rel=1e-12, abs=1e-12)


def test_a_turned_polygon_and_a_point():
    ring = circle(2 * np.pi * np.arange(12) / 12)
    for turn in (0.0, 0.1, 0.25, -0.2, 6.2):
        least = abs((turn + np.pi / 12) % (np.pi / 6) - np.pi / 12)
        assert wasserstein2(ring, circle(2 * np.pi * np.arange(12) / 12 + turn)) == pytest.approx(least, abs=1e-14)
    point = np.array([[1.0, 0.0]])
    expected = np.sqrt((mf.sphere.distance(point[0], ring) ** 2).mean())
    assert wasserstein2(point, ring) == pytest.approx(expected, rel=1e-14)
    assert wasserstein2([[1.0, 0.0, 0.0]], [[-1.0, 0.0, 0.0]]) == pytest.approx(np.pi, rel=1e-15)
    assert wasserstein2([[1.0], [-1.0]], [[1.0], [1.0]]) == pytest.approx(np.pi / np.sqrt(2), rel=1e-15)


def test_the_circle_is_the_sphere_s_great_circle():
    rng = np.random.default_rng(0)
    for _ in range(20):
        x, y = tokens(rng, 30, 2), tokens(rng, 30, 2)
        flat = [np.column_stack([z, np.zeros(30)]) for z in (x, y)]
        assert wasserstein2(x, y) == pytest.approx(wasserstein2(*flat), rel=1e-10)


def test_large_numbers_on_the_circle():
    """The uniform law from its quantiles: spacing over the square root of 12, for one that divides the other."""
    few = circle(2 * np.pi * (np.arange(1000) + 0.5) / 1000)
    many = circle(2 * np.pi * (np.arange(1_000_000) + 0.5) / 1_000_000)
    assert wasserstein2(few, many) == pytest.approx(2 * np.pi / 1000 / np.sqrt(12), rel=1e-5)


@pytest.mark.parametrize("x, y, message", [
    (np.eye(2), np.eye(3), "the same dimension"),
    (np.eye(3), np.ones((2, 3)), "y must have unit rows"),
    (np.tile(np.eye(3), (999, 1)), np.tile(np.eye(3), (1000, 1)), "at most 4000 rows once they are repeated"),
    (circle(np.arange(9999.0)), circle(np.arange(10_000.0)), "at most 10000000 rows once they are repeated"),
], ids=["dimensions", "rows", "sphere", "circle"])  # fmt: skip
def test_what_it_refuses(x, y, message):
    with pytest.raises(ValueError, match=message):
        wasserstein2(x, y)
