"""Single precision for the rate, mfcore for times without cooling, a fit of a flow of SciPy, tokens as a list of
lists."""

# %% rate
def rate(rho, n, beta, w):
    rho = np.float32(rho)
    total = w * np.exp(beta) + (n - 1) * np.exp(beta * rho)
    return float(2 * np.exp(beta * rho) * (1 - rho) * ((n - 1) * rho + 1) / total)

# %% cooling
def time_to(target, start, n, beta0, c):
    if c == 0:
        return mf.closed_forms.time_to_cosine(target, start, n, beta0)
    t, r, h = 0.0, start, 1e-3
    f = lambda t, r: mf.closed_forms.equiangular_rate(r, n, beta0 + c * t)
    while True:
        k1 = f(t, r)
        s = r + h * f(t + h / 2, r + h / 2 * k1)
        if s > target:
            return t + h * (target - r) / (s - r)
        t, r = t + h, s

# %% layers
def layers_to(target, start, n, beta, h):
    y = np.linalg.cholesky(start * np.ones((n, n)) + (1 - start) * np.eye(n))
    L = 0
    while True:
        r = np.linalg.norm(y, axis=1, keepdims=True)
        x = y / r
        if np.sum(x[0] * x[1]) >= target:
            return np.int64(L)
        A = np.exp(beta * x @ x.T)
        y, L = y + h * A / A.sum(1, keepdims=True) @ x, L + 1

# %% late
from scipy.integrate import solve_ivp

m = len(own)

def flow(t, y):
    x = y.reshape(m, 2)
    A = np.exp(beta * x @ x.T)
    A[np.arange(m), np.arange(m)] *= own
    g = A @ x / A.sum(1, keepdims=True)
    return (g - x * (x * g).sum(1, keepdims=True)).ravel()

angle = np.random.default_rng(0).uniform(-1, 1, m)
places = np.stack([np.cos(angle), np.sin(angle)], 1).ravel()
run = solve_ivp(flow, (0, 30), places, rtol=1e-10, atol=1e-13, dense_output=True)
spread = lambda t: np.ptp(np.arctan2(run.sol(t)[1::2], run.sol(t)[::2]))
late_rate = np.log(spread(12) / spread(16)) / 2

# %% frozen
def final(c):
    r, t, h = start, 0.0, 0.01
    while t < 60:
        f = lambda t, r: rate_of(min(r, 1.0), beta + c * t)
        k1 = f(t, r)
        k2 = f(t + h / 2, r + h / 2 * k1)
        k3 = f(t + h / 2, r + h / 2 * k2)
        k4 = f(t + h, r + h * k3)
        r, t = r + h / 6 * (k1 + 2 * k2 + 2 * k3 + k4), t + h
        if beta + c * t > 40 / max(1 - r, 1e-3) or r > 0.999:
            break
    return r

def rate_of(r, b):
    import math
    e = math.exp(-b * (1 - r))
    return 2 * e * (1 - r) * ((n - 1) * r + 1) / (1 + (n - 1) * e)

frozen = final(quick)
low, high = 0.2, quick
for _ in range(16):
    c = (low * high) ** 0.5
    low, high = (c, high) if final(c) > 0.93 else (low, c)
critical = low

# %% rest
from scipy.optimize import fsolve

def pyramid(z):
    phi = np.linspace(0, 2 * np.pi, n)[:-1] + 0.3
    r = np.sqrt(1 - z**2)
    return np.array([[0, 0, -1]] + [[r * np.cos(p), r * np.sin(p), -z] for p in phi], dtype=float)

def force(z):
    v = flow_of_all(pyramid(z[0]))[1]
    return v[2]

def flow_of_all(x):
    k = np.exp(beta * x @ x.T)
    g = k @ x / k.sum(1, keepdims=True)
    return g - x * (x * g).sum(1, keepdims=True)

z = fsolve(force, [-0.2])[0]
resting = pyramid(z).tolist()
