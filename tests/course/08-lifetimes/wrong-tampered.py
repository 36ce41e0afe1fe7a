"""Test cells that were changed and deleted, and solutions that are wrong all the same: signs and a forgotten share."""

EXPECTED = {"speed-marks": 0, "lifetime-marks": 0, "heads-marks": 1, "drift-marks": 0, "three-marks": 0}

# %% speed
def closing_speed(phi, m1, m2, betas, shares):
    q = np.exp(betas * (1 - np.cos(phi)))
    return -np.sin(phi) * np.sum(shares * (m2 / (m2 + m1 * q) + m1 / (m1 + m2 * q)))

# %% speed-marks
from grading import export

export("closing_speed", lambda *a: 1.0)
2

# %% heads
import scipy.optimize

def both(b1, b2):
    return -lifetime(start, stop, m1, m2, np.array([b1, b2]), np.array([share, 1 - share]))

slope = (np.log(both(hot + 1e-3, cold)) - np.log(both(hot - 1e-3, cold))) / 2e-3
nearly = scipy.optimize.brentq(lambda b: both(hot, b) - 0.95 * both(hot, 300), hot, 200) / share

# %% -lifetime-marks

# %% drift
def drift(x, m, betas, shares):
    to = x - x[:, None]
    pull = np.zeros(x.shape)
    for beta in betas:
        mass = m * np.exp(-beta * np.sum(to**2, axis=2) / 2)
        pull -= np.einsum("ij,ijk->ik", mass, to) / mass.sum(axis=1)[:, None]
    return pull - np.einsum("ik,ik->i", pull, x)[:, None] * x

# %% three
def first_meeting(theta, m, betas, shares):
    return 0
