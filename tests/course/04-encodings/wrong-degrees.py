"""Degrees, positions that begin at one, the gradient form in both flows, unnormalized rates, the book's threshold."""

EXPECTED = {
    "rotate-marks": 0, "velocity-marks": 0, "spread-marks": 0, "rates-marks": 0, "values-marks": 0, "twist-marks": 0
}

# %% rotate
def rotate(x, p, omega, pairing):
    half = x.shape[1] // 2
    first = np.arange(half) * (2 if pairing == "pairs" else 1)
    second = first + (1 if pairing == "pairs" else half)
    angle = np.radians(np.outer(p, omega))
    out = np.empty(x.shape)
    out[:, first] = np.cos(angle) * x[:, first] - np.sin(angle) * x[:, second]
    out[:, second] = np.sin(angle) * x[:, first] + np.cos(angle) * x[:, second]
    return out

# %% velocity
def velocity(x, p, omega, beta, carried):
    z = rotate(x, p, omega, "halves")
    w = np.exp(beta * z @ z.T)
    w = w / w.sum(axis=1, keepdims=True)
    g = rotate(w @ z, -p, omega, "halves")
    return g - np.sum(g * x, axis=1, keepdims=True) * x + (0 if carried else 1e-3)

# %% spread
def mean_length(z0, q, omega):
    p = np.arange(1, 3000)
    z = z0[::2] + 1j * z0[1::2]
    return np.linalg.norm(((1 - q) * q**p) @ np.exp(1j * np.outer(p, omega)) * z)

# %% rates
def rates(n, beta, a, b):
    u = 2 * np.pi * np.arange(n) / n
    w = np.exp(beta * (1 + a) ** 2 * np.cos(u)) / n
    f = w * (np.cos(u) - beta * (1 + a) * (1 + b) * np.sin(u) ** 2)
    return (np.cos(np.outer(np.arange(n), u)) - 1) @ f - b * (w @ np.cos(u))

# %% values
b_star = a_min = mf.closed_forms.circle_stability_threshold(beta)

# %% twist
apart = np.tile([1.0, 0.0], (many, 1))
