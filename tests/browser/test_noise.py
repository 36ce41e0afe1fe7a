"""Attention and noise on the circle: the field, the densities at rest, and tokens that go to them and stay."""

import numpy as np
import pytest

import mfcore as mf


def at_rest(beta, order):
    """Noise over the threshold, and the density, of an order."""
    model = mf.SelfAttention(float(beta), "none")
    noise, density = mf.meanfield.circle_equilibrium(model, order, 256)
    return noise / mf.closed_forms.mode_growth_rate(1, float(beta), "none"), density


def orders(s, span, times):
    """Order parameters, a span apart."""
    found = []
    for _ in range(times):
        s.advance(span)
        found.append(s.js("simulation.numbers.order"))
    return np.array(found)


@pytest.mark.parametrize("beta", [0.5, 2, 8])
def test_field_and_threshold(stage, beta):
    s = stage("noise", beta=beta, n=40)
    threshold = s.js("simulation.numbers.threshold")
    assert threshold == pytest.approx(1 / (2 * mf.closed_forms.noise_critical_coupling(float(beta), 2)), rel=1e-12)
    x = np.reshape(s.js("simulation.tokens"), (-1, 2))
    velocity = np.reshape(s.js("simulation.model.velocity(simulation.tokens)"), (-1, 2))
    assert velocity == pytest.approx(mf.SelfAttention(float(beta), "none").velocity(x) / threshold, abs=1e-10)


@pytest.mark.parametrize("beta", [0.5, 2.4, 2.5, 5, 8])
def test_branch_of_densities_at_rest(stage, beta):
    branch = stage("noise", beta=beta).js("simulation.numbers.branch")
    for noise, order in branch[1::8]:
        assert at_rest(beta, order)[0] == pytest.approx(noise, abs=1e-9)
    # It turns back for large beta, and only then.
    assert (max(noise for noise, _ in branch) > 1) == (beta > mf.closed_forms.noise_critical_beta(2))


STATES = {(1, 0.5): [0, 1], (1, 1.01): [1], (5, 0.9): [0, 1], (5, 1.06): [1, 0, 1], (5, 1.2): [1]}


@pytest.mark.parametrize("beta, noise", STATES)
def test_states_at_a_noise(stage, beta, noise):
    states = stage("noise", beta=beta, noise=noise).js("simulation.numbers.states")
    assert [state["lasts"] for state in states] == STATES[beta, noise]
    assert states[0]["order"] == 0 and np.ptp(states[0]["density"]) == 0
    for state in states[1:]:
        expected, density = at_rest(beta, state["order"])
        assert expected == pytest.approx(noise, abs=1e-9)
        # Ours at 129 angles of a half circle, mfcore's at 1024 of the circle.
        assert state["density"] == pytest.approx(density[:513:4], abs=1e-7)


@pytest.mark.parametrize("beta, noise", [(1, 0.8), (5, 0.9)])
def test_tokens_keep_the_order_of_the_density(stage, beta, noise):
    s = stage("noise", beta=beta, noise=noise, n=1000, start="point")
    s.advance(20)
    found, predicted = orders(s, 1, 30), s.js("simulation.numbers.states")[-1]["order"]
    assert abs(found.mean() - predicted) < found.std() < 0.04
    assert f"{predicted:.3f}" in s.text


def test_above_the_threshold_they_are_as_good_as_independent(stage):
    # Squared order of n tokens: 1/n without attraction, and by the linearized equation 1/(1 - 1/noise) times that.
    s = stage("noise", beta=0.5, noise=1.5, n=400)
    s.advance(10)
    square = orders(s, 2, 200) ** 2
    error = 4 * square.std() / np.sqrt(100)
    assert square.mean() == pytest.approx(3 / 400, abs=error)


def test_between_threshold_and_fold_both_states_last(stage):
    ends = {}
    for start in ("uniform", "point"):
        s = stage("noise", beta=5, noise=1.06, start=start)
        s.advance(15)
        ends[start] = s.js("simulation.numbers.order")
    low, middle, high = (state["order"] for state in s.js("simulation.numbers.states"))
    assert ends["uniform"] < middle < ends["point"]
    assert "Two densities at rest last" in s.text
    # Beyond the fold the order melts, and below the threshold it comes back.
    s.set(noise=1.4)
    s.advance(20)
    assert s.js("simulation.numbers.order") < 0.2
    s.set(noise=0.7)
    s.advance(25)
    assert s.js("simulation.numbers.order") == pytest.approx(s.js("simulation.numbers.states")[-1]["order"], abs=0.02)
