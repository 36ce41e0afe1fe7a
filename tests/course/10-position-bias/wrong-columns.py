"""Weights whose columns add up to one; a sink as if each layer caught the same part of all; a rate without the sink."""

EXPECTED = {"weights-marks": 0, "shares-marks": 0, "sink-marks": 0, "late-marks": 0}

# %% weights
def weights(n, D, w, alpha, g):
    back = np.arange(n)[:, None] - np.arange(n)
    a = np.where((back >= 0) & (back % D == 0) & (back < w * D), np.exp(-alpha * np.abs(back)), 0.0)
    a[:, 0] += g
    return a / a.sum(axis=0)

# %% sink
half_sink = np.sum(np.exp(-decay * np.arange(width))) * 0.5 / (depth - 0.5)

# %% late
late_rate = np.exp(-decay) / (1 + np.exp(-decay))
