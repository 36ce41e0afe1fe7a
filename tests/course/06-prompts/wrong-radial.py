"""Prompts along the targets; the smaller crowd counted as the larger; no projection."""

EXPECTED = {"hold-marks": 0, "threshold-marks": 0, "own-marks": 0, "bent-marks": 0}

# %% own
def velocity(x, u, weights, beta):
    n = len(x)
    with np.errstate(over="ignore", invalid="ignore"):
        crowd = np.exp(beta * x @ x.T) / n
        own = weights * np.exp(beta * (x * u).sum(axis=1))
        return (crowd @ x + own[:, None] * u) / (crowd.sum(axis=1) + own)[:, None]

# %% threshold
threshold = min(share, 1 - share) * np.sinh(beta) / np.sinh(beta * length)

# %% hold
prompts = longest * targets
