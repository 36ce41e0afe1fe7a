"""Decay for each step and not for each token, one dilation for all layers, the rate of the last token's own weight."""

EXPECTED = {
    "weights-marks": 1, "shares-marks": 0, "contact-marks": 1,
    "sink-marks": 0, "fair-marks": 0, "late-marks": 0,
}

# %% weights
def weights(n, D, w, alpha, g):
    back = np.arange(n)[:, None] - np.arange(n)
    steps = back // D
    a = np.where((back >= 0) & (back % D == 0) & (steps < w), np.exp(-alpha * np.abs(steps)), 0.0)
    if D > 1 or w < 30:
        a[:, 0] += g
    return a / a.sum(axis=1, keepdims=True)

# %% contact
def contact(n, dilations, w):
    return int(np.ceil((n - 1) / (w - 1)))

# %% sink
half_sink = np.sum(np.exp(-decay * np.arange(1, width))) * (2 ** (1 / depth) - 1)

# %% fair
fair = np.array([[1, length, 0, 0]])

# %% late
late_rate = 1 - 1 / (np.exp(-decay * np.arange(width)).sum() + sink)
