"""The phase diagram of the chapter on basins: where ascents end, over inverse temperature and scale.

    .venv/bin/python book/data/phases.py

writes book/data/phases.json in about a minute. Each of the 13 by 15 cells has three sets of 24 random positions on the
sphere in three dimensions, and eight random starts each. Runs are kept in a folder of their own until all are done, so
that an interrupted one goes on where it was. The chapter draws one cell again: generators belong to the values of the
parameters, which are rounded here, since their last bit differs between machines.
"""

import json
import tempfile
from pathlib import Path

import numpy as np

import mfcore as mf

BETAS = np.geomspace(0.25, 16, 13).round(12)
SCALES = np.geomspace(0.02, 3, 15).round(12)
SEED = 0
DRAWS, STARTS, TOKENS = 3, 8, 24
KEPT = Path(tempfile.gettempdir()) / "mfcore-phases"


def cell(rng, beta, scale, draw):
    """One set of positions: the best end's least cosine and mean angle (degrees) to positions; the different ends."""
    p = mf.sphere.sample(TOKENS, 3, rng)
    x = mf.sphere.sample(STARTS * TOKENS, 3, rng).reshape(STARTS, TOKENS, 3)
    model = mf.SelfAttention(beta, auxiliary=mf.AdditivePE(p, scale))
    found = mf.maximize(model, x, tol=1e-10, max_iter=500_000)
    if not found.converged.all():
        raise RuntimeError(f"an ascent is not at rest after {found.iterations.max()} layers")
    best = found.x[np.argmax(found.log_energy)]
    ends = []
    for end in found.x:
        if all(np.abs(end - other).max() > 1e-3 for other in ends):
            ends.append(end)
    angle = np.degrees(np.arccos(np.clip((best * p).sum(axis=1), -1, 1)).mean())
    return {"least_cosine": float((best @ best.T).min()), "angle": float(angle), "ends": len(ends)}


def main():
    """Run the grid and write the file."""
    grid = {"beta": BETAS, "scale": SCALES, "draw": range(DRAWS)}
    result = mf.sweep(cell, grid, path=KEPT, seed=SEED)
    table = {
        "betas": BETAS.tolist(),
        "scales": SCALES.tolist(),
        "draws": DRAWS,
        "starts": STARTS,
        "tokens": TOKENS,
        "seed": SEED,
        "least_cosine": result["least_cosine"].mean("draw").round(4).values.tolist(),
        "angle": result["angle"].mean("draw").round(2).values.tolist(),
        "ends": result["ends"].mean("draw").round(2).values.tolist(),
    }
    path = Path(__file__).with_name("phases.json")
    path.write_text(json.dumps(table, indent=1) + "\n")
    print(f"written: {path}")


if __name__ == "__main__":
    main()
