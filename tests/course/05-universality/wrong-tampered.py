"""Tests changed and deleted, with wrong answers behind them."""

EXPECTED = {"bound-marks": 0, "critical-marks": 0}

# %% bound
enough = masses.min()

# %% bound-marks
"all points"

# %% -critical-marks

# %% critical
critical = [1.5, 2.5]
