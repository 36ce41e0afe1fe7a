"""Everything with n tokens in n dimensions: no equation of one number except for the critical rate; Runge-Kutta by
hand."""

# %% rate
def velocities(x, beta, w):
    k = np.exp(beta * (x @ x.T))
    k = k + np.diag((w - 1) * np.diag(k))
    g = k @ x / k.sum(axis=1)[:, None]
    return g - (g * x).sum(axis=1)[:, None] * x

def tokens(n, c):
    return np.linalg.cholesky(c + (1 - c) * np.eye(n))

def rate(rho, n, beta, w):
    x = tokens(n, rho)
    v = velocities(x, beta, w * np.ones(n))
    return v[0] @ x[1] + x[0] @ v[1]

# %% cooling
def time_to(target, start, n, beta0, c):
    x, t, h, old = tokens(n, start), 0.0, 0.005, start
    while True:
        k1 = velocities(x, beta0 + c * t, np.ones(n))
        k2 = velocities(x + h / 2 * k1, beta0 + c * (t + h / 2), np.ones(n))
        x = x + h * k2
        x /= np.linalg.norm(x, axis=1)[:, None]
        t += h
        new = x[0] @ x[1]
        if new >= target:
            return t - h * (new - target) / (new - old)
        old = new

# %% layers
def layers_to(target, start, n, beta, h):
    y = [list(row) for row in tokens(n, start)]
    count = 0
    while True:
        x = np.array([np.array(row) / np.sqrt(sum(a * a for a in row)) for row in y])
        if float(np.dot(x[0], x[1])) >= target:
            return count
        for i in range(n):
            e = [np.exp(beta * np.dot(x[i], x[j])) for j in range(n)]
            for a in range(n):
                y[i][a] += h * sum(e[j] * x[j][a] for j in range(n)) / sum(e)
        count += 1

# %% late
x = mf.sphere.sample(len(own), 3, np.random.default_rng(7))
x[:, 0] = np.abs(x[:, 0])
h, t, ts, gs = 0.05, 0.0, [], []
while True:
    k1 = velocities(x, beta, own)
    k2 = velocities(x + h / 2 * k1, beta, own)
    x = x + h * k2
    x /= np.linalg.norm(x, axis=1)[:, None]
    t += h
    gap = max(0.5 * np.sum((a - b) ** 2) for a in x for b in x)
    if gap < 1e-14:
        break
    if gap < 1e-9:
        ts.append(t), gs.append(np.log(gap))
late_rate = -np.polyfit(ts, gs, 1)[0]

# %% frozen
from scipy.integrate import solve_ivp

def run(c, T):
    def f(t, y):
        r, b = min(y[0], 1.0), beta + c * t
        return [2 * (1 - r) * (1 + (n - 1) * r) / (1 + (n - 1) * np.exp(-b * (1 - r))) * np.exp(-b * (1 - r))]
    return solve_ivp(f, (0, T), [start], method="LSODA", rtol=1e-8, atol=1e-10).y[0][-1]

frozen = run(quick, 500)
a, b = 0.0, 20.0
for _ in range(25):
    m = 0.5 * (a + b)
    if run(m, 500) > 0.98:
        a = m
    else:
        b = m
critical = b

# %% rest
from scipy.optimize import least_squares

def speeds(y):
    x = y.reshape(n, 3)
    x = x / np.linalg.norm(x, axis=1)[:, None]
    return velocities(x, beta, np.ones(n)).ravel()

rng = np.random.default_rng(3)
while True:
    found = least_squares(speeds, rng.standard_normal(3 * n), xtol=1e-15, ftol=1e-15, gtol=1e-15)
    x = found.x.reshape(n, 3)
    x = x / np.linalg.norm(x, axis=1)[:, None]
    c = (x @ x.T)[np.triu_indices(n, 1)]
    fine = c.max() < 0.98 and c.min() > -0.98 and np.linalg.svd(x)[1][-1] > 0.11
    if fine and np.abs(velocities(x, beta, np.ones(n))).max() < 1e-7:
        break
resting = x
