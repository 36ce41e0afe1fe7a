"""Who is heard: products of the weights of masks, the chapter's laws for them, and the row that a reader marks."""

import numpy as np
import pytest

import mfcore as mf

N, L = 24, 7


def rule(mask, reach):
    masks = mf.masks
    return {
        "causal": masks.causal(), "window": masks.window(reach), "prefix": masks.prefix(reach),
        "decay": masks.decay(1 / reach), "none": lambda i, j: 0.0 * i,
    }[mask]  # fmt: skip


def weights(mask, reach, residual, n=N):
    A = np.exp(rule(mask, reach)(*np.indices((n, n))))
    return residual * np.eye(n) + (1 - residual) * A / A.sum(axis=1, keepdims=True)


@pytest.mark.parametrize("residual", [0, 0.35])
@pytest.mark.parametrize("reach", [1, 5, 30])
@pytest.mark.parametrize("mask", ["causal", "window", "prefix", "decay", "none"])
def test_shares_and_their_laws(stage, mask, reach, residual):
    s = stage("bias", mask=mask, reach=reach, residual=residual, n=N, row=17)
    A = weights(mask, reach, residual)
    s.advance(L)
    numbers = s.js("simulation.numbers")
    shares = np.reshape(numbers["shares"], (N, N))
    assert numbers["layers"] == L
    assert shares == pytest.approx(np.linalg.matrix_power(A, L), abs=1e-13)
    assert numbers["place"] == pytest.approx(shares[16] @ np.arange(1, N + 1), rel=1e-12)
    if mask == "window":
        assert numbers["law"] == [None] * N
    elif mask == "decay":
        # Exact with an infinite past: no share is smaller than the law says.
        law = np.array(numbers["law"])
        assert (shares[16] - law > -1e-12).all()
        if not residual:
            assert law[:17] == pytest.approx(mf.closed_forms.decay_rollout(16 - np.arange(17), L, 1 / reach), abs=1e-12)
    else:
        assert numbers["law"] == pytest.approx(shares[16], abs=1e-9)


@pytest.mark.parametrize("n, layers", [(2, 1), (24, 4), (64, 30)])
def test_causal_closed_form(stage, n, layers):
    s = stage("bias", n=n)
    s.advance(layers)
    expected = mf.closed_forms.causal_rollout(n, layers)[-1]
    assert s.js("simulation.numbers.law") == pytest.approx(expected, abs=1e-8)
    assert s.js("simulation.numbers.place") == pytest.approx(1 + (n - 1) / 2**layers, rel=1e-12)


@pytest.mark.parametrize("residual", [0, 0.5])
def test_mean_depth(stage, residual):
    s = stage("bias", residual=residual, n=N, reach=5)
    k = np.arange(1, N)
    depths = {
        "causal": 1 + (1 / k).sum(),
        "prefix": 1 + (1 / k[4:]).sum(),
        "decay": 1 + (np.expm1(0.2) / -np.expm1(-0.2 * k)).sum(),
        "window": np.linalg.solve(np.eye(N - 1) - weights("window", 5, 0)[1:, 1:], np.ones(N - 1))[-1],
    }
    for mask, depth in depths.items():
        s.set(mask=mask)
        assert s.js("simulation.numbers.depth") == pytest.approx(depth / (1 - residual), rel=1e-12)
        assert f"{depth / (1 - residual):.1f} layers" in s.text
    s.set(mask="none")
    assert "all tokens equally" in s.text


def test_masks_at_one_depth(stage):
    s = stage("bias", n=N, reach=5)
    first = {}
    s.advance(5)
    for mask in ("causal", "window", "decay", "prefix", "none"):
        s.set(mask=mask)
        first[mask] = s.js("simulation.numbers.shares")[-N]
    # A window of 5 is heard from token 1 after 6 layers, and not before.
    assert first["causal"] > 0.5 > first["decay"] > first["window"] == 0
    assert first["prefix"] < 0.2 and first["none"] == pytest.approx(1 / N)
    s.set(mask="window")
    s.advance(1)
    assert s.js("simulation.numbers.shares")[-N] > 0
    s.advance(300)
    assert s.js("simulation.numbers.shares")[-N] == pytest.approx(1, abs=1e-9)


def test_layers_come_one_by_one(stage):
    s = stage("bias")
    s.click("Step")
    assert s.js("simulation.numbers.layers") == 1
    s.advance(0.6)
    assert s.js("simulation.numbers.layers") == 1
    s.advance(0.6)
    assert s.js("simulation.numbers.layers") == 2
    s.click("Restart")
    assert s.js("simulation.numbers.layers") == 0 and s.text.startswith("Layer 0.")


def test_the_marked_token(stage):
    s = stage("bias", n=24)
    assert s.js("stage.value.row") == 24
    s.set(n=40)
    assert s.js("stage.value.row") == 40
    s.set(row=30)
    s.set(n=50)
    assert s.js("stage.value.row") == 30
    s.set(n=12)
    assert s.js("stage.value.row") == 12
    # The picture: the third row from the top, then down beyond its end.
    box = s.page.locator(".explore canvas").first.bounding_box()
    s.page.mouse.move(box["x"] + box["width"] / 2, box["y"] + 8 + 2.5 * (box["height"] - 84) / 12)
    s.page.mouse.down()
    assert s.js("stage.value.row") == 3 and "token 3 itself" in s.text
    s.page.mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"])
    s.page.mouse.up()
    assert s.js("stage.value.row") == 12
