"""Two answers were left as they were handed out, one cell does not parse, and one is deleted."""

EXPECTED = {"groups-marks": 0, "rate-marks": 0, "fastest-marks": 0, "energy-marks": 0}

# %% groups
def group_sizes(theta, gap):
    """Numbers of tokens in the groups, in decreasing order."""
    # YOUR CODE HERE
    raise NotImplementedError()

# %% rate
def rate(k, beta, cap):
    # YOUR CODE HERE
    raise NotImplementedError()

# %% fastest
def fastest(beta, cap)
    return 2

# %% -energy
