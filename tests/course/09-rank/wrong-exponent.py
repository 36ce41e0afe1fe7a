"""The distance to the power p, not 2p, everywhere; one isotropic direction, so a line; off by one layer."""

EXPECTED = {"digits-marks": 0, "leading-marks": 0, "simplex-marks": 0, "agree-marks": 0}

# %% digits
def spread_after(R, beta, p):
    squares = np.sum((R[:, None] - R) ** 2, axis=2)
    e = np.expm1(-beta * squares ** (p / 2))
    rows = e.sum(axis=1, keepdims=True)
    moved = (e - rows / len(R)) @ R / (len(R) + rows)
    return moved - moved.mean(axis=0)

# %% leading
def leading(R, beta, p):
    term = -beta / len(R) * np.sum((R[:, None] - R) ** 2, axis=2) ** (p / 2) @ R
    return term - term.mean(axis=0)

# %% simplex
log_d = np.log(delta)
for layer in range(15):
    s = beta * np.exp(p * log_d)
    log_d += np.log(-np.expm1(-s) / (1 + (n - 1) * np.exp(-s))) if s > 1e-200 else np.log(beta / n) + p * log_d
constant = -log_d / (p + 1) ** 15
d, depth = delta, -1
while d >= 1e-100:
    s = beta * d ** (2 * p)
    d *= (1 + eta * -np.expm1(-s) / (1 + (n - 1) * np.exp(-s))) / (1 + eta)
    depth += 1
edge = (np.log((w + n - 1) / (w - 1)) / beta) ** (1 / p)

# %% agree
values, vectors = np.linalg.eigh(B)
line = vectors[:, 0] / abs(values[0]) ** 0.5 + vectors[:, 3] / values[3] ** 0.5
agree = np.linspace(-2, 2, 5)[:, None] * line
