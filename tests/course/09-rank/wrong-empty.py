"""Two answers were left as they were handed out, one cell does not parse, and one is deleted."""

EXPECTED = {"digits-marks": 0, "leading-marks": 0, "simplex-marks": 0, "heads-marks": 0}

# %% digits
def spread_after(R, beta, p):
    """The tokens after a layer less their mean, of shape (n, d)."""
    # YOUR CODE HERE
    raise NotImplementedError()

# %% leading
def leading(R, beta, p)
    return R

# %% simplex
# YOUR CODE HERE
raise NotImplementedError()

# %% -heads
