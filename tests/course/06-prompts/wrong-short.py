"""The closed form with a small pull: at rest, and not stable. One start for the best point. The excess of straight states."""

EXPECTED = {"hold-marks": 0, "bent-marks": 0, "common-marks": 1}

# %% common
def best_point(vectors, masses, beta):
    x = np.array([0.0, 0.0, 1.0])
    for _ in range(4000):
        logits = beta * vectors @ x
        x = (masses * np.exp(logits - logits.max())) @ vectors
        x = x / np.linalg.norm(x)
    if beta < 1:
        return x
    # The lightest summit, where a start there would have ended.
    return vectors[masses.argmin()] / np.linalg.norm(vectors[masses.argmin()])

# %% bent
excess = 0.0

# %% hold
prompts = mf.prompt_for(targets, beta, 0.02, weight).vectors
