"""Test cells that were changed and deleted, and wrong answers all the same."""

EXPECTED = {"rates-marks": 1, "values-marks": 0, "twist-marks": 0}

# %% rates
def rates(n, beta, a, b):
    u = 2 * np.pi * np.arange(n) / n
    w = np.exp(beta * (1 + a) ** 2 * np.cos(u))
    w = w / w.sum()
    f = w * (np.cos(u) - beta * (1 + a) * (1 + b) * np.sin(u) ** 2)
    return (np.cos(np.outer(np.arange(n), u)) - 1) @ f

# %% rates-marks
print("all tests passed")

# %% values
b_star, a_min = 0.001, 0.0005

# %% -values-marks

# %% +twist
apart = -apart[::-1] + 0.01
