"""Two answers were left as they were handed out, one cell does not parse, and one is deleted."""

EXPECTED = {
    "speed-marks": 0, "lifetime-marks": 0, "heads-marks": 0,
    "drift-marks": 0, "three-marks": 0, "noise-marks": 0,
}

# %% speed
def closing_speed(phi, m1, m2, betas, shares):
    # YOUR CODE HERE
    raise NotImplementedError()

# %% drift
def drift(x, m, betas, shares):
    # YOUR CODE HERE
    raise NotImplementedError()

# %% three
def first_meeting(theta, m, betas, shares)
    return 0, 0

# %% -noise
