"""NaN, wrong shapes, texts; then the process ends in the middle."""

EXPECTED = {
    "speed-marks": 0, "lifetime-marks": 0, "heads-marks": 0,
    "drift-marks": 0, "three-marks": 0, "noise-marks": 0,
}

# %% speed
def closing_speed(phi, m1, m2, betas, shares):
    return np.nan

# %% lifetime
def lifetime(start, stop, m1, m2, betas, shares):
    return [1.0, 2.0, 3.0]

# %% heads
slope, nearly = "steep", None

# %% drift
def drift(x, m, betas, shares):
    return np.zeros(len(x))

# %% three
import os
os._exit(0)
