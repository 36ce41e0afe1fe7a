"""The heads' temperatures are averaged in place of their velocities."""

EXPECTED = {
    "speed-marks": 1, "lifetime-marks": 1, "heads-marks": 0,
    "drift-marks": 1, "three-marks": 1, "noise-marks": 0,
}

# %% speed
def closing_speed(phi, m1, m2, betas, shares):
    q = np.exp(np.dot(betas, shares) * (1 - np.cos(phi)))
    return np.sin(phi) * (m2 / (m2 + m1 * q) + m1 / (m1 + m2 * q))

# %% heads
mean = lambda b: share * hot + (1 - share) * b
T = lambda b: lifetime(start, stop, m1, m2, np.array([mean(b)]), np.ones(1))
slope = (np.log(T(cold + 1e-3)) - np.log(T(cold - 1e-3))) / 2e-3
nearly = cold / 0.95

# %% drift
def drift(x, m, betas, shares):
    to = x - x[:, None]
    mass = m * np.exp(-np.dot(betas, shares) * np.sum(to**2, axis=2) / 2)
    pull = np.einsum("ij,ijk->ik", mass, to) / mass.sum(axis=1)[:, None]
    return pull - np.sum(pull * x, axis=1)[:, None] * x

# %% noise
critical_noise = mf.closed_forms.mode_growth_rate(1, share * hot + (1 - share) * cold, "softmax")
