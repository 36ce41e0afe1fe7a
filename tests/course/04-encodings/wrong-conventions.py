"""Pairs for halves, a pull that is not turned back, a spread without squares, one strength for both, the state q =
-turns."""

EXPECTED = {
    "rotate-marks": 1, "velocity-marks": 0, "spread-marks": 1, "rates-marks": 1, "values-marks": 0, "twist-marks": 0
}

# %% rotate
def rotate(x, p, omega, pairing):
    z = (x[:, ::2] + 1j * x[:, 1::2]) * np.exp(1j * np.outer(p, omega))
    return np.stack([z.real, z.imag], axis=-1).reshape(x.shape)

# %% velocity
def velocity(x, p, omega, beta, carried):
    z = rotate(x, p, omega, "halves")
    w = np.exp(beta * z @ z.T)
    w = w / w.sum(axis=1, keepdims=True)
    g = w @ z if carried else w @ x
    return g - np.sum(g * x, axis=1, keepdims=True) * x

# %% spread
def mean_length(z0, q, omega):
    r2 = z0[::2] ** 2 + z0[1::2] ** 2
    return r2 @ ((1 - q) / np.sqrt(1 - 2 * q * np.cos(omega) + q**2))

# %% rates
def rates(n, beta, a, b):
    u = 2 * np.pi * np.arange(n) / n
    w = np.exp(beta * (1 + a) ** 2 * np.cos(u))
    w = w / w.sum()
    f = w * (np.cos(u) - beta * (1 + a) ** 2 * np.sin(u) ** 2)
    return (np.cos(np.outer(np.arange(n), u)) - 1) @ f - b * (w @ np.cos(u))

# %% values
b_star = np.max(rates(n, beta, a, 0.0) - 0.0)
a_min = a / 3

# %% twist
t = first - turns * 2 * np.pi * np.arange(many) / many
apart = np.column_stack([np.cos(t), np.sin(t)])
