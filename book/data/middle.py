"""What the last tokens keep of earlier ones, measured with particles, for the chapter on the middle of the prompt.

    .venv/bin/python book/data/middle.py

writes book/data/middle.json in two minutes on two cores. n tokens start independent and uniform on the circle; token k is
then moved by the angle H, and the flow repeated: the difference over H is the derivative of all tokens by the start of
token k. Times its cosines with the angle between reader and source it estimates their correlation (the chapter proves
it). Means over the readers in the last tenth, sums over the modes as in `mf.closed_forms.retrieval_profile`, times n. A
block is the mean over some starts, the scatter of blocks gives the standard errors. Blocks are kept in a folder of their own until
all are done, so that an interrupted run goes on where it was. The chapter computes a block again.
"""

import json
import tempfile
from pathlib import Path

import numpy as np
from scipy.special import iv

import mfcore as mf

BETA, DECAY, WIDTH = 1.0, 1.0, 8.0
TIMES = np.array([0.5, 1.0, 1.5])  # of the unnormalized system; softmax is slower by the factor beta I_0(beta)
SOURCES = np.array([0.02, 0.05, 0.1, 0.2, 0.3, 0.45, 0.6, 0.75, 0.9])
STARTS, BLOCKS = 20, {"causal": {100: 20, 200: 12, 400: 8}, "symmetric": {200: 8}, "none": {100: 20, 200: 8}}
SEED, H = 0, 1e-4
KEPT = Path(tempfile.gettempdir()) / "mfcore-middle"
MASKS = {
    "causal": lambda n: mf.masks.decay(DECAY / n),
    "symmetric": lambda n: mf.masks.decay(DECAY / n, causal=False),
    "none": lambda n: None,
}


def circle(theta):
    """The points at these angles."""
    return np.stack([np.cos(theta), np.sin(theta)], axis=-1)


def angles(model, theta):
    """The angles of the tokens at the times, for many starts: (starts, times, n)."""
    runs = mf.flow(model, circle(theta), TIMES * BETA * iv(0, BETA), rtol=1e-9)
    return np.array([np.arctan2(run.x[..., 1], run.x[..., 0]) for run in runs])


def block(rng, mask, n, block, sources=SOURCES):
    """Mean response of the last tenth to each source at each time: (sources, times)."""
    model = mf.SelfAttention(BETA, mask=MASKS[mask](n))
    theta = rng.uniform(0, 2 * np.pi, (STARTS, n))
    plain, readers = angles(model, theta), np.arange(n - n // 10, n)
    modes = np.arange(1, 21)[:, None, None, None]
    weights = np.exp(-((np.pi * modes / WIDTH) ** 2) / 2)
    found = []
    for k in np.rint(np.multiply(sources, n)).astype(int) - 1:
        moved = theta.copy()
        moved[:, k] += H
        late = readers[readers != k]
        step = (angles(model, moved) - plain)[..., late]
        derivative = np.arctan2(np.sin(step), np.cos(step)) / H
        apart = plain[..., late] - theta[:, k, None, None]
        found.append(n * ((weights * np.cos(modes * apart)).sum(axis=0) * derivative).mean(axis=(0, 2)))
    return np.array(found)


def measured(mask, n, blocks, path=KEPT, workers=None):
    """All blocks: (blocks, sources, times)."""
    grid = {"mask": [mask], "n": [n], "block": range(blocks)}
    return mf.sweep(block, grid, path=path, seed=SEED, workers=workers).value.values[0, 0]


def main():
    """Run all and write the file."""
    table = {"times": TIMES.tolist(), "sources": SOURCES.tolist(), "seed": SEED, "starts": STARTS}
    for mask in MASKS:
        for n, blocks in BLOCKS[mask].items():
            table[f"{mask} {n}"] = measured(mask, n, blocks, KEPT / f"{mask}-{n}").round(5).tolist()
    path = Path(__file__).with_name("middle.json")
    path.write_text(json.dumps(table) + "\n")
    print(f"written: {path}")


if __name__ == "__main__":
    main()
