"""Targets of one's choice: positions, what the linearized flow says, and what a kick does."""

import numpy as np
import pytest
from scipy.linalg import expm

import mfcore as mf

SETTINGS = [
    ("random", 8, 1, 2.5, 1), ("random", 24, 2, 2, 3), ("groups", 12, 1, 1.2, 1), ("even", 6, 0.5, 1.5, 1),
    ("one", 4, 1, 3, 1), ("one", 24, 5, 5, 1), ("random", 5, 0.2, 5, 2),
]  # fmt: skip


def values(s):
    return s.js("stage.value.beta"), s.js("stage.value.radius")


def jacobian(model, x, h=1e-6):
    angle = np.angle(x @ [1, 1j])

    def speed(angle):
        u = np.exp(1j * angle)
        velocity = model.velocity(np.column_stack([u.real, u.imag]))
        return (velocity @ [1, 1j] / u).imag

    return np.array([(speed(angle + h * e) - speed(angle - h * e)) / (2 * h) for e in np.eye(len(angle))]).T


@pytest.mark.parametrize(("law", "n", "beta", "radius", "seed"), SETTINGS)
def test_positions_and_rates(stage, law, n, beta, radius, seed):
    s = stage("targets", law=law, n=n, beta=beta, radius=radius, seed=seed, kick=0.001)
    numbers, (beta, radius) = s.js("simulation.numbers"), values(s)
    targets = np.array(numbers["targets"])
    found = mf.positions_for(targets, beta, radius)
    assert np.abs(np.array(numbers["positions"]) - found.p).max() < 1e-12
    assert abs(numbers["iterations"] - found.iterations) <= 1 and numbers["residual"] <= 1e-13
    model = mf.SelfAttention(beta, auxiliary=mf.AdditivePE(found.p))
    linear = jacobian(model, targets)
    assert numbers["rate"] == pytest.approx(np.linalg.eigvals(linear).real.max(), abs=1e-7)
    assert ("They are stable" in s.text) == (numbers["rate"] < 0)

    x0 = np.reshape(s.js("simulation.tokens"), (-1, 2))
    s.advance(1.5)
    now = s.js("simulation.numbers")
    assert np.abs(np.reshape(s.js("simulation.tokens"), (-1, 2)) - mf.flow(model, x0, [1.5]).x[0]).max() < 1e-6
    assert now["age"] == pytest.approx(1.5)
    assert now["expected"] == pytest.approx(np.abs(expm(1.5 * linear) @ numbers["kicked"]).max(), rel=1e-6)
    assert now["distance"] == pytest.approx(now["expected"], rel=0.02)


@pytest.mark.parametrize("n", range(4, 25))
def test_bound(stage, n):
    s = stage("targets", n=n)
    numbers = s.js("simulation.numbers")
    assert numbers["bound"] == pytest.approx(mf.closed_forms.universality_bound(n), rel=1e-12)
    # The second condition of the theorem is the weaker one for up to eight.
    weaker = np.log(n - 1) / 2
    assert numbers["proved"] == pytest.approx(weaker if n <= 8 else numbers["bound"], rel=1e-12)
    assert numbers["proved"] <= numbers["bound"]


def test_no_convergence(stage):
    s = stage("targets", law="one", n=5, radius=0.9)
    numbers, (beta, radius) = s.js("simulation.numbers"), values(s)
    assert numbers["kappa"] > numbers["bound"] and numbers["positions"] is None and numbers["iterations"] == 1000
    with pytest.raises(mf.ConvergenceError) as error:
        mf.positions_for(np.array(numbers["targets"]), beta, radius)
    assert numbers["residual"] == pytest.approx(error.value.residual, rel=1e-3)
    assert "above the bound" in s.text and "but the iteration finds none" in s.text
    x = s.js("simulation.tokens")
    s.advance(3)
    assert s.js("simulation.tokens") == x and "the tokens wait" in s.text
    s.set(radius=2.5)
    s.advance(20)
    assert "All tokens are at their targets" in s.text


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_large_features_bring_tokens_home(stage, seed):
    s = stage("targets", n=8, radius=2.5, kick=3.14, seed=seed)
    for _ in range(3):
        s.advance(40)
        assert "All tokens are at their targets" in s.text
        s.click("Kick")


def test_at_rest_but_not_stable(stage):
    s = stage("targets", n=8, radius=1.5, kick=0.01)
    s.click("Put back")
    s.advance(10)
    assert s.js("simulation.numbers.distance") < 1e-9 and "They are not stable" in s.text
    s.click("Kick")
    s.advance(30)
    assert s.js("simulation.numbers.distance") > 0.5


def test_moving_a_target(stage):
    s = stage("targets", n=8, radius=2.5)
    s.js("document.querySelector('.explore details').open = true")
    for kind, value, event in (("number", 3, "change"), ("range", 100, "input")):
        field = s.page.locator(f".explore details input[type={kind}]")
        field.fill(str(value))
        field.dispatch_event(event)
    targets, positions = (np.array(s.js(f"simulation.numbers.{name}")) for name in ("targets", "positions"))
    assert targets[2] == pytest.approx([np.cos(np.radians(100)), np.sin(np.radians(100))])
    assert np.abs(positions - mf.positions_for(targets, *values(s)).p).max() < 1e-12
    s.advance(20)
    assert "All tokens are at their targets" in s.text

    box = s.page.locator(".explore canvas").first.bounding_box()
    middle, reach = [box["x"] + box["width"] / 2, box["y"] + box["height"] / 2], 0.35 * min(box["width"], box["height"])
    s.page.mouse.move(middle[0] + reach * targets[2, 0], middle[1] - reach * targets[2, 1])
    s.page.mouse.down()
    s.page.mouse.move(middle[0], middle[1] - reach)
    s.page.mouse.up()
    assert s.js("simulation.numbers.targets")[2] == pytest.approx([0, 1], abs=1e-9)
