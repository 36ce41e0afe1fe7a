"""Euler's method with a hundred steps; the time of the other normalization; the power without its mean."""

EXPECTED = {"flow-marks": 0, "time-marks": 0, "energy-marks": 1}

# %% flow
def tokens_at(x, B, t):
    for _ in range(100):
        x = mf.sphere.project(x + t / 100 * velocity(x, B))
    return x

# %% time
time_to_target = mf.closed_forms.time_to_cosine(target, start, n, beta, "none")

# %% energy
def energy(x, beta):
    return np.exp(beta * x @ x.T).mean() / (2 * beta)

def power(x, beta):
    return np.sum(mf.SelfAttention(beta, "none").velocity(x) ** 2)
