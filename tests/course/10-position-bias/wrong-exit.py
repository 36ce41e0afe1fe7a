"""NaN, wrong shapes, texts; then the process ends in the middle."""

EXPECTED = {
    "weights-marks": 0, "shares-marks": 0, "contact-marks": 0,
    "sink-marks": 0, "fair-marks": 0, "late-marks": 0,
}

# %% weights
def weights(n, D, w, alpha, g):
    return np.full((n, n), np.nan)

# %% shares
def shares(n, layers):
    return np.ones((n, n)) / n

# %% contact
def contact(n, dilations, w):
    return "never"

# %% sink
half_sink = None

# %% fair
import os
os._exit(1)
