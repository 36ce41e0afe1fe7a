"""Matrices and loops; truncated sums; rates from finite differences; the second threshold with very strong values; a
run."""

# %% rotate
def rotate(x, p, omega, pairing):
    out = []
    for token, place in zip(x, p):
        y = list(token)
        for k in range(len(omega)):
            i, j = (2 * k, 2 * k + 1) if pairing == "pairs" else (k, k + len(omega))
            c, s = np.cos(place * omega[k]), np.sin(place * omega[k])
            y[i], y[j] = c * token[i] - s * token[j], s * token[i] + c * token[j]
        out.append(y)
    return out

# %% velocity
def velocity(x, p, omega, beta, carried):
    d = x.shape[1]
    R = [np.transpose(rotate(np.eye(d), [q] * d, omega, "halves")) for q in p]
    v = np.zeros(x.shape)
    for i in range(len(x)):
        w = np.array([np.exp(beta * (R[i] @ x[i]) @ (R[j] @ x[j])) for j in range(len(x))])
        w /= w.sum()
        for j in range(len(x)):
            v[i] += w[j] * (R[i].T @ R[j] @ x[j] if carried else x[j])
        v[i] -= (v[i] @ x[i]) * x[i]
    return v

# %% spread
def mean_length(z0, q, omega):
    total = np.zeros(len(z0))
    for p in range(3000):
        total += (1 - q) * q**p * np.array(rotate(z0[None], [-p], omega, "pairs")[0])
    return np.linalg.norm(total)

# %% rates
def rates(n, beta, a, b):
    angle = 2 * np.pi * np.arange(n) / n
    p = np.column_stack([np.cos(angle), np.sin(angle)])

    def turning(t):
        x = np.column_stack([np.cos(t), np.sin(t)])
        w = np.exp(beta * (x + a * p) @ (x + a * p).T)
        g = w @ (x + b * p) / w.sum(axis=1, keepdims=True)
        return g[:, 1] * x[:, 0] - g[:, 0] * x[:, 1]

    out = np.zeros(n)
    for m in range(n):
        e = np.cos(m * angle)
        out[m] = (turning(angle + 1e-5 * e) - turning(angle - 1e-5 * e))[0] / 2e-5
    return out

# %% values
from scipy.optimize import bisect

b_star = bisect(lambda b: max(rates(n, beta, a, b)), 1e-3, 200, xtol=1e-6)
a_min = bisect(lambda s: max(rates(n, beta, s, 1e4)), 0.02, 2, xtol=1e-6)

# %% twist
from scipy.integrate import solve_ivp

p = np.arange(many)
omega = np.array([2 * np.pi * turns / many])

def speeds(t):
    f = t + p * omega
    w = np.exp(cold * (np.cos(f[:, None] - f) - 1))
    return (w * np.sin(t - t[:, None])).sum(axis=1) / w.sum(axis=1)

def slow(t):
    J = np.array([(speeds(t + 1e-5 * e) - speeds(t - 1e-5 * e)) / 2e-5 for e in np.eye(many)]).T
    return sorted(np.linalg.eigvals(J).real)[-2]

rng = np.random.default_rng(1)
while True:
    start = rng.uniform(0, 7, many)
    t = solve_ivp(lambda _, t: speeds(t), (0, 600), start, method="LSODA", rtol=1e-8, atol=1e-10).y[:, -1]
    if np.abs(speeds(t)).max() < 1e-7 and np.cos(t[:, None] - t).min() < 0 and slow(t) < -0.021:
        break
apart = [[np.cos(s - t[0] + first), np.sin(s - t[0] + first)] for s in t]
