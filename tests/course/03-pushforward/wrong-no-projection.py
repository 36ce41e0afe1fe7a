"""Masses on the wrong side, no projection in the law, all rates without the pull along the token, the wrong token
moves."""

EXPECTED = {"mass-marks": 0, "scales-marks": 2, "line-marks": 2, "almost-marks": 0}

# %% mass
def energy(x, p, rho, beta):
    z = x + p
    return rho @ np.exp(beta * (z @ z.T)) @ np.ones(len(x)) / (2 * beta)


def velocity(x, p, rho, beta):
    z = x + p
    w = rho[:, None] * np.exp(beta * (z @ z.T))
    g = w @ z / w.sum(axis=1, keepdims=True)
    return g - np.sum(g * x, axis=1, keepdims=True) * x

# %% +best
def right_energy(x, p, rho, beta):
    z = x + p
    return rho @ np.exp(beta * (z @ z.T)) @ rho / (2 * beta)

best = max(ends, key=lambda x: right_energy(x, p, rho, cold))

# %% +scales
def law(p, beta, sq, sk, sv):
    c = p - p.mean(axis=0)
    return beta * sq * sk * sv * c @ (c.T @ c) / len(p)

# %% line
from scipy.optimize import brentq

heights, together, apart = np.array([1.0, 0, -1]), np.ones(3), np.array([1.0, 1, -1])

def rate(a, x):
    z = x + a * heights
    w = np.exp(beta * np.outer(z, z)) * three
    return np.linalg.eigvals(w / w.sum(axis=1)[:, None]).real.max() - 1.5 + a

def total(a, x):
    z = x + a * heights
    return three @ np.exp(beta * np.outer(z, z)) @ three

a_sep = 0.01
a_cross = brentq(lambda a: total(a, together) - total(a, apart), 1e-3, 3)
a_col = 1.0 + a_cross / 10

# %% almost
from scipy.optimize import least_squares

def pulls(q):
    z = q.reshape(n, 2) + [1, 0]
    k = np.exp(beta * (z @ z.T))
    return k @ z[:, 1] / k.sum(axis=1)

rng = np.random.default_rng(0)
while True:
    q = least_squares(lambda q: pulls(q)[1:], rng.uniform(-1, 1, 2 * n), xtol=1e-15, ftol=1e-15, gtol=1e-15).x
    P = q.reshape(n, 2)
    if np.abs(P[:, 1]).min() > 0.06 and np.abs(pulls(q)[1:]).max() < 1e-8 and np.abs(P).max() < 1.3:
        break
almost = P
