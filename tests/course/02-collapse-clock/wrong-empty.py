"""Two answers were left as they were handed out, one does not parse, and one is deleted."""

EXPECTED = {"rate-marks": 0, "cooling-marks": 0, "late-marks": 0, "frozen-marks": 0, "rest-marks": 0}

# %% rate
def rate(rho, n, beta, w):
    # YOUR CODE HERE
    raise NotImplementedError()

# %% late
# YOUR CODE HERE
raise NotImplementedError()

# %% frozen
frozen = = 0.5

# %% -rest
