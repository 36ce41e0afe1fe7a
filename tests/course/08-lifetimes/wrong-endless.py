"""A simulation of a time that no simulation with even steps reaches the end of."""

EXPECTED = {"lifetime-marks": 0, "heads-marks": 0}

# %% lifetime
def lifetime(start, stop, m1, m2, betas, shares):
    phi, t = start, 0.0
    while phi > stop:
        phi -= 0.01 * closing_speed(phi, m1, m2, betas, shares) / 2
        t += 0.01
    return t

# %% heads
slope, nearly = 0.0, 100.0
