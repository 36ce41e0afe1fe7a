"""One loop does not end; what stands before and behind it counts, and a rate that needs no flow."""

EXPECTED = {"tokens-marks": 0}

# %% tokens
def angles_at(theta, beta, cap, t):
    s = 0.0
    while s != t:
        theta = theta + 0.0001 * np.sin(theta)
        s = s + 0.0001
    return theta

seen = rate(mode, beta, cap)
