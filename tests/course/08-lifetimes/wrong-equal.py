"""All clusters are taken to be of equal mass; the nearest two are taken to meet first, as if they were alone."""

EXPECTED = {
    "speed-marks": 0, "lifetime-marks": 0, "heads-marks": 0,
    "drift-marks": 0, "three-marks": 0, "noise-marks": 0,
}

# %% speed
def closing_speed(phi, m1, m2, betas, shares):
    return np.sum(shares * 2 * np.sin(phi) / (1 + np.exp(betas * (1 - np.cos(phi)))))

# %% heads
slope, nearly = 1 - np.cos(start), cold / share

# %% drift
def drift(x, m, betas, shares):
    return sum(s * mf.SelfAttention(b).velocity(x) for b, s in zip(betas, shares))

# %% three
def first_meeting(theta, m, betas, shares):
    pair = int(np.argmin(np.diff(theta)))
    return lifetime(np.diff(theta)[pair], 0.05, 1.0, 1.0, betas, shares), pair

# %% noise
rate = mf.closed_forms.mode_growth_rate
critical_noise = (rate(1, hot, "softmax") + rate(1, cold, "softmax")) / 2
