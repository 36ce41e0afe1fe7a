"""The tokens flee each other, the weights overflow, and B is transposed."""

EXPECTED = {"weights-marks": 1, "velocity-marks": 1, "flow-marks": 0, "energy-marks": 1}

# %% weights
def weights(x, B):
    powers = np.exp(x @ B.T @ x.T)
    return powers / powers.sum(axis=1, keepdims=True)

# %% velocity
def velocity(x, B):
    pull = weights(x, B) @ x
    return np.sum(x * pull, axis=1, keepdims=True) * x - pull

# %% energy
def energy(x, beta):
    return np.exp(beta * x @ x.T).mean() / (2 * beta)

def power(x, beta):
    return -np.sum(mf.SelfAttention(beta, "none").velocity(x) ** 2) / len(x)
