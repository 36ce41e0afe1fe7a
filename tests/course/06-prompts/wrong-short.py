"""The closed form with a small pull: at rest, and not stable. The lightest vector for the best point. The excess of straight states."""

EXPECTED = {"hold-marks": 0, "bent-marks": 0, "common-marks": 1}

# %% common
def best_point(vectors, masses, beta):
    if beta > 1:
        # Where the lightest of them calls.
        return vectors[masses.argmin()] / np.linalg.norm(vectors[masses.argmin()])
    x = mf.sphere.sample(50, 3, np.random.default_rng(3))
    for _ in range(4000):
        x = (masses * np.exp(beta * x @ vectors.T)) @ vectors
        x = x / np.linalg.norm(x, axis=1, keepdims=True)
    return x[np.exp(beta * x @ vectors.T).dot(masses).argmax()]

# %% bent
excess = 0.0

# %% hold
prompts = mf.prompt_for(targets, beta, 0.02, weight).vectors
