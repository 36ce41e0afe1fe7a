"""The process ends in the middle; one answer is NaN, one a text, and one has the wrong shape."""

EXPECTED = {"weights-marks": 2, "velocity-marks": 0, "flow-marks": 0, "time-marks": 0, "energy-marks": 0}

# %% weights
def weights(x, B):
    if np.abs(B).max() > 100:
        return np.full((len(x), len(x)), np.nan)
    e = np.exp(x @ B @ x.T)
    return e / e.sum(axis=1, keepdims=True)

# %% velocity
def velocity(x, B):
    return ["slow", "fast"]

# %% flow
def tokens_at(x, B, t):
    return x[0]

# %% time
import os
os._exit(0)
