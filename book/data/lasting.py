"""Lifetimes of two clusters over inverse temperature and strength of an encoding, for the chapter that compares encodings.

    .venv/bin/python book/data/lasting.py

writes book/data/lasting.json in half a minute. Two clusters of three tokens each, 0.003 wide, start at an angle of 2 and
are followed until they are at an angle of 0.5. Concatenated encoding: two orthogonal unit positions, strength kappa.
Additive encoding: positions +e and -e times the scale, the clusters at equal angles to them. A lifetime is null if the
clusters have not met by the time 1e12. Runs are kept in a folder of their own until all are done, so that an interrupted
one goes on where it was. The chapter computes cells again: generators belong to the values of the parameters, which are
rounded here, since their last bit differs between machines.
"""

import json
import tempfile
from pathlib import Path

import numpy as np

import mfcore as mf

BETAS = np.linspace(0.5, 5.0, 13).round(12)
STRENGTHS = {"concatenated": np.linspace(0, 2, 13).round(12), "additive": np.geomspace(1e-3, 1, 16).round(12)}
SEED = 0
START, STOP, LAST, WIDTH = 2.0, 0.5, 1e12, 0.003
KEPT = Path(tempfile.gettempdir()) / "mfcore-lasting"


def arrival(model, x, see=lambda states: states):
    """The time at which what `see` makes of the first and the last token is at the angle STOP; infinity if after LAST."""
    times = np.geomspace(1e-3, LAST, 300)
    for _ in range(4):
        run = mf.flow(model, x, times)
        seen = see(run.x)
        apart = np.flatnonzero(mf.sphere.distance(seen[:, 0], seen[:, -1]) >= STOP)[-1]
        if apart == len(times) - 1:
            return np.inf
        times = np.linspace(times[apart], times[apart + 1], 300)
    return times.mean()


def cell(rng, beta, strength, encoding):
    """The lifetime of two clusters under an encoding."""
    noise = WIDTH * rng.standard_normal((2, 3))
    tilt = np.pi / 2 + np.array([[-START / 2], [START / 2]]) + noise - noise.mean(axis=1, keepdims=True)
    x = np.stack([np.cos(tilt), np.sin(tilt)], axis=-1).reshape(6, 2)
    if encoding == "additive":
        auxiliary = mf.AdditivePE(np.repeat([[1.0, 0.0], [-1.0, 0.0]], 3, axis=0), strength)
    else:
        auxiliary = mf.ConcatPE(np.repeat(np.eye(2), 3, axis=0), strength)
    return float(arrival(mf.SelfAttention(beta, auxiliary=auxiliary), x))


def main():
    """Run both grids and write the file."""
    table = {"betas": BETAS.tolist(), "seed": SEED, "start": START, "stop": STOP}
    for encoding, strengths in STRENGTHS.items():
        grid = {"beta": BETAS, "strength": strengths, "encoding": [encoding]}
        lifetimes = mf.sweep(cell, grid, path=KEPT, seed=SEED).value.values[:, :, 0]
        kept = [[float(f"{t:.7g}") if np.isfinite(t) else None for t in row] for row in lifetimes]
        table[encoding] = {"strengths": strengths.tolist(), "lifetimes": kept}
    path = Path(__file__).with_name("lasting.json")
    path.write_text(json.dumps(table) + "\n")
    print(f"written: {path}")


if __name__ == "__main__":
    main()
