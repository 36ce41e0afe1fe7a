"""Prompts that hold, and are longer than is allowed; the sign of the call; overflow for long prompts."""

EXPECTED = {"hold-marks": 0, "weak-marks": 0, "own-marks": 2}

# %% own
def velocity(x, u, weights, beta):
    with np.errstate(over="ignore", invalid="ignore"):
        k = np.exp(beta * x @ x.T) / len(x)
        c = weights * np.exp(beta * (x * u).sum(axis=1))
        g = (k @ x + c[:, None] * u) / (k.sum(axis=1) + c)[:, None]
        return g - (g * x).sum(axis=1)[:, None] * x

# %% weak
def weak_spread(u, w, beta):
    x0 = w @ u / np.linalg.norm(w @ u)
    for _ in range(3000):
        x0 = (w * np.exp(beta * u @ x0)) @ u
        x0 /= np.linalg.norm(x0)
    f = np.exp(beta * (u @ x0 - 1))[:, None] * w[:, None] * (u - np.outer(u @ x0, x0))
    return f.mean(axis=0) - f

# %% hold
prompts = mf.prompt_for(targets, beta, 1.5 * longest, weight).vectors
