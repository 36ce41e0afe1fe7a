"""Measures of rank where they are known, what leaves them unchanged, and at the ends of the floating range."""

import numpy as np
import pytest
from cases import STRICT, tokens
from hypothesis import given, settings
from hypothesis import strategies as st

import mfcore as mf
from mfcore import rank

pytestmark = STRICT


def of_rank(rng, n, d, k):
    """A matrix of rank k whose singular values lie within two decades."""
    left, right = (np.linalg.qr(rng.standard_normal((m, k)))[0] for m in (n, d))
    return left * 10 ** rng.uniform(-2, 0, k) @ right.T


@settings(max_examples=200, deadline=None)
@given(st.integers(0, 10**6), st.integers(2, 20), st.integers(1, 20))
def test_known_ranks(seed, n, d):
    rng = np.random.default_rng(seed)
    k = int(rng.integers(1, min(n, d) + 1))
    x = of_rank(rng, n, d, k)
    assert rank.numerical(x) == np.linalg.matrix_rank(x, rtol=1e-10) == k
    assert rank.numerical(x + 1e-14 * rng.standard_normal(x.shape)) == k
    # the hull of the rows and of their differences from any point of it
    shifted = x + rng.standard_normal(d)
    assert rank.affine(x) == rank.affine(shifted) == np.linalg.matrix_rank(x - x.mean(axis=0), rtol=1e-9)
    assert rank.affine(x) in (k, k - 1)
    distance = rank.distance_to_rank_one(x)
    assert distance == pytest.approx(np.linalg.norm(x - x.mean(axis=0)), rel=1e-10, abs=1e-14)
    assert rank.distance_to_rank_one(shifted) == pytest.approx(distance, rel=1e-9, abs=1e-13)
    other = rng.standard_normal(d)  # no other row is nearer
    assert np.linalg.norm(x - other) >= distance
    assert 1 - 1e-12 <= rank.effective(x) <= k + 1e-9


@settings(max_examples=200, deadline=None)
@given(st.integers(0, 10**6), st.integers(2, 20), st.integers(1, 8))
def test_what_leaves_them_unchanged(seed, n, d):
    rng = np.random.default_rng(seed)
    x = tokens(rng, n, d)
    turned = x[rng.permutation(n)] @ np.linalg.qr(rng.standard_normal((d, d)))[0]
    assert rank.numerical(turned) == rank.numerical(x) and rank.affine(turned) == rank.affine(x)
    assert rank.distance_to_rank_one(turned) == pytest.approx(rank.distance_to_rank_one(x), rel=1e-12, abs=1e-15)
    assert rank.effective(turned) == pytest.approx(rank.effective(x), rel=1e-12)
    for size in (1e-300, 1e-5, 1e300):
        assert rank.numerical(size * x) == rank.numerical(x) and rank.affine(size * x) == rank.affine(x)
        assert rank.effective(size * x) == pytest.approx(rank.effective(x), rel=1e-12)
        expected = size * rank.distance_to_rank_one(x)
        assert rank.distance_to_rank_one(size * x) == pytest.approx(expected, rel=1e-12, abs=1e-15 * size)


def test_where_they_disagree():
    e = np.eye(4)
    states = {
        "one point": ([e[0]] * 4, (1, 0, 0.0, 1.0)),
        "opposite": ([e[0], -e[0]], (1, 1, np.sqrt(2), 1.0)),
        "two clusters": ([e[0], e[0], e[1], e[1]], (2, 1, np.sqrt(2), 2.0)),
        "orthonormal": (e, (4, 3, np.sqrt(3), 4.0)),
        "collinear off the origin": ([[1, 0], [1, 1], [1, 2]], (2, 1, np.sqrt(2), None)),
        "zero": (np.zeros((3, 2)), (0, 0, 0.0, None)),
    }
    for name, (x, (numerical, affine, distance, effective)) in states.items():
        assert (rank.numerical(x), rank.affine(x)) == (numerical, affine), name
        assert rank.distance_to_rank_one(x) == pytest.approx(distance, abs=1e-15), name
        if effective is not None:
            assert rank.effective(x) == pytest.approx(effective), name


def test_tolerance_and_small_differences():
    x = np.diag([1.0, 1e-3, 1e-7])
    assert [rank.numerical(x, rtol) for rtol in (1e-8, 1e-5, 1e-2)] == [3, 2, 1]
    near = np.array([[0.6, 0.8]]) + np.array([[0.0, 0.0], [1e-13, 0.0]])
    assert rank.affine(near) == 0 and rank.affine(near, rtol=1e-14) == 1
    assert rank.distance_to_rank_one(near) == pytest.approx(1e-13 / np.sqrt(2), rel=1e-3)


def test_single_tokens_and_the_ends_of_the_range():
    assert (rank.numerical([[3.0]]), rank.affine([[3.0]]), rank.distance_to_rank_one([[3.0]])) == (1, 0, 0.0)
    huge = np.array([[1.7e308, 0.0], [-1.7e308, 0.0]])
    assert (rank.numerical(huge), rank.affine(huge)) == (1, 1)
    with pytest.raises(OverflowError, match="distance exceeds the floating range"):
        rank.distance_to_rank_one(huge)
    tiny = np.array([[5e-324, 0.0], [0.0, 5e-324]])
    assert (rank.numerical(tiny), rank.affine(tiny), rank.effective(tiny)) == (2, 1, pytest.approx(2.0))


@pytest.mark.parametrize("call, error, message", [
    (lambda: rank.numerical([1.0, 2.0]), ValueError, r"x must have 2 dimension"),
    (lambda: rank.affine([[np.nan]]), ValueError, r"x must be finite"),
    (lambda: rank.effective(np.zeros((2, 2))), ValueError, r"x is zero: its effective rank is not defined"),
    (lambda: rank.distance_to_rank_one(np.zeros((0, 2))), ValueError, r"x is empty"),
    (lambda: rank.numerical([[1j]]), TypeError, r"x must hold real numbers"),
    (lambda: rank.numerical([[1.0]], 0.0), ValueError, r"rtol must be a finite number in \(0, 1\)"),
    (lambda: rank.affine([[1.0]], 1.0), ValueError, r"rtol must be a finite number in \(0, 1\)"),
    (lambda: rank.affine([[1.0]], "1"), TypeError, r"rtol must be a real number"),
])  # fmt: skip
def test_what_they_refuse(call, error, message):
    with pytest.raises(error, match=message):
        call()


def test_rows_scaled_to_the_sphere_keep_their_rank():
    x = np.array([[1.0, 0.0], [1.0, 1.0], [1.0, 2.0]])
    assert (rank.affine(x), rank.affine(mf.sphere.project(x))) == (1, 2)
    assert rank.numerical(x) == rank.numerical(mf.sphere.project(x)) == 2
