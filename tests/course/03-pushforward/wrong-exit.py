"""NaN, texts and wrong shapes; then the process ends."""

EXPECTED = {"mass-marks": 0, "best-marks": 0, "scales-marks": 0, "line-marks": 0, "almost-marks": 0}

# %% mass
def energy(x, p, rho, beta):
    return np.full(len(x), np.nan)


def velocity(x, p, rho, beta):
    return "tangent"

# %% best
best = mf.sphere.project(p)[:, :2]

# %% scales
def spread(p, beta, sq, sk, sv):
    return np.nan * p


def law(p, beta, sq, sk, sv):
    return None

# %% line
a_sep, a_cross, a_col = "small", np.inf, []

# %% almost
import os

almost = np.full((n, 2), np.nan)
os._exit(1)
