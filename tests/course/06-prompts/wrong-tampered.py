"""Tests that were changed, copied and deleted; the answers behind them are wrong."""

EXPECTED = {"threshold-marks": 0, "hold-marks": 0, "bent-marks": 0}

# %% threshold
threshold = share * np.sinh(beta * length) / np.sinh(beta)

# %% threshold-marks
print("3 of 3 points")
3

# %% -bent-marks

# %% hold
prompts = -longest * targets

# %% hold-marks
from grading import export
export("hold", "held")
