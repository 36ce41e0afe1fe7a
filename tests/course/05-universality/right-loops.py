"""Loops; one equation for each unknown angle; a Jacobian by its formula; bisection."""

# %% rest
def tokens_of(z, beta):
    x = []
    for zi in z:
        s = [beta * zi @ zj for zj in z]
        g = sum(np.exp(a - max(s)) * zj for a, zj in zip(s, z))
        x.append(g / np.sqrt(g @ g))
    return x

# %% two
def two_features(phi, kappa, q):
    def turned(delta):
        c = np.exp(kappa * (np.cos(delta) - 1))
        u1, u2 = np.array([1.0, 0.0]), np.array([np.cos(delta), -np.sin(delta)])
        g1, g2 = q * u1 + (1 - q) * c * u2, (1 - q) * u2 + q * c * u1
        return np.arctan2(g1[1], g1[0]), np.arctan2(g2[1], g2[0])

    low, high = 0.0, np.pi - 1e-12
    for _ in range(200):
        delta = (low + high) / 2
        a, b = turned(delta)
        low, high = (delta, high) if a - b < phi else (low, delta)
    a, _ = turned(delta)
    t1, t2 = phi / 2 - a, phi / 2 - a - delta
    return [[np.cos(t1), np.sin(t1)], [np.cos(t2), np.sin(t2)]]

# %% lengths
from scipy.optimize import root

def miss(z):
    z = z.reshape(targets.shape)
    z = lengths[:, None] * z / np.linalg.norm(z, axis=1, keepdims=True)
    return (np.array(tokens_of(z, beta)) - targets).ravel()

z = root(miss, targets.ravel(), method="lm", tol=1e-13).x.reshape(targets.shape)
positions = lengths[:, None] * z / np.linalg.norm(z, axis=1, keepdims=True) - targets

# %% bound
low, high = 0.0, 60.0
for _ in range(200):
    k = (low + high) / 2
    c = np.linspace(-1, 1, 200001)
    worst = min(r * np.exp(k) + (1 - r) * (c * np.exp(k * c)).min() for r in masses)
    low, high = (k, high) if worst < 0 else (low, k)
enough = (k / beta) ** 0.5

# %% growth
def growth(x, p, beta):
    n = len(x)
    z = x + p
    t = np.array([[-b, a] for a, b in x])
    J = np.zeros((n, n))
    for i in range(n):
        w = np.exp(beta * (z @ z[i] - (z @ z[i]).max()))
        w = w / w.sum()
        g = w @ z
        for j in range(n):
            # logits <z_i, z_k> change by <t_i, z_k> if i = j, and by <z_i, t_j> for k = j
            dlog = np.array([beta * ((i == j) * (t[i] @ z[k]) + (k == j) * (z[i] @ t[j])) for k in range(n)])
            dw = w * (dlog - w @ dlog)
            dg = dw @ z + w[j] * t[j]
            J[i, j] = t[i] @ dg - (i == j) * (x[i] @ g)
    return max(np.linalg.eigvals(J).real)

# %% critical
at = np.c_[np.cos(angles), np.sin(angles)]
short, long = 1.2, 4.0
while long - short > 1e-5:
    R = (short + long) / 2
    p = mf.positions_for(at, beta, R).p
    short, long = (R, long) if growth(at, p, beta) > 0 else (short, R)
critical = R
