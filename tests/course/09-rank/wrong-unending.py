"""A distance that never falls below its limit, for it is compared with the wrong sign."""

EXPECTED = {"simplex-marks": 0}

# %% simplex
constant, edge, depth = 1.0, 1.0, 0
d = -delta
while abs(d) >= d:
    d *= 1 / (1 + eta)
    depth += 1
