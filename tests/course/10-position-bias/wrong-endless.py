"""A search that does not end where there is nothing to find; what has an end counts."""

EXPECTED = {"contact-marks": 2}

# %% contact
def contact(n, dilations, w):
    reached, layer = {0}, 0
    while n - 1 not in reached:
        D = int(dilations[layer % len(dilations)])
        reached = {s + k * D for s in reached for k in range(w) if s + k * D < n}
        layer += 1
    return layer
