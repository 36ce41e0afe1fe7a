"""One answer is NaN, one a text, one has the wrong shape, and then the process ends."""

EXPECTED = {"common-marks": 0, "own-marks": 0, "weak-marks": 0, "threshold-marks": 0, "bent-marks": 0, "hold-marks": 0}

# %% common
def best_point(vectors, masses, beta):
    return [np.nan] * 3

# %% own
def velocity(x, u, weights, beta):
    return "to the prompt"

# %% weak
def weak_spread(u, w, beta):
    return u[0]

# %% threshold
import os
os.kill(os.getpid(), 9)
