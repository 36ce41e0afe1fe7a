"""Two answers were left as they were handed out, one cell does not parse, and one is deleted."""

EXPECTED = {"weights-marks": 0, "shares-marks": 0, "contact-marks": 0, "fair-marks": 0, "late-marks": 0}

# %% weights
def weights(n, D, w, alpha, g):
    """Weights A of one layer, of shape (n, n)."""
    # YOUR CODE HERE
    raise NotImplementedError()

# %% contact
def contact(n, dilations, w)
    return 6

# %% fair
# YOUR CODE HERE
raise NotImplementedError()

# %% -late
