"""Rotary encoding on the circle: the flow, where it ends and what the plot says of it."""

import numpy as np
import pytest

import mfcore as mf


def tokens(s):
    return np.reshape(s.js("simulation.tokens"), (-1, 2))


def order(n, frequency):
    return mf.closed_forms.rotary_order_parameter([1.0], np.arange(n), [frequency])


@pytest.mark.parametrize("option, values", [("turned", "features"), ("bare", "tokens")])
@pytest.mark.parametrize("beta", [0.5, 2, 6])
def test_flow(stage, beta, option, values):
    s = stage("rotary", n=9, frequency=0.8, beta=beta, values=option)
    rotary = mf.RotaryPE(np.arange(9), [s.js("stage.value.frequency")])
    model, x = mf.SelfAttention(float(beta), auxiliary=rotary, values=values), tokens(s)
    velocity = s.js("simulation.model.velocity(simulation.tokens)")
    assert np.abs(np.reshape(velocity, (-1, 2)) - model.velocity(x)).max() < 1e-12
    s.advance(1)
    assert np.abs(tokens(s) - mf.flow(model, x, [1.0]).x[0]).max() < 1e-5


@pytest.mark.parametrize("n", [2, 12, 60])
def test_dirichlet_kernel(stage, n):
    curve = stage("rotary", n=n).js("simulation.numbers.curve")
    assert [length for _, length in curve] == pytest.approx([order(n, omega) for omega, _ in curve], abs=1e-12)


@pytest.mark.parametrize("frequency", [0, 0.35, 2, 2 * np.pi])
def test_tokens_end_on_an_orbit_of_that_length(stage, frequency):
    s = stage("rotary", n=12, frequency=frequency)
    s.advance(60)
    frequency = s.js("stage.value.frequency")
    features = np.reshape(s.js("simulation.numbers.features"), (-1, 2))
    assert np.abs(features - features[0]).max() < 1e-4
    assert s.js("simulation.numbers.order") == pytest.approx(order(12, frequency), abs=1e-4)
    assert f"{order(12, frequency):.3f} on one orbit" in s.text


@pytest.mark.parametrize("frequency", [0.35, 2])
def test_values_that_do_not_turn_collapse(stage, frequency):
    s = stage("rotary", frequency=frequency, values="bare")
    s.advance(60)
    x = tokens(s)
    assert np.abs(x - x[0]).max() < 1e-4
    assert "1.000 in one point" in s.text
    # The same start, the values turned too.
    s.set(values="turned")
    s.click("Restart")
    s.advance(60)
    assert np.abs(tokens(s) - tokens(s)[0]).max() > 1


def test_another_frequency_fans_the_same_tokens(stage):
    s = stage("rotary", n=12)
    s.advance(40)
    s.set(frequency=1)
    s.advance(40)
    landed = s.js("simulation.numbers.order"), order(12, s.js("stage.value.frequency"))
    assert landed[0] == pytest.approx(landed[1], abs=1e-4)


def test_tokens_and_features_are_seen(stage):
    s = stage("rotary")
    assert s.js("simulation.report().label").startswith("12 tokens")
    s.set(seen="features")
    assert s.js("simulation.report().label").startswith("12 features")
