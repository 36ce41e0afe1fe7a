"""The mean of the vectors for the best point; the prompt as one more token; the crowd's hold forgotten in the spread."""

EXPECTED = {"common-marks": 0, "own-marks": 0, "weak-marks": 0}

# %% common
def best_point(vectors, masses, beta):
    mean = masses @ vectors
    return mean / np.linalg.norm(mean)

# %% own
def velocity(x, u, weights, beta):
    n = len(x)
    crowd = np.exp(np.minimum(beta * x @ x.T, 700))
    own = weights * np.exp(np.minimum(beta * (x * u).sum(axis=1), 700))
    g = (crowd @ x + own[:, None] * u) / (crowd.sum(axis=1) + own)[:, None]
    return g - (g * x).sum(axis=1, keepdims=True) * x

# %% weak
def weak_spread(u, w, beta):
    x0 = w @ u / np.linalg.norm(w @ u)
    for _ in range(3000):
        x0 = (w * np.exp(beta * u @ x0)) @ u
        x0 /= np.linalg.norm(x0)
    return (w * np.exp(beta * u @ x0))[:, None] * (u - np.outer(u @ x0, x0))
