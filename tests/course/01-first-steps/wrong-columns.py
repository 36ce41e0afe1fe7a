"""Softmax over the wrong axis, and an energy that counts no token with itself."""

EXPECTED = {"weights-marks": 0, "velocity-marks": 1, "flow-marks": 0, "energy-marks": 2}

# %% weights
def weights(x, B):
    logits = x @ B @ x.T
    powers = np.exp(logits - logits.max(axis=0))
    return powers / powers.sum(axis=0)

# %% energy
def energy(x, beta):
    k = np.exp(beta * x @ x.T)
    return (k.sum() - np.trace(k)) / (2 * beta * len(x) * (len(x) - 1))

def power(x, beta):
    v = mf.SelfAttention(beta, "none").velocity(x)
    return (v**2).sum() / len(x)
