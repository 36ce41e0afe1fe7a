"""One loop does not end; what stands before and behind it counts."""

EXPECTED = {"flow-marks": 0}

# %% flow
def tokens_at(x, B, t):
    s = 0.0
    while s != t:
        x = x + 0.001 * velocity(x, B)
        s = s + 0.001
    return x
