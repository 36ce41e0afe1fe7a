"""Train the small attention networks of the chapter on trained position bias.

    .venv/bin/python -m pip install -e ".[train]"
    .venv/bin/python training/position_bias.py              # all that are missing
    .venv/bin/python training/position_bias.py causal-none-0 # some

A network sees eight items with their labels and then a query, and names the query's label. What is varied is who may
attend to whom (the mask) and how positions enter (the encoding). The task, the sizes and the optimizer are the defaults
of the code published with arXiv 2502.01951; where its options would all be the causal mask at this length (a window of
20, a prefix of 1, a decay of 1), the values here differ: see MASKS. Weights go to book/data/position-bias, one file a
network, with a line in its manifest. A run that is stopped goes on from its last saved state, with the same result.
"""

import argparse
import hashlib
import importlib.metadata
import json
import os
import platform
import sys
import tempfile
from pathlib import Path

os.environ.setdefault("XLA_FLAGS", "--xla_cpu_multi_thread_eigen=false")  # small matrices: threads only wait

import jax
import jax.numpy as jnp
import numpy as np
import optax
from tqdm import tqdm

import mfcore as mf

ITEMS, BURST, CLASSES, LABELS, WIDTH, SPREAD = 8, 4, 2048, 32, 64, 0.75
LENGTH = 2 * ITEMS + 1
LAYERS, HIDDEN_LAYERS = 2, 3
BATCH, RATE, WEIGHT_DECAY, STEPS = 128, 1e-3, 1e-6, 50_000
REPORT, SAVE = 500, 5_000  # steps: a point of the loss curve, a saved state

MASKS = {"full": None, "causal": mf.masks.causal(), "window": mf.masks.window(5), "prefix": mf.masks.prefix(3)}
DECAY = 0.25
ENCODINGS = ("none", "sin", "rotary", "decay")

# These cells have three seeds; `residual` adds each layer's input, `first` and `last` ask for that item.
REPEATED = ("causal-none", "full-none", "causal-decay", "causal-rotary", "window-none", "causal-sin")
OTHERS = ("decay-sin-0", "decay-rotary-0", "causal-none-0-residual", "causal-decay-0-residual")
BIASED = ("causal-none-0-first", "causal-none-0-last")
GRID = tuple(f"{mask}-{encoding}-0" for mask in MASKS for encoding in ENCODINGS)
NETWORKS = GRID + OTHERS + tuple(f"{cell}-{seed}" for seed in (1, 2) for cell in REPEATED) + BIASED

ROOT = Path(__file__).parents[1]
WEIGHTS = ROOT / "book" / "data" / "position-bias"
STATES = Path(tempfile.gettempdir()) / "mfcore-position-bias"


def logit_mask(mask, encoding):
    """The (LENGTH, LENGTH) array of what mask and encoding add to the logits."""
    i, j = np.indices((LENGTH, LENGTH))
    rule = mf.masks.causal() if mask == "decay" else MASKS[mask]
    added = np.zeros((LENGTH, LENGTH)) if rule is None else rule(i, j)
    return added - DECAY * np.abs(i - j) if "decay" in (mask, encoding) else added


def sinusoids():
    """Positions as sines and cosines of geometric frequencies, (LENGTH, WIDTH)."""
    angles = np.arange(LENGTH)[:, None] * 10_000 ** (-np.arange(0, WIDTH, 2) / WIDTH)
    return np.stack([np.sin(angles), np.cos(angles)], axis=-1).reshape(LENGTH, WIDTH)


def rotate(x):
    """Each token's pairs of coordinates, turned by its angles; the tokens are the last ones of the sequence."""
    angles = np.arange(LENGTH - x.shape[1], LENGTH)[:, None] * 10_000 ** (-np.arange(0, WIDTH, 2) / WIDTH)
    even, odd = x[..., ::2], x[..., 1::2]
    turned = (even * np.cos(angles) - odd * np.sin(angles), odd * np.cos(angles) + even * np.sin(angles))
    return jnp.stack(turned, axis=-1).reshape(x.shape)


def logits(weights, x, mask, encoding, residual):
    """The network: attention layers, then a perceptron on the last token. x: (batch, LENGTH, WIDTH)."""
    if encoding == "sin":
        x = x + sinusoids().astype(np.float32)
    added = logit_mask(mask, encoding).astype(np.float32)
    for k in range(LAYERS):
        rows = x if k < LAYERS - 1 else x[:, -1:]  # of the last layer the last token alone is used
        if encoding == "rotary":
            query, key = rotate(rows @ weights[f"query{k}"]), rotate(x @ weights[f"key{k}"])
        else:  # the same logits with one product fewer a token
            query, key = rows @ (weights[f"query{k}"] @ weights[f"key{k}"].T), x
        logit = query @ key.swapaxes(1, 2) / np.sqrt(WIDTH) + added[-rows.shape[1] :]
        x = jax.nn.softmax(logit, axis=-1) @ x @ weights[f"value{k}"] + (rows if residual else 0)
    hidden = x[:, 0]
    for k in range(HIDDEN_LAYERS):
        hidden = jax.nn.relu(hidden @ weights[f"hidden{k}"] + weights[f"bias{k}"])
    return hidden @ weights["out"] + weights["bias_out"]


def initial_weights(key):
    """Uniform in [-1/sqrt(WIDTH), 1/sqrt(WIDTH)], as the published code's library has them."""
    shapes = {f"{name}{k}": (WIDTH, WIDTH) for k in range(LAYERS) for name in ("query", "key", "value")}
    for k in range(HIDDEN_LAYERS):
        shapes |= {f"hidden{k}": (WIDTH, WIDTH), f"bias{k}": (WIDTH,)}
    shapes |= {"out": (WIDTH, LABELS), "bias_out": (LABELS,)}
    bound = 1 / np.sqrt(WIDTH)
    keys = jax.random.split(key, len(shapes))
    return {
        name: jax.random.uniform(k, shape, minval=-bound, maxval=bound)
        for k, (name, shape) in zip(keys, shapes.items(), strict=True)
    }


def make_task(key):
    """Class means (CLASSES, WIDTH), the label of each class, the labels' vectors (LABELS, WIDTH)."""
    means, classes, vectors = jax.random.split(key, 3)
    return (
        jax.random.normal(means, (CLASSES, WIDTH)) / WIDTH,  # 1/WIDTH is the published code's standard deviation
        jax.random.randint(classes, (CLASSES,), 0, LABELS),
        jax.random.normal(vectors, (LABELS, WIDTH)) / WIDTH,
    )


def make_batch(key, task, asked):
    """Sequences (BATCH, LENGTH, WIDTH), item, label, item, label, ..., query; and the query's label (BATCH,)."""
    means, label_of, vectors = task
    first, second, order, query, noise = jax.random.split(key, 5)
    one = jax.random.randint(first, (BATCH, 1), 0, CLASSES)
    other = (one + jax.random.randint(second, (BATCH, 1), 1, CLASSES)) % CLASSES
    in_one = jnp.argsort(jax.random.uniform(order, (BATCH, ITEMS)), axis=1) < BURST
    classes = jnp.where(in_one, one, other)
    position = {"first": 0, "last": ITEMS - 1}.get(asked)
    if position is None:
        position = jax.random.randint(query, (BATCH, 1), 0, ITEMS)
    else:
        position = jnp.full((BATCH, 1), position)
    wanted = jnp.take_along_axis(classes, position, axis=1)
    centres = means[jnp.concatenate([classes, wanted], axis=1)]
    items = (centres + SPREAD / WIDTH * jax.random.normal(noise, centres.shape)) / np.sqrt(1 + SPREAD**2)
    x = jnp.zeros((BATCH, LENGTH, WIDTH)).at[:, ::2].set(items).at[:, 1::2].set(vectors[label_of[classes]])
    return x, label_of[wanted[:, 0]]


def parse(name):
    """Mask, encoding, seed and variant of a network's name."""
    mask, encoding, seed, *variant = name.split("-")
    return mask, encoding, int(seed), "".join(variant)


def make_training(name):
    """(state at step 0, a function that takes REPORT steps, the labels' vectors) for a network."""
    mask, encoding, seed, variant = parse(name)
    task_key, weights_key, data_key = jax.random.split(jax.random.key(seed), 3)
    task = make_task(task_key)
    optimizer = optax.adamw(RATE, weight_decay=WEIGHT_DECAY)

    def loss(weights, x, label):
        found = logits(weights, x, mask, encoding, variant == "residual")
        return optax.softmax_cross_entropy_with_integer_labels(found, label).mean()

    def step(state, k):
        weights, moments = state
        x, label = make_batch(jax.random.fold_in(data_key, k), task, variant)
        value, slope = jax.value_and_grad(loss)(weights, x, label)
        change, moments = optimizer.update(slope, moments, weights)
        return (optax.apply_updates(weights, change), moments), value

    @jax.jit
    def advance(state, start):
        state, losses = jax.lax.scan(step, state, start + jnp.arange(REPORT))
        return state, losses.mean()

    weights = initial_weights(weights_key)
    return (weights, optimizer.init(weights)), advance, task[2]


def write(path, arrays):
    """An npz file that is there whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_suffix(".part")
    with open(part, "wb") as stream:
        np.savez(stream, **arrays)
    part.replace(path)


def train(name, steps, states, report):
    """Train one network from its last saved state on; its weights, the labels' vectors, and the loss curve."""
    state, advance, vectors = make_training(name)
    leaves, form = jax.tree_util.tree_flatten(state)
    kept, curve = states / f"{name}.npz", []
    if kept.exists():
        with np.load(kept, allow_pickle=False) as file:
            curve = file["curve"].tolist()
            leaves = [jnp.asarray(file[f"leaf{k}"]) for k in range(len(leaves))]
    state = jax.tree_util.tree_unflatten(form, leaves)
    report(REPORT * len(curve))
    while REPORT * len(curve) < steps:
        state, value = advance(state, REPORT * len(curve))
        curve.append(float(value))
        report(REPORT)
        if REPORT * len(curve) % SAVE == 0:
            leaves = jax.tree_util.tree_leaves(state)
            write(kept, {"curve": np.array(curve)} | {f"leaf{k}": np.asarray(leaf) for k, leaf in enumerate(leaves)})
    return state[0], vectors, curve


def checksum(path):
    return hashlib.sha256(path.read_bytes()).hexdigest() if path.exists() else None


def whole(manifest, name):
    """Whether a network's weights are there and as the manifest says."""
    lines = json.loads(manifest.read_text()) if manifest.exists() else {}
    return name in lines and lines[name]["sha256"] == checksum(manifest.with_name(f"{name}.npz"))


def enter(manifest, name, path, curve, steps):
    """Add a network's line to the manifest: what it takes to make it again, and to know that the file is whole."""
    lines = json.loads(manifest.read_text()) if manifest.exists() else {}
    versions = {package: importlib.metadata.version(package) for package in ("jax", "jaxlib", "numpy", "optax")}
    lines[name] = {
        "command": f"python training/position_bias.py {name}",
        "seed": parse(name)[2],
        "steps": steps,
        "versions": {"python": platform.python_version(), **versions},
        "device": jax.devices()[0].platform,
        "loss": {"every": REPORT, "values": [round(value, 4) for value in curve]},
        "sha256": checksum(path),
    }
    ordered = {known: lines[known] for known in NETWORKS if known in lines}
    text = ",\n".join(f"{json.dumps(known)}: {json.dumps(line)}" for known, line in ordered.items())
    part = manifest.with_suffix(".part")
    part.write_text("{\n" + text + "\n}\n")
    part.replace(manifest)


def main(arguments=None):
    parser = argparse.ArgumentParser(description="Train the networks of the chapter on trained position bias.")
    parser.add_argument("networks", nargs="*", metavar="NAME", help=f"MASK-ENCODING-SEED; all: {', '.join(NETWORKS)}")
    parser.add_argument("--steps", type=int, default=STEPS, help=f"a multiple of {REPORT}; default %(default)s")
    parser.add_argument("--out", type=Path, default=WEIGHTS, help="folder for weights and manifest")
    parser.add_argument("--states", type=Path, default=STATES, help="folder for the states of unfinished runs")
    options = parser.parse_args(arguments)
    unknown = sorted(set(options.networks) - set(NETWORKS))
    if unknown:
        parser.error(f"no such network: {', '.join(unknown)}; there are {', '.join(NETWORKS)}")
    if options.steps <= 0 or options.steps % REPORT:
        parser.error(f"--steps must be a positive multiple of {REPORT}, got {options.steps}")
    manifest = options.out / "manifest.json"
    missing = [name for name in options.networks or NETWORKS if not whole(manifest, name)]
    with tqdm(total=options.steps * len(missing), unit="step", smoothing=0.02) as bar:
        for name in missing:
            bar.set_description(name)
            weights, vectors, curve = train(name, options.steps, options.states, bar.update)
            path = options.out / f"{name}.npz"
            write(path, {k: np.asarray(v) for k, v in weights.items()} | {"label_vectors": np.asarray(vectors)})
            enter(manifest, name, path, curve, options.steps)
            (options.states / f"{name}.npz").unlink(missing_ok=True)


if __name__ == "__main__":
    sys.exit(main())
