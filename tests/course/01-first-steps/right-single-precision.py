"""Weights and velocity in single precision, lists instead of arrays, the time by quadrature."""

# %% weights
def weights(x, B):
    s = (x @ B @ x.T)
    s = (s - s.max(axis=1)[:, None]).astype(np.float32)
    e = np.exp(s)
    return e / e.sum(axis=1)[:, None]

# %% velocity
def velocity(x, B):
    g = weights(x, B) @ x.astype(np.float32)
    return (g - np.diag(g @ x.T)[:, None] * x).tolist()

# %% flow
def tokens_at(x, B, t, steps=4000):
    h = t / steps
    for _ in range(steps):
        middle = x + h / 2 * rhs(x, B)
        x = x + h * rhs(middle, B)
    return x

def rhs(x, B):
    e = np.exp(x @ B @ x.T)
    g = e @ x / e.sum(1)[:, None]
    return g - np.sum(g * x, 1)[:, None] * x

# %% time
from scipy.integrate import quad

dt = lambda r: (np.exp(beta) + (n - 1) * np.exp(beta * r)) / (2 * np.exp(beta * r) * (1 - r) * ((n - 1) * r + 1))
time_to_target = quad(dt, start, target)[0]

# %% energy
def energy(x, beta):
    return float(mf.SelfAttention(beta, normalization="none").energy(x))

def power(x, beta):
    k = np.exp(beta * (x @ x.T)).astype(np.float32)
    g = k @ x / len(x)
    return ((g**2).sum() - ((g * x).sum(1) ** 2).sum()) / len(x)
