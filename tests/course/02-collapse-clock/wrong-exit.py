"""NaN, a text, a wrong shape; then the process ends."""

EXPECTED = {"rate-marks": 0, "cooling-marks": 0, "layers-marks": 0, "late-marks": 0, "frozen-marks": 0, "rest-marks": 0}

# %% rate
def rate(rho, n, beta, w):
    return np.nan

# %% cooling
def time_to(target, start, n, beta0, c):
    return "soon"

# %% layers
def layers_to(target, start, n, beta, h):
    return np.arange(3)

# %% late
late_rate = "slow"

# %% frozen
import sys

frozen, critical = np.nan, None
sys.exit(0)

# %% rest
import os

resting = np.zeros((3, n))
os._exit(0)
