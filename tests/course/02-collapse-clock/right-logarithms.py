"""The logarithm of the gap in the place of the cosine; a scalar recursion for layers; a secular equation; a finite
time."""

# %% rate
def rate(rho, n, beta, w):
    a, b = w, np.exp(-beta * (1 - rho))
    return 2 * b / (a + (n - 1) * b) * (1 + (n - 2) * rho - (n - 1) * rho**2)

# %% cooling
from scipy.integrate import odeint, quad
from scipy.optimize import brentq

def log_rate(l, t, n, b0, c):
    s = np.exp(l)
    return -2 * (n - (n - 1) * s) * np.exp(-(b0 + c * t) * s) / (1 + (n - 1) * np.exp(-(b0 + c * t) * s))

def time_to(target, start, n, beta0, c):
    # time as a function of the log-gap
    f = lambda t, l: 1 / log_rate(l, t, n, beta0, c)
    return odeint(f, [0.0], [np.log(1 - start), np.log(1 - target)], rtol=1e-9, atol=1e-12, mxstep=10000)[-1][0]

# %% layers
def layers_to(target, start, n, beta, h):
    r, rho, count = 1.0, start, 0
    while rho < target:
        Z = np.exp(beta) + (n - 1) * np.exp(beta * rho)
        gx = (np.exp(beta) + (n - 1) * rho * np.exp(beta * rho)) / Z
        g2 = (np.exp(2 * beta) + 2 * (n - 1) * rho * np.exp(beta + beta * rho)
              + np.exp(2 * beta * rho) * (n - 1) * (1 + (n - 2) * rho)) / Z**2
        total = (np.exp(beta) + (n - 1) * np.exp(beta * rho)) / Z  # = 1
        s2 = n * (1 + (n - 1) * rho)
        # |sum of all y| grows by the factor r + h total; |y|^2 from its parts
        r2 = r**2 + 2 * r * h * gx + h**2 * g2
        S2 = s2 * (r + h * total) ** 2
        rho = (S2 / r2 / n - 1) / (n - 1)
        r = np.sqrt(r2)
        count += 1
    return count

# %% late
k = len(own)
d = np.sort(k / (k - 1 + own))
g = lambda lam: sum(1 / (k - (k - 1 + w) * lam) for w in own) - 1
late_rate = [2 * brentq(g, d[0] * (1 + 1e-9), d[1] * (1 - 1e-9))]

# %% frozen
def log_gap(c, T):
    return odeint(log_rate, [np.log(1 - start)], [0, T], args=(n, beta, c), mxstep=10000)[-1][0]

frozen = 1 - np.exp(log_gap(quick, 300))
low, high = 0.0, quick
while high - low > 1e-5:
    mid = (low + high) / 2
    if log_gap(mid, 300) < np.log(0.02):
        low = mid
    else:
        high = mid
critical = low

# %% rest
def descend(x):
    for _ in range(20000):
        g = np.exp(beta * x @ x.T) @ x
        v = g - np.sum(g * x, 1, keepdims=True) * x
        if np.abs(v).max() < 1e-10:
            return x
        x = mf.sphere.project(x - 0.05 * v)
    return x

# on the set of states with a mirror: rings around an axis of heights that are free, one token at the pole
angles = 2 * np.pi * np.arange(n - 1) / (n - 1)
ring = np.column_stack([np.cos(angles), np.sin(angles), -0.5 * np.ones(n - 1)])
resting = descend(mf.sphere.project(np.vstack([[0, 0, 1.0], ring])))
