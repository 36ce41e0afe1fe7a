"""The pull is not projected; the tokens are put back on the sphere by force."""

EXPECTED = {"velocity-marks": 0, "flow-marks": 0}

# %% velocity
def velocity(x, B):
    return weights(x, B) @ x

# %% flow
def tokens_at(x, B, t):
    for _ in range(1000):
        x = x + t / 1000 * velocity(x, B)
        x = x / np.linalg.norm(x, axis=1, keepdims=True)
    return x
