"""The sink is a logit and not a mass, it does not draw tokens that see token 0 anyway, and it is used for fairness."""

EXPECTED = {"weights-marks": 2, "shares-marks": 1, "contact-marks": 2, "fair-marks": 0, "late-marks": 0}

# %% weights
def weights(n, D, w, alpha, g):
    back = np.arange(n)[:, None] - np.arange(n)
    a = np.where((back >= 0) & (back % D == 0) & (back < w * D), np.exp(-alpha * np.abs(back)), 0.0)
    if g > 0:
        a[:, 0] = np.where(a[:, 0] > 0, a[:, 0], np.exp(g) - 1)
    return a / a.sum(axis=1, keepdims=True)

# %% contact
def contact(n, dilations, w):
    # as if only a common divisor could be in the way
    if (n - 1) % np.gcd.reduce(dilations):
        return 0
    reached, layer = {0}, 0
    while n - 1 not in reached and layer < 1000:
        D = int(dilations[layer % len(dilations)])
        reached = {s + k * D for s in reached for k in range(w) if s + k * D < n}
        layer += 1
    return layer

# %% fair
fair = np.array([[1.0, 4, 0, 1e9], [1, 4, 0, 0]])
