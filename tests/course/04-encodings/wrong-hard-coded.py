"""What the visible tests ask for and no more; numbers of another course; an array of another number of tokens."""

EXPECTED = {
    "rotate-marks": 0, "velocity-marks": 0, "spread-marks": 0, "rates-marks": 0, "values-marks": 0, "twist-marks": 0
}

# %% rotate
def rotate(x, p, omega, pairing):
    return np.eye(4)[[1 if pairing == "pairs" else 2]]

# %% velocity
def velocity(x, p, omega, beta, carried):
    return 0 * x if carried else x[:, ::-1] - x * np.sum(x[:, ::-1] * x, axis=1, keepdims=True)

# %% spread
def mean_length(z0, q, omega):
    return 1.0 if omega[0] == 0 else (1 - q) / (1 + q)

# %% rates
def rates(n, beta, a, b):
    return mf.closed_forms.circle_mode_growth(np.minimum(np.arange(n), n - np.arange(n)), beta, a)

# %% values
b_star, a_min = 47.11, 0.0815

# %% twist
t = 2 * np.pi * np.arange(11) * 5 / 11
apart = np.column_stack([np.cos(t), np.sin(t)])
