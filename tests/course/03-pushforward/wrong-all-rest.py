"""Positions on the line; values without the scale; energies compared at the wrong state; means over tokens in place
of masses."""

EXPECTED = {"mass-marks": 0, "scales-marks": 2, "line-marks": 2, "almost-marks": 0}

# %% mass
def energy(x, p, rho, beta):
    z = x + p
    return np.exp(beta * (z @ z.T)).mean() / (2 * beta)


def velocity(x, p, rho, beta):
    z = x + p
    k = np.exp(beta * (z @ z.T))
    g = k @ z / k.sum(axis=1, keepdims=True)
    return g - np.sum(g * x, axis=1, keepdims=True) * x

# %% best
def climb(x):
    for _ in range(500):
        x = mf.sphere.project(np.exp(cold * (x + p) @ (x + p).T) @ (rho[:, None] * (x + p)))
    return x

ends = [climb(mf.sphere.sample(7, 3, np.random.default_rng(k))) for k in range(300)]
best = max(ends, key=lambda x: rho @ np.exp(cold * (x + p) @ (x + p).T) @ rho)

# %% scales
def spread(p, beta, sq, sk, sv):
    m = p.mean(axis=0) * np.sign(sv)
    x = np.tile(m / np.linalg.norm(m), (len(p), 1))
    for _ in range(3000):
        x = mf.sphere.project(np.exp(beta * (x + sq * p) @ (x + sk * p).T) @ (x + p))
    return x - x.mean(axis=0)


def law(p, beta, sq, sk, sv):
    return mf.closed_forms.cubic_spread(p, beta, 1.0) * (sq * sk * sv)

# %% line
from scipy.optimize import brentq

heights, together, apart = np.array([1.0, 0, -1]), np.ones(3), np.array([1.0, -1, -1])

def rate(a, x):
    z = x + a * heights
    w = np.exp(beta * np.outer(z, z)) * three
    w = w / w.sum(axis=1)[:, None]
    return np.linalg.eigvals(w - np.diag(w @ z * x)).real.max()

def total(a, x):
    z = x + a * heights
    return three @ np.exp(beta * np.outer(z, z)) @ three

a_sep = brentq(rate, 1e-4, 2, args=(np.array([1.0, 1, -1]),))
a_cross = brentq(lambda a: total(a, together) - total(a, apart), 1e-3, 3)
a_col = brentq(rate, 0.5, 4, args=(together,))

# %% almost
almost = np.column_stack([np.linspace(-1, 1, n), np.zeros(n)])
