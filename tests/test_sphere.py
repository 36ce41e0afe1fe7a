"""Points on the sphere: sampling, projection, tangents and geodesics."""

import mpmath
import numpy as np
import pytest
from cases import STRICT

from mfcore import sphere

pytestmark = STRICT

RNG = np.random.default_rng(0)


def test_samples_are_uniform():
    n, d = 200_000, 3
    x = sphere.sample(n, d, np.random.default_rng(1))
    assert x.shape == (n, d)
    assert (np.abs(np.linalg.norm(x, axis=1) - 1) <= 4e-16).all()
    # means of coordinates and of their products, within five standard errors
    assert (np.abs(x.mean(axis=0)) <= 5 * np.sqrt(1 / d / n)).all()
    assert (np.abs(x.T @ x / n - np.eye(d) / d) <= 5 * np.sqrt(1 / 5 / n)).all()
    # in three dimensions a coordinate is uniform on [-1, 1]
    assert np.abs(np.histogram(x[:, 0], bins=20, range=(-1, 1))[0] - n / 20).max() <= 5 * np.sqrt(n / 20)
    np.testing.assert_array_equal(x, sphere.sample(n, d, np.random.default_rng(1)))
    line = sphere.sample(1000, 1, np.random.default_rng(2))
    assert set(line.ravel()) == {-1.0, 1.0}


def test_a_zero_draw_is_drawn_again():
    class Stuck(np.random.Generator):
        calls = 0

        def standard_normal(self, size):
            Stuck.calls += 1
            return super().standard_normal(size) * (Stuck.calls > 1)

    x = sphere.sample(4, 3, Stuck(np.random.PCG64(0)))
    np.testing.assert_allclose(np.linalg.norm(x, axis=1), 1.0, rtol=0, atol=1e-15)
    assert Stuck.calls == 2


def test_projection():
    x = RNG.standard_normal((50, 4)) * 10.0 ** RNG.uniform(-300, 300, (50, 1))
    y = sphere.project(x)
    np.testing.assert_allclose(np.linalg.norm(y, axis=1), 1.0, rtol=0, atol=1e-15)
    scaled = x / np.abs(x).max(axis=1, keepdims=True)
    np.testing.assert_allclose(y, scaled / np.linalg.norm(scaled, axis=1, keepdims=True), rtol=0, atol=1e-15)
    np.testing.assert_array_equal(sphere.project(x[3]), y[3])


def test_tangents():
    x, v = sphere.sample(30, 5, RNG), RNG.standard_normal((30, 5))
    t = sphere.tangent(x, v)
    assert np.abs((x * t).sum(axis=1)).max() <= 1e-15
    np.testing.assert_allclose(sphere.tangent(x, t), t, rtol=0, atol=1e-15)
    np.testing.assert_allclose(t + (x * v).sum(axis=1, keepdims=True) * x, v, rtol=0, atol=1e-15)
    np.testing.assert_array_equal(sphere.tangent(x[0], v[0]), t[0])


def test_distances_are_accurate_at_both_ends():
    for angle in (0.0, 1e-12, 1e-5, 0.3, np.pi / 2, 3.0, np.pi - 1e-5, np.pi):
        x = np.array([1.0, 0.0])
        y = sphere.project([np.cos(angle), np.sin(angle)])
        with mpmath.workdps(40):
            expected = float(mpmath.atan2(mpmath.mpf(y[1]), mpmath.mpf(y[0])))
        assert sphere.distance(x, y) == pytest.approx(expected, rel=1e-15, abs=1e-16)
    x = sphere.sample(20, 4, RNG)
    np.testing.assert_allclose(np.cos(sphere.distance(x, x[3])), x @ x[3], rtol=0, atol=1e-14)
    np.testing.assert_array_equal(sphere.distance(x, x), np.zeros(20))
    np.testing.assert_array_equal(sphere.distance(x, x[3]), sphere.distance(x[3], x))
    assert isinstance(sphere.distance(x[0], x[1]), float)


def test_geodesics():
    x, y = sphere.sample(20, 3, RNG), sphere.sample(20, 3, RNG)
    angle = sphere.distance(x, y)
    np.testing.assert_allclose(sphere.geodesic(x, y, 0.0), x, rtol=0, atol=1e-14)
    np.testing.assert_allclose(sphere.geodesic(x, y, 1.0), y, rtol=0, atol=1e-13)
    for s in (0.25, 0.9, RNG.uniform(0, 1, 20)):
        z = sphere.geodesic(x, y, s)
        np.testing.assert_allclose(np.linalg.norm(z, axis=1), 1.0, rtol=0, atol=1e-15)
        np.testing.assert_allclose(sphere.distance(x, z), s * angle, rtol=0, atol=1e-13)
        np.testing.assert_allclose(sphere.distance(z, y), (1 - s) * angle, rtol=0, atol=1e-13)
    np.testing.assert_allclose(sphere.distance(x, sphere.geodesic(x, y, -0.1)), 0.1 * angle, rtol=0, atol=1e-13)
    np.testing.assert_allclose(sphere.geodesic(x[0], x[0], 0.5), x[0], rtol=0, atol=1e-15)
    assert sphere.geodesic(x[0], y[0], 0.5).shape == (3,)
    assert sphere.geodesic(x[0], y, 0.5).shape == (20, 3)
