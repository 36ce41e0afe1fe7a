"""Masses as numbers of tokens; the loop of a slow sweep is not needed: largest singular values, power iteration;
float32."""

# %% mass
def energy(x, p, rho, beta):
    z = (x + p).astype(np.float32)
    return float((np.exp(np.float32(beta) * z @ z.T) * np.outer(rho, rho)).sum() / (2 * beta))


def velocity(x, p, rho, beta):
    k = np.exp(beta * (x + p) @ (x + p).T) @ np.diag(rho)
    g = np.diag(1 / k.sum(1)) @ k @ (x + p)
    return np.array([(np.eye(len(a)) - np.outer(a, a)) @ b for a, b in zip(x, g)])

# %% best
count = np.rint(100 * rho).astype(int)
many = np.repeat(np.arange(7), count)
assert count.sum() == 100
rng, record = np.random.default_rng(3), 0.0
for _ in range(150):
    x = mf.sphere.sample(7, 3, rng)
    for step in range(400):
        z = (x + p)[many]
        K = np.exp(cold * (x + p) @ z.T)
        x = mf.sphere.project(K @ z)
    E = np.exp(cold * z @ z.T).mean()
    if E > record:
        record, best = E, x

# %% scales
def spread(p, beta, sq, sk, sv):
    from scipy.integrate import solve_ivp
    n, d = p.shape

    def flow(t, y):
        x = y.reshape(n, d)
        x = x / np.linalg.norm(x, axis=1, keepdims=True)
        w = np.exp(beta * (x + sq * p) @ (x + sk * p).T)
        g = w @ (x + sv * p) / w.sum(1, keepdims=True)
        return (g - x * (x * g).sum(1, keepdims=True)).ravel()

    x0 = np.tile(np.sign(sv) * p.mean(0) / np.linalg.norm(p.mean(0)), n)
    y = solve_ivp(flow, (0, 400), x0, method="LSODA", rtol=1e-10, atol=1e-12).y[:, -1].reshape(n, d)
    for _ in range(50):
        g = np.exp(beta * (y + sq * p) @ (y + sk * p).T) @ (y + sv * p)
        y = g / np.linalg.norm(g, axis=1, keepdims=True)
    return y - y.mean(0)


def law(p, beta, sq, sk, sv):
    m = p.mean(0)
    u = m / np.linalg.norm(m)
    S = p.T @ p / len(p) - np.outer(m, m)
    w = beta * sq * sk * sv * (p - m) @ S
    return w - np.outer(w @ u, u)

# %% line
def run(a, last):
    """Does a push across the line grow? Largest eigenvalue by power iteration of the shifted matrix."""
    x = np.array([1.0, 1.0, last])
    z = x + a * np.array([1.0, 0.0, -1.0])
    K = np.exp(beta * np.multiply.outer(z, z)) * three
    K /= K.sum(axis=1)[:, None]
    M = K - np.diag(K @ z * x) + 6 * np.eye(3)
    v = np.array([1.0, 2.0, -0.5 * last])
    for _ in range(3000):
        v = M @ v
        v /= np.linalg.norm(v)
    return v @ M @ v / (v @ v) - 6

def halve(f, low, high):
    positive = f(low) > 0
    for _ in range(30):
        middle = (low + high) / 2
        low, high = (middle, high) if (f(middle) > 0) == positive else (low, middle)
    return low

a_sep = halve(lambda a: run(a, -1.0), 1e-3, 2.0)
a_col = halve(lambda a: run(a, 1.0), 0.5, 4.0)

def total(a, last):
    z = np.array([1.0, 1.0, last]) + a * np.array([1.0, 0.0, -1.0])
    return three @ np.exp(beta * np.outer(z, z)) @ three

a_cross = halve(lambda a: total(a, 1) - total(a, -1), 1e-3, 3.0)

# %% almost
from scipy.optimize import root

def pulls(q):
    z = q.reshape(n, 2) + [1, 0]
    k = np.exp(beta * (z @ z.T))
    return k @ z[:, 1] / k.sum(1)

rng = np.random.default_rng(8)
while True:
    q = rng.uniform(-1.2, 1.2, (n, 2))
    free = rng.permutation(2 * n)[: n - 1]

    def shifted(s):
        out = q.flatten()
        out[free] = s
        return out

    found = root(lambda s: pulls(shifted(s))[:-1], q.flatten()[free])
    y = shifted(found.x)
    P = y.reshape(n, 2)
    if found.success and np.abs(P[:, 1]).min() >= 0.05 and np.linalg.norm(P, axis=1).max() <= 2:
        if np.abs(pulls(y)[:-1]).max() < 1e-7 and np.abs(pulls(y)[-1]) >= 0.01:
            break
almost = P
