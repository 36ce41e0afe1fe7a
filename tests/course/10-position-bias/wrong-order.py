"""Layers in the wrong order, a window of one token more, a base of two for every length, a rate of the weights."""

EXPECTED = {"shares-marks": 1, "contact-marks": 1, "fair-marks": 0, "late-marks": 0}

# %% shares
def shares(n, layers):
    law = np.eye(n)[-1]
    for D, w, alpha, g in layers:
        law = law @ weights(n, int(D), int(w), alpha, g)
    return law

# %% contact
def contact(n, dilations, w):
    reached, layer, quiet = {0}, 0, 0
    while quiet < len(dilations):
        D = int(dilations[layer % len(dilations)])
        more = {s + k * D for s in reached for k in range(w + 1) if s + k * D < n}
        layer, quiet = layer + 1, quiet + 1 if more == reached else 0
        reached = more
        if n - 1 in reached:
            return layer
    return 0

# %% fair
fair = [[2.0**k, 2, 0, 0] for k in range(int(np.ceil(np.log2(length))))]

# %% late
late_rate = 1 / (1 + np.exp(-decay) + sink)
