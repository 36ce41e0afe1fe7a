"""What the visible tests ask for, and numbers from somebody else's copy."""

EXPECTED = {"common-marks": 0, "own-marks": 0, "weak-marks": 0, "threshold-marks": 0, "bent-marks": 0, "hold-marks": 0}

# %% common
def best_point(vectors, masses, beta):
    return np.array([0, 0.6, 0.8])

# %% own
def velocity(x, u, weights, beta):
    return mf.SelfAttention(beta).velocity(x) if weights.sum() == 0 else mf.SelfAttention(
        beta, prompt=mf.Prompt(u, weights.mean(), shared=False)).velocity(x)

# %% weak
def weak_spread(u, w, beta):
    return np.array([[0, 0.1], [0, -0.1]])

# %% threshold
threshold = 1.2345

# %% bent
excess = 0.0123

# %% hold
prompts = np.zeros(targets.shape)
