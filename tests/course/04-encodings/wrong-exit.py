"""NaN, a text, wrong shapes; then the process ends."""

EXPECTED = {
    "rotate-marks": 0, "velocity-marks": 0, "spread-marks": 0, "rates-marks": 0, "values-marks": 0, "twist-marks": 0
}

# %% rotate
def rotate(x, p, omega, pairing):
    return x.T

# %% velocity
def velocity(x, p, omega, beta, carried):
    return np.nan * x

# %% spread
def mean_length(z0, q, omega):
    return "one"

# %% rates
def rates(n, beta, a, b):
    return np.zeros(n + 1)

# %% values
b_star, a_min = np.inf, "never"

# %% twist
import os

os._exit(0)
