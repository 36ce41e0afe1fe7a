"""The phase diagram of the chapter on basins: where ascents end, over inverse temperature and scale.

    .venv/bin/python book/data/phases.py

writes book/data/phases.json in about a minute. Each of the 13 by 15 cells has three sets of 24 random positions on the
sphere in three dimensions, and eight random starts each. Runs are kept in a folder of their own until all are done, so
that an interrupted one goes on where it was.
"""

import json
import tempfile
from pathlib import Path

import numpy as np

import mfcore as mf

BETAS = np.geomspace(0.25, 16, 13)
SCALES = np.geomspace(0.02, 3, 15)
DRAWS, STARTS, TOKENS = 3, 8, 24
KEPT = Path(tempfile.gettempdir()) / "mfcore-phases"


def cell(rng, beta, scale, draw):
    """One set of positions: the least cosine of the best end, and the number of different ends."""
    p = mf.sphere.sample(TOKENS, 3, rng)
    x = mf.sphere.sample(STARTS * TOKENS, 3, rng).reshape(STARTS, TOKENS, 3)
    model = mf.SelfAttention(beta, auxiliary=mf.AdditivePE(p, scale))
    # Weak positions turn a cluster slowly: what is left of its way is no matter here.
    found = mf.maximize(model, x, tol=1e-10, max_iter=20_000)
    best = found.x[np.argmax(found.log_energy)]
    ends = []
    for end in found.x:
        if all(np.abs(end - other).max() > 1e-2 for other in ends):
            ends.append(end)
    return {"least_cosine": float((best @ best.T).min()), "ends": len(ends)}


def main():
    """Run the grid and write the file."""
    grid = {"beta": BETAS, "scale": SCALES, "draw": range(DRAWS)}
    result = mf.sweep(cell, grid, path=KEPT, seed=0)
    table = {
        "betas": BETAS.tolist(),
        "scales": SCALES.tolist(),
        "draws": DRAWS,
        "starts": STARTS,
        "tokens": TOKENS,
        "least_cosine": result["least_cosine"].mean("draw").round(4).values.tolist(),
        "ends": result["ends"].mean("draw").round(2).values.tolist(),
    }
    path = Path(__file__).with_name("phases.json")
    path.write_text(json.dumps(table, indent=1) + "\n")
    print(f"written: {path}")


if __name__ == "__main__":
    main()
