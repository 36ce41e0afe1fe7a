"""Features along the targets; equal masses for unequal ones; the largest mass in the bound."""

EXPECTED = {"two-marks": 1, "lengths-marks": 0, "bound-marks": 0}

# %% two
from scipy.optimize import brentq

def two_features(phi, kappa, q):
    psi = brentq(lambda s: np.tan(s) * np.tanh(kappa * np.sin(s) ** 2) - np.tan(phi / 2), 1e-9, np.pi / 2 - 1e-9, xtol=1e-14)
    return np.array([[np.cos(psi), np.sin(psi)], [np.cos(psi), -np.sin(psi)]])

# %% lengths
positions = (lengths[:, None] - 1) * targets

# %% bound
odds = 1 / masses.max() - 1
enough = np.sqrt(max(np.log(odds) / 2, 0.01) / beta)
