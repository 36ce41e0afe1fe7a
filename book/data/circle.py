"""Searches on the circle that are too long for the chapter: makes circle.json in about three minutes on two cores.

    .venv/bin/python book/data/circle.py

Positions are n equally spaced points on the circle of radius a, one token each. A *clustered state* is what an ascent
makes of tokens that are drawn towards the middles of m equal sectors, if it does not end at the identity. It usually
has m groups, but not always.

crossing, end   for each beta, number m of sectors at the start and n: the largest radius at which the clustered state
                has more energy than the identity, and the largest at which it is still there, by bisection
excess          for each beta: by how much log-energy of the best clustered state is above that of the identity
starts          beta = 2, n = 96: how many of 100 random starts end at the identity
search          for each beta, 0.003 below and above the largest crossing, n = 120: the largest log-energy less that of
                the identity, of 100 random starts and of 200 whose tokens are drawn towards the middles of up to 8
                random sectors
far             the same .01, .03, .1 and .4 above that crossing, of 40 starts with random sectors
"""

import json
from pathlib import Path

import numpy as np

import mfcore as mf

SEED = 8
SECTORS = {0.5: (1, 2, 3), 1.0: (1, 2, 3), 2.0: (2, 3, 4), 5.0: (4, 5, 6)}
BOUNDS = {0.5: (0.85, 1.1), 1.0: (0.7, 1.0), 2.0: (0.7, 0.9), 5.0: (0.7, 0.9)}


def on_circle(angles):
    return np.stack([np.cos(angles), np.sin(angles)], axis=-1)


def ring(n):
    return on_circle(2 * np.pi * np.arange(n) / n)


def model(beta, a, n):
    return mf.SelfAttention(beta, auxiliary=mf.AdditivePE(ring(n), a))


def sectors(n, m, pull):
    """Tokens drawn towards the middles of m sectors, by the share `pull` of their way."""
    place = (np.arange(n) + 0.5) * m / n
    return on_circle(2 * np.pi * (np.arange(n) / n - pull * (place % 1 - 0.5) / m))


def is_identity(x):
    return np.abs(x - ring(x.shape[1])).max(axis=(1, 2)) < 1e-3


def clustered(beta, a, n, m):
    """Log-energy of the best clustered state of m sectors less that of the identity; -inf if there is none."""
    found = mf.maximize(model(beta, a, n), [sectors(n, m, 0.5), sectors(n, m, 0.8)], tol=1e-10)
    excess = found.log_energy - model(beta, a, n).log_energy(ring(n))
    return np.where(is_identity(found.x) | ~found.converged, -np.inf, excess).max()


def last(beta, n, m, level):
    """The largest radius at which the clustered state has an excess above `level`, None if there is none."""
    low, high = BOUNDS[beta]
    if clustered(beta, low, n, m) <= level:
        return None
    while high - low > 1e-5:
        middle = (low + high) / 2
        low, high = (middle, high) if clustered(beta, middle, n, m) > level else (low, middle)
    return round(low, 5)


def random_starts(n, count, rng):
    return mf.sphere.sample(count * n, 2, rng).reshape(count, n, 2)


def random_sectors(n, rng):
    """Tokens drawn towards the middles of up to 8 sectors with random ends."""
    place = np.arange(n) / n
    cuts = np.sort(rng.uniform(size=rng.integers(1, 9)))
    ends = np.concatenate([[cuts[-1] - 1], cuts, [cuts[0] + 1]])
    k = np.searchsorted(ends, place, side="right")
    return on_circle(2 * np.pi * (place - rng.uniform(0.2, 0.9) * (place - (ends[k - 1] + ends[k]) / 2)))


def search(beta, a, n):
    rng = np.random.default_rng(SEED)
    several = [random_starts(n, 100, rng), [random_sectors(n, rng) for _ in range(200)]]
    identity = model(beta, a, n).log_energy(ring(n))
    found = [mf.maximize(model(beta, a, n), starts, tol=1e-9) for starts in several]
    return [round(float(result.log_energy.max() - identity), 7) + 0.0 for result in found]


def search_far(beta, a, n):
    rng = np.random.default_rng(SEED)
    found = mf.maximize(model(beta, a, n), [random_sectors(n, rng) for _ in range(40)], tol=1e-9)
    return round(float(found.log_energy.max() - model(beta, a, n).log_energy(ring(n))), 7) + 0.0


def reaching(beta, a, n, count):
    starts = random_starts(n, count, np.random.default_rng(SEED))
    return int(is_identity(mf.maximize(model(beta, a, n), starts, tol=1e-9).x).sum())


def main():
    names = {(beta, m, n): f"{beta:g} {m} {n}" for beta in SECTORS for m in SECTORS[beta] for n in (120, 240)}
    crossing = {name: last(*(key[0], key[2], key[1]), 0.0) for key, name in names.items()}
    end = {name: last(*(key[0], key[2], key[1]), -1.0) for key, name in names.items() if key[2] == 120}
    excess, searched, far = {}, {}, {}
    for beta, choices in SECTORS.items():
        radii = np.round(np.arange(0.70, 1.0001, 0.01), 2)
        best = [max(clustered(beta, a, 120, m) for m in choices) for a in radii]
        excess[f"{beta:g}"] = [[float(a), round(float(e), 7)] for a, e in zip(radii, best) if np.isfinite(e)]
        a_glob = max(crossing[names[beta, m, 120]] or 0 for m in choices)
        for a in (a_glob - 0.003, a_glob + 0.003):
            searched[f"{beta:g} {a:.5f}"] = search(beta, a, 120)
        for step in (0.01, 0.03, 0.1, 0.4):
            far[f"{beta:g} {a_glob + step:.5f}"] = search_far(beta, a_glob + step, 120)
    starts = {f"{a:g}": reaching(2.0, a, 96, 100) for a in (0.7, 0.72, 0.74, 0.75, 0.76, 0.77, 0.78, 0.79, 0.8, 0.82)}
    results = {
        "command": ".venv/bin/python book/data/circle.py",
        "keys of crossing and end": "beta, sectors m at the start, tokens n",
        "crossing": crossing, "end": end, "excess": excess, "starts": starts, "search": searched, "far": far,
    }  # fmt: skip
    text = json.dumps(results, indent=1)
    Path(__file__).with_suffix(".json").write_text(text + "\n")


if __name__ == "__main__":
    main()
