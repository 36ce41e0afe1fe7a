"""Cells as they were handed out, one deleted, one that does not parse."""

EXPECTED = {"rest-marks": 0, "two-marks": 0, "lengths-marks": 0, "growth-marks": 0, "critical-marks": 0}

# %% rest
def tokens_of(z, beta):
    # YOUR CODE HERE
    raise NotImplementedError()

# %% -two

# %% lengths
# YOUR CODE HERE
raise NotImplementedError()

# %% growth
def growth(x, p, beta):
    return (1

# %% critical
critical = growth
