"""NaN, wrong shapes, an exception; then the process ends in the middle."""

EXPECTED = {"digits-marks": 0, "leading-marks": 0, "simplex-marks": 0, "agree-marks": 0, "heads-marks": 0}

# %% digits
def spread_after(R, beta, p):
    return np.full((2, 2), np.nan)

# %% leading
def leading(R, beta, p):
    return R.T / 0

# %% simplex
constant, depth, edge = "large", float("nan"), [1.0, 2.0]

# %% agree
import sys

agree = np.full((5, 4), np.inf)
export = None

# %% +agree
import os
os.kill(os.getpid(), 9)
