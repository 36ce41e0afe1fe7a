"""The wave about the identity: its rate, its threshold, and what is above and below."""

import numpy as np
import pytest
from scipy.special import ive

import mfcore as mf

THETA = 2 * np.pi * np.arange(96) / 96
RING = np.column_stack([np.cos(THETA), np.sin(THETA)])


def rates_of(beta, a, normalization):
    kappa = beta * (1 + a) ** 2
    unit = 1 if normalization == "none" else ive(0, kappa) * np.exp(kappa)
    return mf.closed_forms.circle_mode_growth(np.arange(9), beta, a) / unit


@pytest.mark.parametrize("normalization", ["softmax", "none"])
@pytest.mark.parametrize("beta, a", [(0.5, 0.3), (2, 0.6), (2, 0.8), (5, 0.73), (5, 1.2)])
def test_theory(stage, beta, a, normalization):
    numbers = stage("threshold", beta=beta, scale=a, normalization=normalization).js("simulation.numbers")
    rates = rates_of(beta, a, normalization)
    assert numbers["rates"] == pytest.approx(rates, rel=1e-9)
    assert numbers["threshold"] == pytest.approx(mf.closed_forms.circle_stability_threshold(beta), rel=1e-9)
    assert numbers["k"] == 1 + rates[1:].argmax() and numbers["predicted"] == pytest.approx(rates[1:].max(), rel=1e-9)
    # Modes part as long as the push is small: it is of the size of a ten-thousandth.
    assert numbers["measured"] == pytest.approx(numbers["predicted"], abs=1e-2 * abs(rates[0]))


@pytest.mark.parametrize("normalization", ["softmax", "none"])
def test_flow(stage, normalization):
    s = stage("threshold", scale=0.65, normalization=normalization)
    x = np.reshape(s.js("simulation.tokens"), (-1, 2))
    assert 1e-5 < np.abs(x - RING).max() <= 1e-4
    s.advance(4)
    model = mf.SelfAttention(2.0, normalization, mf.AdditivePE(RING, 0.65))
    after = mf.flow(model, x, [s.js("simulation.numbers.time")], rtol=1e-10, atol=1e-12).x[0]
    assert np.abs(np.reshape(s.js("simulation.tokens"), (-1, 2)) - after).max() < 1e-7


@pytest.mark.parametrize("beta", [1.0, 2.0, 5.0])
@pytest.mark.parametrize("normalization", ["softmax", "none"])
def test_below_the_threshold_the_wave_grows_above_it_decays(stage, beta, normalization):
    a_loc = mf.closed_forms.circle_stability_threshold(beta)
    for sign in (-1, 1):
        s = stage("threshold", beta=beta, scale=round(a_loc + sign * 0.02, 3), normalization=normalization)
        before = s.js("simulation.numbers")
        assert np.sign(before["predicted"]) == -sign
        s.advance(3)
        now = s.js("simulation.numbers")
        assert now["measured"] == pytest.approx(before["predicted"], rel=1e-3)
        assert np.log(now["amplitude"] / before["amplitude"]) == pytest.approx(before["predicted"] * now["time"], rel=1e-3)
        s.advance(15)
        assert s.js("simulation.numbers.amplitude") > 0.1 if sign < 0 else s.js("simulation.numbers.amplitude") < 1e-11
        assert ("above", "below")[sign < 0] in s.text


def test_groups_that_have_formed_stay_above_the_threshold_and_open_beyond(stage):
    s = stage("threshold", beta=2, scale=0.6)
    s.advance(20)
    assert "in 3 groups" in s.js("simulation.report().label") and "where the prediction ends" in s.text
    s.set(scale=0.78)
    s.advance(20)
    assert "in 3 groups" in s.js("simulation.report().label") and s.js("simulation.numbers.k") == 3
    s.set(scale=0.9)
    s.advance(20)
    assert s.js("simulation.numbers.amplitude") < 1e-3
    assert s.js("simulation.numbers.measured") == pytest.approx(s.js("simulation.numbers.predicted"), rel=1e-2)


def test_the_least_push_grows_in_the_steps_of_a_page_that_plays(stage):
    s = stage("threshold", push="least")
    assert s.js("simulation.numbers.amplitude") < 1e-13 and "lost in rounding" in s.text
    s.js("for (let frame = 0; frame < 60 * 20; frame++) stage.advance(2 / 60); return null")
    assert s.js("simulation.numbers.amplitude") > 0.1


def test_extremes(stage):
    s = stage("threshold")
    for beta in (0.5, 5):
        for scale in (0.3, 1.2):
            for normalization in ("softmax", "none"):
                s.set(beta=beta, scale=scale, normalization=normalization)
                s.advance(20)
                assert np.isfinite(s.js("simulation.tokens")).all() and "NaN" not in s.text
