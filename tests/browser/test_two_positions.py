"""The loop of two positions: its limits, the states between, and that the sweep jumps where theory says."""

import numpy as np
import pytest

import mfcore as mf

POSITIONS = np.repeat([[1.0, 0.0], [-1.0, 0.0]], 4, axis=0)


def model_at(beta, a):
    return mf.SelfAttention(beta, auxiliary=mf.AdditivePE(POSITIONS, a))


def state(alpha, gamma):
    angles = np.repeat([alpha, gamma], 4)
    return np.column_stack([np.cos(angles), np.sin(angles)])


def largest_rate(model, x, h=1e-6):
    across = np.column_stack([-x[:, 1], x[:, 0]])
    columns = []
    for k in range(len(x)):
        push = h * across * (np.arange(len(x)) == k)[:, None]
        change = model.velocity(mf.sphere.project(x + push)) - model.velocity(mf.sphere.project(x - push))
        columns.append((change * across).sum(axis=1) / (2 * h))
    return np.linalg.eigvals(np.transpose(columns)).real.max()


@pytest.mark.parametrize("beta", [0.4, 1.0, 1.7, 2.5])
def test_theory(stage, beta):
    numbers = stage("two-positions", beta=beta).js("simulation.numbers")
    assert numbers["threshold"] == pytest.approx(mf.closed_forms.two_point_threshold(beta), rel=1e-9)
    limits = mf.closed_forms.two_point_stability(beta)
    assert numbers["limits"] == pytest.approx(limits, rel=1e-9)
    saddles = numbers["saddles"]
    scales, alphas, gammas = np.transpose(saddles)
    assert (scales[-1], scales[0]) == pytest.approx(limits)
    # One curve without gaps, from the collapsed to the separated state.
    separations = (np.cos(alphas) - np.cos(gammas)) / 2
    assert (separations[0], separations[-1]) == (0, 1) and np.abs(np.diff(separations)).max() < 0.05
    assert np.diff(scales).max() < 0
    for a, alpha, gamma in saddles[1:-1:5]:
        model, x = model_at(beta, a), state(alpha, gamma)
        assert np.abs(model.velocity(x)).max() < 1e-9
        assert largest_rate(model, x) > 0


@pytest.mark.parametrize("start", ["together", "apart"])
@pytest.mark.parametrize("beta, scale", [(1, 0.7), (2.5, 0.3)])
def test_flow(stage, beta, scale, start):
    s = stage("two-positions", beta=beta, scale=scale, start=start, moves="hand")
    x = np.reshape(s.js("simulation.tokens"), (-1, 2))
    assert 0 < np.abs(x - state(0, 0 if start == "together" else np.pi)).max() < 2e-3
    s.advance(3)
    after = np.reshape(s.js("simulation.tokens"), (-1, 2))
    assert np.abs(after - mf.flow(model_at(beta, scale), x, [3.0]).x[0]).max() < 1e-7


@pytest.mark.parametrize("beta", [0.5, 1.0, 2.5])
def test_the_sweep_jumps_where_theory_says(stage, beta):
    s = stage("two-positions", beta=beta, seed=5)
    s.js("while (!('together' in simulation.numbers.jumps) && stage.time < 1e4) stage.advance(10); return null")
    jumps, (a_sep, a_col) = s.js("simulation.numbers.jumps"), mf.closed_forms.two_point_stability(beta)
    # Steps of 0.025, and close to a limit it takes one more.
    assert a_col < jumps["apart"] < a_col + 0.05
    assert max(0, a_sep - 0.06) <= jumps["together"] < a_sep
    assert f"{jumps['apart']:.3f}" in s.text and f"{jumps['together']:.3f}" in s.text
    s.js("while (simulation.numbers.separation < 0.5 && stage.time < 2e4) stage.advance(10); return null")
    assert a_col < s.js("simulation.numbers.jumps.apart") < a_col + 0.05


def test_by_hand_both_states_last_at_one_scale(stage):
    s = stage("two-positions", beta=1, scale=0.7, moves="hand")
    s.advance(300)
    assert s.js("simulation.numbers.separation") == pytest.approx(0, abs=1e-3)
    s.set(start="apart")
    s.advance(300)
    assert s.js("simulation.numbers.separation") == pytest.approx(1, abs=1e-3)
    assert "both states last" in s.text and s.js("stage.value.scale") == 0.7
    s.set(scale=0.1)
    s.advance(300)
    assert s.js("simulation.numbers.separation") < 0.01 and "only the collapsed state lasts" in s.text
    s.set(scale=1.3)
    s.advance(300)
    assert s.js("simulation.numbers.separation") > 0.99 and "only the separated state lasts" in s.text


def test_restart_undoes_the_sweep(stage):
    s = stage("two-positions", scale=0.5, seed=3)
    start = s.js("simulation.tokens")
    s.advance(200)
    assert s.js("stage.value.scale") > 0.5
    s.set(speed=20)
    s.click("Restart")
    assert s.js("stage.value.scale") == 0.5 and s.js("simulation.tokens") == start


def test_extremes(stage):
    s = stage("two-positions")
    for beta in (0.4, 2.5):
        for scale in (0, 1.6):
            for start in ("together", "apart"):
                s.set(beta=beta, scale=scale, start=start)
                s.advance(50)
                assert np.isfinite(s.js("simulation.tokens")).all() and "NaN" not in s.text
