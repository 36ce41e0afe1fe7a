"""Two answers were left as they were handed out, one cell does not parse, and one is deleted."""

EXPECTED = {"flow-marks": 0, "time-marks": 0, "velocity-marks": 0, "energy-marks": 0}

# %% flow
def tokens_at(x, B, t):
    # YOUR CODE HERE
    raise NotImplementedError()

# %% time
# YOUR CODE HERE
raise NotImplementedError()

# %% velocity
def velocity(x, B)
    return x

# %% -energy
