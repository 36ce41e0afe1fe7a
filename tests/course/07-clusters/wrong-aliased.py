"""The circle is cut at the angle 0, few tokens have the rate of infinitely many, and less energy is even tokens."""

EXPECTED = {"groups-marks": 1, "tokens-marks": 2, "energy-marks": 1}

# %% groups
def group_sizes(theta, gap):
    around = np.sort(theta % (2 * np.pi))
    parts = np.split(around, np.flatnonzero(np.diff(around) > gap) + 1)
    return sorted(map(len, parts), reverse=True)

# %% +tokens
seen = rate(mode, beta, cap)

# %% +energy
def low(beta, cap):
    return 2 * np.pi * np.arange(30) / 30
