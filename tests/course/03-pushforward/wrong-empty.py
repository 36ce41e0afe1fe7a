"""Answers that were left as they were handed out, one that does not parse, one that is deleted."""

EXPECTED = {"mass-marks": 0, "best-marks": 0, "scales-marks": 0, "line-marks": 1, "almost-marks": 0}

# %% mass
def energy(x, p, rho, beta):
    # YOUR CODE HERE
    raise NotImplementedError()


def velocity(x, p, rho, beta):
    # YOUR CODE HERE
    raise NotImplementedError()

# %% scales
def spread(p, beta, sq, sk, sv) -> np.array
    return p

# %% -almost
