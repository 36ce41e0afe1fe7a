"""The token's factor in the wrong place, an average temperature, one layer too many, the rate of distances, a
polygon."""

EXPECTED = {"rate-marks": 0.5, "cooling-marks": 1, "layers-marks": 0, "late-marks": 0, "rest-marks": 0}

# %% rate
def rate(rho, n, beta, w):
    return 2 * (1 - rho) * (1 + (n - 1) * rho) / (np.exp(beta * (w - rho)) + n - 1)

# %% cooling
def time_to(target, start, n, beta0, c):
    t = 0.0
    for _ in range(100):
        t = mf.closed_forms.time_to_cosine(target, start, n, beta0 + c * t / 2)
    return t

# %% layers
def layers_to(target, start, n, beta, h):
    y = np.linalg.cholesky(np.full((n, n), start) + (1 - start) * np.eye(n))
    count = 0
    while True:
        x = y / np.sqrt((y * y).sum(axis=1))[:, None]
        a = np.exp(beta * x @ x.T)
        y = y + h * a @ x / a.sum(axis=1)[:, None]
        count += 1
        if x[0] @ x[1] >= target:
            return count

# %% late
k = len(own)
u = 1 / (k - 1 + own)
late_rate = np.sort(np.linalg.eigvals(np.diag(k * u) - np.outer(u, np.ones(k))).real)[1]

# %% rest
k = 2 * np.pi * np.arange(n) / n
resting = np.column_stack([np.cos(k), np.sin(k), 0 * k])
