"""First groups of 400 tokens on the circle, for the chapter on clusters: writes clusters.json in about two minutes.

    .venv/bin/python book/data/clusters.py
"""

import json
from pathlib import Path

import numpy as np

import mfcore as mf

N, NOISE = 400, 1e-4
EVEN = {5: 64, 8: 64, 12: 64, 20: 64, 35: 64, 50: 64, 70: 64, 100: 64, 140: 64, 200: 64, 500: 32, 1000: 32}
RANDOM = {5: 64, 20: 64, 50: 64, 100: 64, 200: 64}


def even(noise, seed):
    """Evenly spaced tokens, each displaced by a Gaussian angle."""
    theta = 2 * np.pi * np.arange(N) / N + noise * np.random.default_rng(seed).standard_normal(N)
    return np.stack([np.cos(theta), np.sin(theta)], axis=-1)


def linear_time(beta, noise):
    """When the fastest mode has the size of its wave."""
    k = mf.closed_forms.fastest_mode(beta)
    return np.log((N / 2) ** 0.5 / (k * noise)) / mf.closed_forms.mode_growth_rate(k, beta, "softmax")


def counts(beta, starts, after):
    """Groups at the first report at which no distance of neighbours is between 1e-3 and the width of the kernel."""
    times = after + np.arange(2.0, 62.0, 2.0)
    runs = mf.flow(mf.SelfAttention(float(beta)), np.array(starts), times, rtol=1e-6, atol=1e-8)
    return [first_plateau(run, beta) for run in runs]


def first_plateau(run, beta):
    """The count at that report."""
    for x in run.x:
        count = mf.clusters.count_by_gaps(x, 1e-3)
        if count == mf.clusters.count_by_gaps(x, beta**-0.5):
            return count
    raise AssertionError("no plateau in the time allowed")


def main():
    """Both tables."""
    from_even = {
        beta: counts(beta, [even(NOISE, s) for s in range(seeds)], linear_time(beta, NOISE))
        for beta, seeds in EVEN.items()
    }
    from_random = {
        beta: counts(beta, [mf.sphere.sample(N, 2, np.random.default_rng(s)) for s in range(seeds)], 0.0)
        for beta, seeds in RANDOM.items()
    }
    path = Path(__file__).with_suffix(".json")
    path.write_text(json.dumps({"even": from_even, "random": from_random}) + "\n")


if __name__ == "__main__":
    main()
