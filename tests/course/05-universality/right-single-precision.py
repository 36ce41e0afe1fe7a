"""Tokens in single precision; a slow, small damping; a coarse search refined by a secant."""

# %% rest
def tokens_of(z, beta):
    s = beta * z @ z.T
    a = np.exp((s - s.max(axis=1)[:, None]).astype(np.float32)).astype(np.float64)
    g = a @ z
    return g / np.sqrt((g**2).sum(axis=1))[:, None]

# %% lengths
u = targets / 1.0
for _ in range(20_000):
    z = lengths[:, None] * u
    s = beta * z @ z.T
    g = np.exp(s - s.max(axis=1)[:, None]) @ z
    u = u + 0.05 * (targets - g / np.linalg.norm(g, axis=1)[:, None])
    u = u / np.linalg.norm(u, axis=1)[:, None]
positions = (lengths[:, None] * u - targets).tolist()

# %% critical
xs = np.array([[np.cos(a), np.sin(a)] for a in angles])
rate = lambda R: growth(xs, mf.positions_for(xs, beta, R).p, beta)
grid = np.linspace(1.2, 4, 60)
rates = np.array([rate(R) for R in grid])
k = np.flatnonzero(rates > 0)[-1]
critical = grid[k] - rates[k] * (grid[k + 1] - grid[k]) / (rates[k + 1] - rates[k])
