"""Counts of clusters against slow twins, where they are known, and where they fail."""

import numpy as np
import pytest
from cases import STRICT, tokens
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.cluster.hierarchy import fcluster, linkage
from scipy.optimize import brentq

import mfcore as mf
from mfcore.clusters import count_by_gaps, count_modes

pytestmark = STRICT


def circle(angle):
    return np.column_stack([np.cos(angle), np.sin(angle)])


@settings(max_examples=200, deadline=None)
@given(st.integers(0, 10**6), st.integers(2, 40), st.integers(2, 4), st.floats(0.001, 3.0))
def test_gaps_are_single_linkage(seed, n, d, gap):
    x = tokens(np.random.default_rng(seed), n, d)
    angles = mf.sphere.distance(np.repeat(x, n, axis=0), np.tile(x, (n, 1))).reshape(n, n)
    if np.abs(angles[np.triu_indices(n, 1)] - gap).min() < 1e-9:
        return
    expected = fcluster(linkage(angles[np.triu_indices(n, 1)]), gap, "distance").max()
    assert count_by_gaps(x, gap) == expected


def test_gaps_at_their_ends():
    assert count_by_gaps(np.eye(4), np.pi / 2 - 1e-9) == 4
    assert count_by_gaps(np.eye(4), np.pi / 2 + 1e-9) == 1
    assert count_by_gaps([[1.0, 0.0]], 0.1) == 1
    assert count_by_gaps([[1.0, 0.0], [-1.0, 0.0]], 3.14) == 2
    assert count_by_gaps([[1.0, 0.0], [-1.0, 0.0]], np.pi) == 1
    tiny = circle(np.array([0.0, 1e-9, 3e-9]))  # differences, for cosines are all 1
    assert [count_by_gaps(tiny, gap) for gap in (0.9e-9, 1.1e-9, 2.1e-9)] == [3, 2, 1]
    many = np.repeat(circle(np.arange(5.0)), 1000, axis=0)
    assert count_by_gaps(many, 0.1) == 5
    chain = circle(np.linspace(0, 3, 100))  # two ends that a thin chain joins
    assert count_by_gaps(chain, 0.04) == 1 and count_by_gaps(np.delete(chain, 50, axis=0), 0.04) == 2


def test_modes_of_two_clusters_merge_where_the_second_derivative_vanishes():
    """Two equal clusters at +-a: the middle is a mode up to beta sin(a)^2 = cos(a)."""
    for beta in (1.0, 10.0, 1000.0):
        edge = brentq(lambda a, beta=beta: beta * np.sin(a) ** 2 - np.cos(a), 1e-9, 1.5)
        for turn in (0.0, 1.234):
            assert count_modes(circle(np.array([-1, 1]) * edge * 0.97 + turn), beta) == 1
            assert count_modes(circle(np.array([-1, 1]) * edge * 1.03 + turn), beta) == 2


def test_modes_of_polygons_and_points():
    for k in (1, 2, 3, 7, 20):
        for turn in (0.0, 0.3):
            x = circle(2 * np.pi * np.arange(k) / k + turn)
            assert count_modes(x, 4.0 * k * k) == k
            assert count_modes(np.repeat(x, 5, axis=0), 4.0 * k * k) == k
    assert count_modes(circle(2 * np.pi * np.arange(400) / 400), 20.0) == 1  # flat to rounding
    assert count_modes(circle(np.array([0.0, 2.0])), 9e5) == 2  # nothing but zeros between them without a shift


def test_modes_against_a_fine_grid():
    rng = np.random.default_rng(1)
    for beta in (3.0, 40.0, 300.0):
        for _ in range(5):
            angle = rng.uniform(0, 2 * np.pi, 60)
            grid = np.linspace(0, 2 * np.pi, 20_000, endpoint=False) + 1e-7
            density = np.exp(beta * (np.cos(grid[:, None] - angle) - 1)).sum(axis=1)
            peaks = (density > np.roll(density, 1)) & (density > np.roll(density, -1))
            assert count_modes(circle(angle), beta) == peaks.sum()


def test_modes_do_not_depend_on_the_order_of_tokens():
    x = tokens(np.random.default_rng(0), 1500, 2)
    assert count_modes(x, 2e3) == count_modes(x[::-1], 2e3) > 30


BAD = {
    "no rows": (lambda: count_by_gaps([1.0, 0.0], 0.1), ValueError, "x must have 2 dimension"),
    "off the sphere": (lambda: count_by_gaps([[1.0, 1.0]], 0.1), ValueError, "x must have unit rows"),
    "no gap": (lambda: count_by_gaps(np.eye(2), 0.0), ValueError, "gap must be a finite number in"),
    "a gap beyond pi": (lambda: count_by_gaps(np.eye(2), 3.2), ValueError, "gap must be a finite number in"),
    "a gap of text": (lambda: count_by_gaps(np.eye(2), "1"), TypeError, "gap must be a real number"),
    "modes on a sphere": (lambda: count_modes(np.eye(3), 1.0), ValueError, r"tokens on the circle, \(n, 2\)"),
    "beta 0": (lambda: count_modes(np.eye(2), 0.0), ValueError, "beta must be a finite number in"),
    "beta too large": (lambda: count_modes(np.eye(2), 1e7), ValueError, "beta must be a finite number in"),
}


@pytest.mark.parametrize("name", BAD)
def test_what_they_refuse(name):
    call, error, message = BAD[name]
    with pytest.raises(error, match=message):
        call()
