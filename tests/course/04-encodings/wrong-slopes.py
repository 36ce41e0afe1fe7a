"""A threshold at the wrong strength, the mode zero alone, an attractor that is nearly at rest, halves in another
order."""

EXPECTED = {"rotate-marks": 1, "velocity-marks": 1, "values-marks": 0, "twist-marks": 0}

# %% rotate
def rotate(x, p, omega, pairing):
    half = x.shape[1] // 2
    first = np.arange(half) * (2 if pairing == "pairs" else 1)
    second = first + (1 if pairing == "pairs" else half)
    c, s = np.cos(np.outer(p, omega)), np.sin(np.outer(p, omega))
    u, v = c * x[:, first] - s * x[:, second], s * x[:, first] + c * x[:, second]
    return np.stack([u, v], axis=-1).reshape(x.shape)

# %% values
A, B = rates(n, beta, a, 0.0), rates(n, beta, a, 1.0)
b_star = np.max(-A / B)
a_min = a - 0.01

# %% +twist
apart[1:] = np.round(apart[1:], 3)
apart /= np.linalg.norm(apart, axis=1, keepdims=True)
