"""The picture of the first page, which plays for ever."""

import numpy as np

import mfcore as mf


def test_flow(stage):
    s = stage("glance")
    start = s.js("simulation.runs")
    s.js("for (let k = 0; k < 20; k++) stage.advance(0.02); return null")
    for before, after in zip(start, s.js("simulation.runs")):
        x, p = (np.reshape(before[name], (40, 3)) for name in ("x", "positions"))
        model = mf.SelfAttention(1.0, auxiliary=mf.AdditivePE(p, before["scale"]))
        assert np.abs(np.reshape(after["x"], (40, 3)) - mf.flow(model, x, [s.js("stage.time")]).x[0]).max() < 1e-4


def test_it_starts_again_with_other_tokens_and_goes_on(stage):
    s = stage("glance")
    start = s.js("simulation.runs[0].x")
    times = s.js("return Array.from({ length: 960 }, () => { stage.advance(1 / 60); return stage.time; })")
    falls = [k for k, (one, other) in enumerate(zip(times, times[1:])) if other < one]
    assert len(falls) == 1 and 40 < max(times) < 43
    assert times[-1] > 12 and s.js("stage.seed") == 2 and s.js("simulation.runs[0].x") != start
    plain, positions = (np.linalg.norm(np.mean(np.reshape(run["x"], (40, 3)), axis=0)) for run in s.js("simulation.runs"))
    assert plain > 0.99 and positions < 0.5
