"""Clusters of causal attention on a circle at two times, over inverse temperature, for the chapter on causal dynamics.

    .venv/bin/python book/data/causal.py

writes book/data/causal.json in about a minute. 20 sqrt(beta) tokens start at independent uniform angles and follow the
causal flow. Kept are the number of clusters, groups joined by steps of at most 1/sqrt(beta), at each of the times, and
the angles between neighbouring clusters at the last one, in units of 1/sqrt(beta). The chapter makes some runs again.
"""

import json
from pathlib import Path

import numpy as np

import mfcore as mf

BETAS = [50.0, 100.0, 200.0, 400.0, 800.0]
TIMES = [10.0, 100.0]
REPEATS = 40
SEED = 0


def circle(angle):
    """The points at these angles."""
    return np.stack([np.cos(angle), np.sin(angle)], axis=-1)


def starts(beta, repeat):
    """Independent uniform angles, 20 sqrt(beta) of them; those of a smaller beta are the first of a larger one."""
    return np.random.default_rng([SEED, repeat]).uniform(0, 2 * np.pi, round(20 * np.sqrt(beta)))


def positions(x, beta):
    """Mean angles of the clusters in increasing order, up to a turn."""
    angle = np.sort(np.arctan2(x[:, 1], x[:, 0]))
    gap = np.diff(angle, append=angle[0] + 2 * np.pi)
    last = np.argmax(gap)
    angle = np.roll(angle, -last - 1)
    angle[len(angle) - last - 1 :] += 2 * np.pi
    parts = np.split(angle, np.flatnonzero(np.diff(angle) > 1 / np.sqrt(beta)) + 1)
    return np.array([part.mean() for part in parts])


def cell(beta, repeat):
    """Numbers of clusters at the times, and gaps at the last one."""
    model = mf.SelfAttention(beta, mask=mf.masks.causal())
    run = mf.flow(model, circle(starts(beta, repeat)), TIMES, rtol=1e-6, atol=1e-8)
    counts = [mf.clusters.count_by_gaps(x, 1 / np.sqrt(beta)) for x in run.x]
    place = positions(run.x[-1], beta)
    gaps = np.diff(place, append=place[0] + 2 * np.pi) * np.sqrt(beta)
    return {"counts": counts, "gaps": [round(float(g), 3) for g in gaps]}


def main():
    """Run all cells and write the file."""
    found = {f"{beta:g}": [cell(beta, repeat) for repeat in range(REPEATS)] for beta in BETAS}
    table = {"betas": BETAS, "times": TIMES, "seed": SEED, "found": found}
    path = Path(__file__).with_name("causal.json")
    path.write_text(json.dumps(table) + "\n")
    print(f"written: {path}")


if __name__ == "__main__":
    main()
