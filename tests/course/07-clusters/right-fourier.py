"""Groups as a graph, rates by a Fourier transform, the rate of few tokens as a sum, low energy by descent."""

# %% groups
from scipy.sparse.csgraph import connected_components

def group_sizes(theta, gap):
    z = np.exp(1j * np.asarray(theta))
    near = np.abs(np.angle(z[:, None] / z)) <= gap
    return np.sort(np.bincount(connected_components(near)[1]))[::-1]

# %% rate
def logits(v, beta, cap):
    return cap * np.tanh(beta * v / cap)

def rates(beta, cap):
    u = 2 * np.pi * np.arange(2048) / 2048
    a = logits(np.cos(u), beta, cap)
    c = np.fft.fft(np.exp(a - a.max())).real
    k = np.arange(1, 200)
    return k * (c[k - 1] - c[k + 1]) / 2 / c[0]

def rate(k, beta, cap):
    return rates(beta, cap)[k - 1]

# %% fastest
from scipy.optimize import bisect

def fastest(beta, cap):
    return np.argmax(rates(beta, cap)) + 1

critical_cap = bisect(lambda c: np.diff(rates(beta, c)[1:3])[0], 0.5, 100.0)

# %% tokens
from scipy.integrate import odeint

def angles_at(theta, beta, cap, t):
    def f(y, s):
        z = np.exp(1j * y)
        w = np.exp(logits((z / z[:, None]).real, beta, cap))
        w /= w.sum(axis=1, keepdims=True)
        return (w * (z / z[:, None]).imag).sum(axis=1)

    return odeint(f, theta, [0, t], rtol=1e-9, atol=1e-9)[1] % (2 * np.pi)

h = 1e-6
u = 2 * np.pi * np.arange(n) / n
f = lambda u: np.exp(logits(np.cos(u), beta, cap)) * np.sin(u)
slope = (f(u + h) - f(u - h)) / (2 * h)
seen = slope @ (np.cos(mode * u) - 1) / np.exp(logits(np.cos(u), beta, cap)).sum()

# %% energy
from scipy.integrate import cumulative_simpson

def table(beta, cap):
    s = np.linspace(-1, 1, 4001)
    g = cumulative_simpson(np.exp(logits(s, beta, cap)), x=s, initial=0)
    return s, g - g[2000]

def energy(theta, beta, cap):
    return np.interp(np.cos(theta[:, None] - theta), *table(beta, cap)).mean() / 2

def low(beta, cap):
    best = None
    for seed in range(3):
        theta = np.random.default_rng(seed).uniform(0, 2 * np.pi, 24)
        for _ in range(600):
            apart = theta - theta[:, None]
            w = np.exp(logits(np.cos(apart), beta, cap) - logits(1, beta, cap))
            theta = theta - 0.5 * (w * np.sin(apart)).mean(axis=1)
        if best is None or energy(theta, beta, cap) < energy(best, beta, cap):
            best = theta
    return best
