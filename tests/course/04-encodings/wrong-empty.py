"""Answers that were left as they were handed out, one that does not parse, one that is deleted."""

EXPECTED = {"rotate-marks": 0, "velocity-marks": 0, "rates-marks": 0, "values-marks": 0, "twist-marks": 0}

# %% rotate
def rotate(x, p, omega, pairing):
    # YOUR CODE HERE
    raise NotImplementedError()

# %% rates
def rates(n, beta, a, b):
return 0

# %% -twist
