"""The flow without denominator for the growth; a length that is twice too long; no iteration to the end."""

EXPECTED = {"lengths-marks": 0, "growth-marks": 0, "bound-marks": 0}

# %% lengths
u = targets.copy()
for _ in range(3):
    u = u + 0.3 * (targets - tokens_of(lengths[:, None] * u, beta))
    u = u / np.linalg.norm(u, axis=1, keepdims=True)
positions = lengths[:, None] * u - targets

# %% bound
odds = 1 / masses.min() - 1
enough = 2 * np.sqrt(np.log(odds) / 2 / beta)

# %% growth
def growth(x, p, beta):
    theta = np.arctan2(x[:, 1], x[:, 0])
    model = mf.SelfAttention(beta, "none", auxiliary=mf.AdditivePE(p))

    def f(a):
        y = np.column_stack([np.cos(a), np.sin(a)])
        return (model.velocity(y) * np.column_stack([-np.sin(a), np.cos(a)])).sum(axis=1)

    J = np.array([(f(theta + e) - f(theta - e)) / 2e-5 for e in 1e-5 * np.eye(len(x))]).T
    return np.linalg.eigvals(J).real.max()
