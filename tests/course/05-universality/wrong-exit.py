"""NaN, a text, a wrong shape; then the process ends."""

EXPECTED = {"rest-marks": 0, "two-marks": 0, "lengths-marks": 0, "bound-marks": 0, "growth-marks": 0, "critical-marks": 0}

# %% rest
def tokens_of(z, beta):
    return z * np.nan

# %% two
def two_features(phi, kappa, q):
    return "two"

# %% lengths
positions = targets[0]

# %% bound
import sys, os
os._exit(1)
