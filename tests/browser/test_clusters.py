"""Clusters in logarithmic time: when they merge, what pairs alone predict, and where numbers end."""

import numpy as np
import pytest
from scipy.integrate import quad

import mfcore as mf

MET = 1e-6


def tokens(s):
    """All tokens, each at the point that stands for it, and these points."""
    x = np.reshape(s.js("simulation.tokens"), (-1, 2))
    return np.repeat(x, np.array(s.js("simulation.numbers.masses"), int), axis=0)


def to_clock(s, clock):
    s.advance(clock - s.js("simulation.numbers.clock"))


@pytest.mark.parametrize("beta", [5, 20, 50, 100, 200, 400])
def test_modes(stage, beta):
    start = stage("clusters", n=40, beta=beta).js("simulation.numbers.start")
    assert start["fastest"] == mf.closed_forms.fastest_mode(beta)
    assert start["modes"] == pytest.approx(mf.closed_forms.expected_modes(beta), rel=1e-9)
    rate = mf.closed_forms.mode_growth_rate(start["fastest"], beta, "softmax")
    expected = np.log(np.sqrt(20) / (start["fastest"] * 1e-4)) / rate
    assert start["linear"] == pytest.approx(expected, rel=1e-9)


@pytest.mark.parametrize(("beta", "seed"), [(20, 1), (100, 2), (400, 3)])
def test_lifetime_of_two(stage, beta, seed):
    s = stage("clusters", n=2, beta=beta, start="random", seed=seed)
    pair = s.js("simulation.numbers.next")
    to_clock(s, pair["log10"] + 0.1)
    seen = s.js("simulation.numbers.joins")[-1]
    assert len(s.js("simulation.numbers.masses")) == 1
    assert seen == pytest.approx(pair["log10"], abs=1e-6)
    if beta * (1 - np.cos(pair["gap"])) < 690:
        expected = mf.closed_forms.two_cluster_lifetime(pair["gap"], MET, beta)
        assert 10 ** (seen - np.log10(expected)) == pytest.approx(1, abs=1e-5)
        assert 10 ** (pair["alone"] - np.log10(expected)) == pytest.approx(1, abs=1e-8)


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_pairs_of_any_sizes(stage, seed):
    s = stage("clusters", n=30, beta=60, start="random", seed=seed)
    to_clock(s, 8)
    pair = s.js("simulation.numbers.next")
    r, ratio = pair["masses"][0] / pair["masses"][1], sum(np.divide(pair["masses"], pair["masses"][::-1]))

    def integrand(w, part):
        q = np.exp(60 * (1 + np.tanh(w)))
        time, way = (1 / q + ratio + q) / (2 / q + ratio), (1 / q + 1 / r) / (2 / q + ratio) / np.cosh(w)
        return way if part == "way" else time

    last = np.log(np.tan(pair["gap"] / 2))
    edges = [np.log(np.tan(MET / 2)), last - 1, last - 0.1, last - 0.01, last]
    time, way = (sum(quad(integrand, low, high, args=(part,), epsrel=1e-11, epsabs=0)[0]
                     for low, high in zip(edges, edges[1:])) for part in ("time", "way"))
    assert pair["alone"] == pytest.approx(np.log10(time), abs=1e-8)
    assert pair["way"] == pytest.approx(way, abs=1e-8)


@pytest.mark.parametrize(
    ("n", "beta", "seed", "start"), [(30, 100, 1, "random"), (30, 40, 2, "random"), (60, 20, 3, "even")]
)
def test_flow_and_count(stage, n, beta, seed, start):
    s = stage("clusters", n=n, beta=beta, seed=seed, start=start)
    x0 = tokens(s)
    assert len(x0) == n
    for clock in (0.7, 3, 12):
        to_clock(s, clock)
        x, numbers = tokens(s), s.js("simulation.numbers")
        exact = mf.flow(mf.SelfAttention(float(beta)), x0, [numbers["t"]])
        apart = np.linalg.norm(x[:, None] - exact.x[0], axis=2)
        assert max(apart.min(axis=0).max(), apart.min(axis=1).max()) < 1e-5
        assert numbers["clusters"] == mf.clusters.count_by_gaps(exact.x[0], 1e-3)
        assert numbers["rise"] == pytest.approx(exact.log_energy[0] - beta + np.log(2 * beta), abs=1e-4)


@pytest.mark.parametrize("seed", [1, 2, 3, 4])
def test_staircase(stage, seed):
    s = stage("clusters", n=30, beta=100, start="random", seed=seed)
    for clock in range(1, 90):
        to_clock(s, clock)
        numbers = s.js("simulation.numbers")
        flat = np.log((np.array(numbers["masses"]) ** 2).sum() / 900)
        if numbers["next"] and numbers["next"]["log10"] > clock + 1:
            assert numbers["rise"] == pytest.approx(flat, abs=1e-3)  # a plateau, at the squared masses
        if len(numbers["masses"]) == 1:
            break
    seen, predicted = numbers["joins"], [step["log10"] for step in numbers["plan"]]
    assert len(seen) == len(predicted)
    assert np.abs(np.subtract(seen, predicted)[1:]).max() < 0.5  # in decades, of up to ninety
    assert np.median(np.abs(np.subtract(seen, predicted)[1:])) < 2e-3
    assert "All tokens are in one cluster" in s.text


def test_first_plateau(stage):
    s = stage("clusters", n=150, beta=20, start="even")
    while s.js("simulation.numbers.first === null"):
        s.advance(0.02)
    x = tokens(s)
    count = mf.clusters.count_by_gaps(x, 1e-3)
    assert s.js("simulation.numbers.first") == count == mf.clusters.count_by_gaps(x, 20**-0.5)
    assert abs(count - mf.closed_forms.fastest_mode(20)) <= 1
    assert f"the first plateau had {count} clusters" in s.text


def test_three_that_balance(stage):
    s = stage("clusters", n=3, beta=5, start="even")
    assert s.js("simulation.numbers.next.speed") < 0.1
    assert "the others have a part in it" in s.text


def test_numbers_end(stage):
    s = stage("clusters", n=300, beta=400, start="random")
    s.advance(301)
    assert s.js("simulation.numbers.clock") == 300 and len(s.js("simulation.numbers.masses")) == 2
    assert "there the clock rests" in s.text and "NaN" not in s.text
    s.set(beta=399)
    assert s.js("simulation.numbers.clock") == 0
    s.set(beta=100)  # so that it is over before numbers end
    s.advance(250)
    assert "All tokens are in one cluster" in s.text


def move(s, i, degrees):
    s.js("document.querySelector('.explore details').open = true")
    for kind, value, event in (("number", i, "change"), ("range", degrees, "input")):
        field = s.page.locator(f".explore details input[type={kind}]")
        field.fill(str(value))
        field.dispatch_event(event)


def test_a_moved_cluster(stage):
    s = stage("clusters", n=2, beta=50, start="random")
    for degrees in (60, 90, 30):
        move(s, 1, 0)
        move(s, 2, degrees)
        pair = s.js("simulation.numbers.next")
        assert s.js("simulation.numbers.t") == 0
        assert 10 ** pair["alone"] == pytest.approx(
            mf.closed_forms.two_cluster_lifetime(np.radians(degrees), MET, 50.0), rel=1e-7)
    move(s, 2, 180)
    assert "opposite" in s.text and s.js("simulation.numbers.next") is None


def test_dragging_past_another(stage):
    s = stage("clusters", n=30, beta=100, start="random")
    to_clock(s, 12)
    before = sorted(s.js("simulation.numbers.masses"))
    box = s.page.locator(".explore canvas").first.bounding_box()
    radius = min(box["width"], box["height"]) / 2 - 34
    middle = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    x, y = s.js("simulation.tokens")[:2]
    begin = np.arctan2(y, x)
    for k, angle in enumerate(np.linspace(begin, begin + 6, 40)):
        s.page.mouse.move(middle[0] + radius * np.cos(angle), middle[1] - radius * np.sin(angle))
        if k == 0:
            s.page.mouse.down()
    s.page.mouse.up()
    assert sorted(s.js("simulation.numbers.masses")) == before
    angles = np.unwrap(np.angle(np.reshape(s.js("simulation.tokens"), (-1, 2)) @ [1, 1j]))
    assert (np.diff(angles) > 0).all() and angles[-1] - angles[0] < 2 * np.pi
