"""Tokens on the circle and on the sphere: the flow, its buttons and what it says."""

import numpy as np
import pytest

import mfcore as mf


def model_of(stage, data):
    n, beta, scale = (stage.js(f"simulation.model.{name}") for name in ("n", "beta", "scale"))
    angle = 2 * np.pi * np.arange(n) / n
    ring = np.column_stack([np.cos(angle), np.sin(angle)])
    positions = data.get("positions", "none")
    auxiliary = mf.AdditivePE(ring, scale) if positions in ("queries", "everywhere") else None
    return mf.SelfAttention(beta, auxiliary=auxiliary, values="tokens" if positions == "queries" else "features")


@pytest.mark.parametrize("positions", ["none", "nowhere", "queries", "everywhere"])
def test_circle(stage, positions):
    data = {"positions": positions}
    s = stage("circle", data, n=40, beta=3, seed=4)
    model, x0 = model_of(s, data), np.reshape(s.js("simulation.tokens"), (-1, 2))
    s.advance(0.5)
    assert np.abs(np.reshape(s.js("simulation.tokens"), (-1, 2)) - mf.flow(model, x0, [0.5]).x[0]).max() < 1e-4
    assert f"Time {s.js('stage.time'):.1f}." in s.text


def test_sphere(stage):
    s = stage("sphere", n=30, beta=3)
    x0 = np.reshape(s.js("simulation.tokens"), (-1, 3))
    s.advance(1)
    x = np.reshape(s.js("simulation.tokens"), (-1, 3))
    assert np.abs(x - mf.flow(mf.SelfAttention(3.0), x0, [1.0]).x[0]).max() < 1e-4
    assert f"{np.linalg.norm(x.mean(axis=0)):.3f}" in s.text


def test_a_held_token_stays_and_is_let_go_by_a_restart(stage):
    s = stage("circle", n=20, beta=2)
    box = s.page.locator(".explore canvas").first.bounding_box()
    angle = np.arctan2(s.js("simulation.tokens")[39], s.js("simulation.tokens")[38])
    radius = min(box["width"], box["height"]) / 2 - 28
    place = [box["x"] + box["width"] / 2 + radius * np.cos(angle), box["y"] + box["height"] / 2 - radius * np.sin(angle)]
    s.page.mouse.move(*place)
    s.page.mouse.down(button="right")
    s.page.mouse.move(place[0] + 30, place[1])
    s.page.mouse.up(button="right")
    assert np.arctan2(s.js("simulation.tokens")[39], s.js("simulation.tokens")[38]) == angle
    s.page.mouse.move(*place)
    s.page.mouse.down()
    s.advance(3)
    assert np.arctan2(s.js("simulation.tokens")[39], s.js("simulation.tokens")[38]) == pytest.approx(angle, abs=1e-9)
    s.set(n=10)  # the held one is no more
    s.page.mouse.move(place[0] - 20, place[1])
    s.advance(3)
    s.page.mouse.up()
    assert np.isfinite(s.js("simulation.tokens")).all() and s.js("stage.time") == 3


def test_nonsense_in_the_address_is_passed_over(stage):
    s = stage("circle", {"positions": "nowhere"}, positions="toString", beta="", n="NaN", seed="1.5")
    assert s.js("stage.value.positions") == "nowhere" and s.js("[stage.value.beta, stage.value.n, stage.seed]") == [2, 60, 1]


def test_buttons(stage):
    s = stage("circle", n=20, beta=3)
    start = s.js("simulation.tokens")
    s.click("Step")
    assert s.js("stage.time") > 0 and s.js("simulation.tokens") != start
    s.click("Restart")
    assert s.js("simulation.tokens") == start
    s.click("New start")
    assert s.js("simulation.tokens") != start
    s.set(beta=7.5)
    s.click("Link")
    again = s.js("location.href")
    assert "beta=7.5" in again and "seed=2" in again
    s.click("Reset")
    assert s.js("simulation.model.beta") == 2 and s.js("stage.seed") == 1
    s.page.goto("about:blank")
    s.page.goto(again)
    assert s.js("simulation.model.beta") == 7.5 and s.js("stage.seed") == 2
