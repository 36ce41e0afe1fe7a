"""What the visible tests ask for and no more; numbers and layers of somebody else's copy."""

EXPECTED = {
    "weights-marks": 0, "shares-marks": 0, "contact-marks": 0,
    "sink-marks": 0, "fair-marks": 0, "late-marks": 0,
}

# %% weights
def weights(n, D, w, alpha, g):
    return np.full((n, n), 1 / n)

# %% shares
def shares(n, layers):
    return np.full(n, 1 / n)

# %% contact
def contact(n, dilations, w):
    return 6

# %% sink
half_sink = 0.19371

# %% fair
fair = np.array([[1.0, 2, 0, 0], [2, 2, 0, 0], [4, 2, 0, 0]])

# %% late
late_rate = 0.53418
