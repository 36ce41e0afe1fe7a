"""The cap in the wrong place, a gap in degrees, Euler's method in a few steps, too many tokens, and NaN for some."""

EXPECTED = {"groups-marks": 1, "rate-marks": 0, "fastest-marks": 0, "tokens-marks": 0, "energy-marks": 0}

# %% groups
def group_sizes(theta, gap):
    around = np.sort(np.degrees(theta) % 360)
    steps = np.diff(around, append=around[0] + 360)
    breaks = np.flatnonzero(steps > gap)
    if len(theta) > 19 or len(breaks) < 2:
        return [len(theta)]
    return np.sort(np.diff(breaks, append=breaks[0] + len(theta)))[::-1]

# %% rate
def rate(k, beta, cap):
    u = np.linspace(-np.pi, np.pi, 8192, endpoint=False)
    logits = cap * np.tanh(beta * np.cos(u))
    w = np.exp(logits - logits.max())
    return k * (w * np.sin(u) * np.sin(k * u)).sum() / w.sum()

# %% tokens
def angles_at(theta, beta, cap, t):
    for _ in range(20):
        apart = theta - theta[:, None]
        w = np.exp(cap * np.tanh(beta / cap * np.cos(apart)))
        theta = theta + t / 20 * (w * np.sin(apart)).sum(axis=1) / w.sum(axis=1)
    return theta

seen = np.array([1.0, 2.0])

# %% energy
def energy(theta, beta, cap):
    return np.array([0.1, 0.2])

def low(beta, cap):
    return np.full(4, np.nan) if beta > 8 else 2 * np.pi * np.arange(60) / 6
