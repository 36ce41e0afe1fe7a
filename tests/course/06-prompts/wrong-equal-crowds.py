"""The chapter's formula for equal crowds; the excess over the collapsed state at no weight; weights forgotten in the spread."""

EXPECTED = {"weak-marks": 1.5, "threshold-marks": 0, "bent-marks": 0}

# %% weak
def weak_spread(u, w, beta):
    x0 = u.mean(axis=0) / np.linalg.norm(u.mean(axis=0))
    for _ in range(3000):
        x0 = np.exp(beta * u @ x0) @ u
        x0 /= np.linalg.norm(x0)
    f = np.exp(beta * (u @ x0 - 1))[:, None] * (u - np.outer(u @ x0, x0))
    return f - f.mean(axis=0)

# %% threshold
threshold = mf.closed_forms.prompt_threshold(beta, length)

# %% bent
c = np.linspace(0, 1, 1001)
q, k = share, beta * length
bent = (np.exp(beta) + np.exp(beta * (1 - 2 * c**2))) / (4 * beta) + threshold / beta * np.exp(k * c)
excess = max(bent.max() - np.exp(beta) / (2 * beta) - threshold / beta * np.cosh(k), 0)
