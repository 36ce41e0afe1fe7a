"""The forward pass against a slow twin token by token, what each part does, and the weights' files."""

from dataclasses import replace

import numpy as np
import pytest
from cases import STRICT
from scipy.stats import norm as gaussian

import mfcore as mf
from mfcore import networks
from mfcore.networks import Transformer

pytestmark = STRICT


def weights(rng, d=6, inner=8, hidden=10, gated=False, bare=False):
    """A block's weights; bare: nothing that may be left out."""
    shapes = {"query": (d, inner), "key": (d, inner), "value": (d, inner)}
    if not bare:
        shapes |= {"out": (inner, d), "up": (d, hidden), "down": (hidden, d), "query_bias": (inner,)}
        shapes |= {"key_bias": (inner,), "value_bias": (inner,), "out_bias": (d,), "up_bias": (hidden,), "down_bias": (d,)}
        shapes |= {f"{part}_{name}": (d,) for part in ("attention", "perceptron") for name in ("gain", "shift")}
    if gated:
        shapes["gate"] = (d, hidden)
    return {name: rng.standard_normal(shape) / np.sqrt(shape[0]) for name, shape in shapes.items()}


def twin(network, x, depth):
    """One sequence, one token, one head, one pair at a time."""
    n = len(x)

    def normalized(row, w, part):
        if network.norm is None:
            return row
        if network.norm == "layer":
            row = row - sum(row) / len(row)
        row = row / np.sqrt(sum(row**2) / len(row) + network.eps)
        return row * w.get(f"{part}_gain", 1) + w.get(f"{part}_shift", 0)

    def turned(row, place):
        out = row.copy()
        for k in range(0, len(row), 2):
            angle = place * network.rotary ** (-k / len(row))
            out[k : k + 2] = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]]) @ row[k : k + 2]
        return out

    def attention(rows, w):
        width = w["query"].shape[1] // network.heads
        parts = np.zeros((n, w["query"].shape[1]))
        for head in range(network.heads):
            own = slice(head * width, (head + 1) * width)
            q, k, v = ([(row @ w[m] + w.get(f"{m}_bias", 0))[own] for row in rows] for m in ("query", "key", "value"))
            for i in range(n):
                seen = []
                for j in range(n):
                    a, b = (turned(q[i], i), turned(k[j], j)) if network.rotary else (q[i], k[j])
                    seen.append(np.exp(a @ b / np.sqrt(width) + sum(mask(i, j) for mask in network.mask)))
                parts[i, own] = sum(s * row for s, row in zip(seen, v, strict=True)) / sum(seen)
        return [row @ w.get("out", np.eye(len(row))) + w.get("out_bias", 0) for row in parts]

    def perceptron(rows, w):
        out = []
        for row in rows:
            hidden = row @ w["up"] + w.get("up_bias", 0)
            if "gate" in w:
                gate = row @ w["gate"]
                hidden = hidden * gate / (1 + np.exp(-gate))
            else:
                hidden = hidden * gaussian.cdf(hidden)
            out.append(hidden @ w["down"] + w.get("down_bias", 0))
        return out

    rows = list(x)
    for layer in range(depth):
        w = network.blocks[layer % len(network.blocks)]
        for part, update in (("attention", attention), ("perceptron", perceptron)):
            if part == "perceptron" and not (network.perceptron and "up" in w):
                continue
            entering = [normalized(row, w, part) for row in rows] if network.before else rows
            changes = update(entering, w)
            rows = [row + change if network.residual else change for row, change in zip(rows, changes, strict=True)]
            rows = rows if network.before else [normalized(row, w, part) for row in rows]
    return np.array(rows)


OPTIONS = [
    {},
    {"norm": "rms", "before": True, "mask": mf.masks.causal(), "rotary": 100.0},
    {"norm": None, "residual": False},
    {"norm": None, "mask": mf.masks.decay(0.3), "perceptron": False},
    {"before": True, "eps": 0.1, "mask": mf.masks.window(2)},
    {"norm": "rms", "residual": False, "mask": [mf.masks.prefix(2), mf.masks.decay(0.2, causal=False)], "rotary": 10_000},
]


@pytest.mark.parametrize("gated", [False, True])
@pytest.mark.parametrize("options", OPTIONS, ids=str)
def test_twin(options, gated):
    rng = np.random.default_rng(3)
    network = Transformer([weights(rng, gated=gated) for _ in range(2)], 2, **options)
    x = rng.standard_normal((5, 6))
    for depth in (1, 2, 3):
        np.testing.assert_allclose(network.run(x, depth).states[-1], twin(network, x, depth), rtol=1e-11, atol=1e-12)
    run = network.run(x)
    assert run.states.shape == (3, 5, 6) and run.attention.shape == (2, 2, 5, 5)
    np.testing.assert_array_equal(run.states[0], x)
    np.testing.assert_allclose(run.attention.sum(axis=-1), 1, rtol=1e-14)
    batch = network.run(np.stack([x, 2 * x]))
    np.testing.assert_allclose(batch.states[:, 0], run.states, rtol=1e-12, atol=1e-13)
    np.testing.assert_allclose(batch.attention[:, 0], run.attention, rtol=1e-12, atol=1e-13)
    plain = Transformer([weights(rng, inner=6, bare=True)], 3, **options)
    np.testing.assert_allclose(plain.run(x).states[-1], twin(plain, x, 1), rtol=1e-11, atol=1e-12)


def test_attention_alone_is_the_layer_of_the_package():
    """With identity weights, one head and the projection as norm it is a step of softmax attention."""
    rng = np.random.default_rng(0)
    d, beta = 4, 3.0
    x = mf.sphere.sample(7, d, rng)
    for mask in (None, mf.masks.causal(), mf.masks.decay(0.4)):
        sharp = {"query": beta * np.sqrt(d) * np.eye(d), "key": np.eye(d), "value": np.eye(d)}
        gains = {"attention_gain": np.full(d, 1 / np.sqrt(d))}
        network = Transformer([sharp | gains], 1, norm="rms", eps=0.0, mask=mask)
        layer = mf.SelfAttention(beta, values="tokens", mask=mask).layer(x, 1.0)
        np.testing.assert_allclose(network.run(x).states[-1], layer, rtol=1e-12, atol=1e-13)


def test_parts_that_are_taken_out():
    rng = np.random.default_rng(1)
    network = Transformer([weights(rng)], 2)
    x = rng.standard_normal((5, 6))
    for change in ({"residual": False}, {"perceptron": False}, {"norm": None}, {"mask": mf.masks.causal()}, {"rotary": 9.0}):
        assert np.abs(replace(network, **change).run(x).states[-1] - network.run(x).states[-1]).max() > 1e-3
    order = rng.permutation(5)  # without mask and rotation the network does not see positions
    np.testing.assert_allclose(network.run(x[order]).states[-1], network.run(x).states[-1][order], rtol=1e-12)
    causal = replace(network, mask=mf.masks.causal())
    later = x + np.array([[0.0], [0], [0], [1], [1]])
    np.testing.assert_array_equal(causal.run(later).states[-1][:3], causal.run(x).states[-1][:3])
    extreme = Transformer([{name: 1e3 * value for name, value in weights(rng, inner=6, bare=True).items()}], 1)
    assert np.isfinite(extreme.run(1e3 * x).states).all()


def test_influence_and_rollout():
    rng = np.random.default_rng(2)
    # values alone: x_i moves with the attention of uniform rows, times the value matrix
    value = rng.standard_normal((3, 3))
    flat = {"query": np.zeros((3, 3)), "key": np.zeros((3, 3)), "value": value}
    network = Transformer([flat], 1, norm=None, residual=False, mask=mf.masks.causal())
    x = rng.standard_normal((4, 3))
    expected = mf.closed_forms.causal_rollout(4, 3) * np.linalg.norm(np.linalg.matrix_power(value, 3))
    np.testing.assert_allclose(networks.influence(network, x, 3), expected, rtol=1e-7, atol=1e-9)
    np.testing.assert_allclose(
        networks.rollout(network.run(x, 3).attention, residual=0.0), mf.closed_forms.causal_rollout(4, 3), rtol=1e-13
    )
    half = networks.rollout(network.run(x, 2).attention)
    A = np.tri(4) / np.arange(1, 5)[:, None]
    np.testing.assert_allclose(half, np.linalg.matrix_power((np.eye(4) + A) / 2, 2), rtol=1e-13)
    # the order of layers: the last one acts last
    first, last = np.array([[0.5, 0.5], [0, 1]]), np.array([[1.0, 0], [0.25, 0.75]])
    np.testing.assert_allclose(networks.rollout([[first], [last]], 0.0), last @ first)
    assert networks.entropy(np.full((2, 5, 5), 0.2)) == pytest.approx([np.log(5)] * 2)
    assert networks.entropy(np.eye(3)) == 0.0


def test_files(tmp_path):
    import hashlib

    path = tmp_path / "weights.npz"
    np.savez(path, a=np.arange(3, dtype=np.float32), b=np.eye(2, dtype=np.float16))
    good = hashlib.sha256(path.read_bytes()).hexdigest()
    found = networks.read(path, good, "make it")
    assert {name: value.dtype for name, value in found.items()} == {"a": np.float64, "b": np.float64}
    np.testing.assert_array_equal(found["a"], [0, 1, 2])
    with pytest.raises(FileNotFoundError, match=r"other.npz is missing: make it with `make it`"):
        networks.read(tmp_path / "other.npz", good, "make it")
    path.write_bytes(path.read_bytes()[:-1])
    with pytest.raises(ValueError, match=r"weights.npz has checksum .* make it again with `make it`"):
        networks.read(path, good, "make it")
    np.savez(path, a=np.array([print], dtype=object), allow_pickle=True)
    with pytest.raises(ValueError, match="allow_pickle"):
        networks.read(path, hashlib.sha256(path.read_bytes()).hexdigest(), "make it")


BARE = {"query": np.eye(4), "key": np.eye(4), "value": np.eye(4)}


@pytest.mark.parametrize("call, error, message", [
    (lambda: Transformer([], 1), ValueError, "blocks is empty"),
    (lambda: Transformer([BARE], 0), ValueError, "heads must be at least 1"),
    (lambda: Transformer([BARE], 3), ValueError, "block 0: heads must divide 4"),
    (lambda: Transformer([BARE | {"queries": 1}], 1), ValueError, "block 0: unknown weights queries"),
    (lambda: Transformer([BARE, {"query": np.eye(4)}], 1), ValueError, "block 1: missing weights key, value"),
    (lambda: Transformer([BARE | {"up": np.ones((4, 9))}], 1), ValueError, "block 0: missing weights down"),
    (lambda: Transformer([BARE | {"key": np.eye(3)}], 1), ValueError, r"key must have shape \(4, 4\), got \(3, 3\)"),
    (lambda: Transformer([BARE | {"out_bias": np.ones(3)}], 1), ValueError, r"out_bias must have shape \(4,\)"),
    (lambda: Transformer([{k: np.ones((4, 6)) for k in BARE}], 1), ValueError, "without 'out' that must be 4"),
    (lambda: Transformer([BARE | {"key": np.eye(4) * np.nan}], 1), ValueError, "block 0: key must be finite"),
    (lambda: Transformer([BARE], 1, norm="batch"), ValueError, "norm must be one of"),
    (lambda: Transformer([BARE], 1, mask=np.eye(4)), TypeError, "mask must come from mfcore.masks"),
    (lambda: Transformer([BARE], 1, mask=[mf.masks.causal(), None]), TypeError, "mask must come from mfcore.masks"),
    (lambda: Transformer([BARE], 1, residual=0), TypeError, "residual must be True or False"),
    (lambda: Transformer([BARE], 1, eps=-1.0), ValueError, "eps must be a finite number"),
    (lambda: Transformer([BARE], 1, rotary=0.0), ValueError, "rotary must be a finite number"),
    (lambda: Transformer([BARE], 4, rotary=10.0), ValueError, "the width of a head must be even"),
    (lambda: Transformer([BARE], 1).run(np.eye(3)), ValueError, "x must have 4 coordinates a token"),
    (lambda: Transformer([BARE], 1).run(np.eye(4), 0), ValueError, "depth must be at least 1"),
    (lambda: networks.entropy(np.eye(2) * 0.5), ValueError, "attention must have rows of sum 1"),
    (lambda: networks.entropy([[2.0, -1.0], [0.0, 1.0]]), ValueError, "not negative"),
    (lambda: networks.rollout(np.eye(2)), ValueError, r"attention must have shape \(depth, heads, n, n\)"),
    (lambda: networks.rollout(np.eye(2)[None, None], 1.5), ValueError, "residual must be a finite number"),
    (lambda: networks.influence(Transformer([BARE], 1), np.eye(3)), ValueError, "x must have 4 coordinates"),
])  # fmt: skip
def test_what_they_refuse(call, error, message):
    with pytest.raises(error, match=message):
        call()


def test_weights_are_copied_and_closed():
    mine = {name: value.copy() for name, value in BARE.items()}
    network = Transformer([mine], 1)
    mine["query"][:] = 0
    assert network.blocks[0]["query"][0, 0] == 1
    with pytest.raises(ValueError, match="read-only"):
        network.blocks[0]["query"][0, 0] = 2
