"""Some cells as they were handed out, one that is deleted, one that does not parse."""

EXPECTED = {"common-marks": 0, "own-marks": 0, "weak-marks": 0, "hold-marks": 0}

# %% common
def best_point(vectors, masses, beta):
    # YOUR CODE HERE
    raise NotImplementedError()

# %% own
def velocity(x, u, weights, beta)
    return x

# %% -weak

# %% hold
# YOUR CODE HERE
raise NotImplementedError()
