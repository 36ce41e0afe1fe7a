"""Softmax over the wrong axis, overflow, features instead of positions, the temperature for the length."""

EXPECTED = {"rest-marks": 0, "lengths-marks": 0, "bound-marks": 0, "growth-marks": 0, "critical-marks": 0}

# %% rest
def tokens_of(z, beta):
    with np.errstate(over="ignore", invalid="ignore"):
        w = np.exp(beta * z @ z.T)
        w = w / w.sum(axis=0)
    g = w @ z
    return g / np.linalg.norm(g, axis=1, keepdims=True)

# %% lengths
positions = lengths[:, None] * targets

# %% bound
odds = 1 / masses.min() - 1
enough = np.log(odds) / 2 / beta

# %% growth
def growth(x, p, beta):
    return mf.SelfAttention(beta, auxiliary=mf.AdditivePE(p)).energy(x)

# %% critical
critical = np.sqrt(2 / beta) + 1
