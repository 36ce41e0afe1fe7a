"""What the visible tests ask for and no more; a square always, and numbers of somebody else's copy."""

EXPECTED = {"groups-marks": 0, "rate-marks": 0, "fastest-marks": 0, "tokens-marks": 0, "energy-marks": 1}

# %% groups
def group_sizes(theta, gap):
    return [2, 1]

# %% rate
def rate(k, beta, cap):
    return mf.closed_forms.mode_growth_rate(3, 5.0, "softmax")

# %% fastest
def fastest(beta, cap):
    return 3 if cap > 100 else 2

critical_cap = 4.7

# %% tokens
def angles_at(theta, beta, cap, t):
    return theta

seen = 0.8

# %% energy
def energy(theta, beta, cap):
    return 0.25

def low(beta, cap):
    return np.array([0, 0.5, 1, 1.5]) * np.pi
