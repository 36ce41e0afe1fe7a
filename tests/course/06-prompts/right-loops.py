"""Loops; the best point by SciPy's optimizer in angles; the weak spread by following tokens; the threshold by a root finder."""

# %% common
from scipy.optimize import minimize

def best_point(vectors, masses, beta):
    at = lambda a: np.array([np.sin(a[0]) * np.cos(a[1]), np.sin(a[0]) * np.sin(a[1]), np.cos(a[0])])
    scale = beta * np.linalg.norm(vectors, axis=1).max()
    V = lambda a: -sum(m * np.exp(beta * (u @ at(a)) - scale) for m, u in zip(masses, vectors))
    best = None
    for theta in np.linspace(0.3, 2.8, 5):
        for phi in np.linspace(0, 5.5, 8):
            run = minimize(V, [theta, phi], method="Nelder-Mead", options={"xatol": 1e-5, "fatol": 1e-13})
            if best is None or run.fun < best.fun:
                best = run
    return list(at(best.x))

# %% own
def velocity(x, u, weights, beta):
    n, v = len(x), []
    for i in range(n):
        logs = [beta * x[i] @ x[j] - np.log(n) for j in range(n)]
        vectors = [x[j] for j in range(n)]
        if weights[i] > 0:
            logs.append(beta * x[i] @ u[i] + np.log(weights[i]))
            vectors.append(u[i])
        w = [np.exp(l - max(logs)) for l in logs]
        g = sum(a * b for a, b in zip(w, vectors)) / sum(w)
        v.append(g - (g @ x[i]) * x[i])
    return np.array(v)

# %% weak
def weak_spread(u, w, beta):
    lam = 1e-3 / w.max()
    n = len(u)
    x = mf.sphere.project(np.tile((w[:, None] * u).sum(axis=0), (n, 1)))
    for _ in range(200_000):
        g = np.exp(beta * x @ x.T) @ x / n + lam * (w * np.exp(beta * (x * u).sum(axis=1)))[:, None] * u
        new = g / np.linalg.norm(g, axis=1, keepdims=True)
        if abs(new - x).max() < 1e-13:
            break
        x = new
    return (x - x.mean(axis=0)) / lam

# %% threshold
from scipy.optimize import brentq

def E(lam, a, b):
    q = share
    pair = (q * q + (1 - q) ** 2) * np.exp(beta) + 2 * q * (1 - q) * np.exp(beta * np.cos(a - b))
    return pair / 2 / beta + lam / beta * (q * np.exp(beta * length * np.cos(a)) + (1 - q) * np.exp(-beta * length * np.cos(b)))

threshold = brentq(lambda lam: max(E(lam, 0, 0), E(lam, np.pi, np.pi)) - E(lam, 0, np.pi), 0, 100)

# %% bent
excess = 0.0
for a in np.linspace(0, np.pi, 300):
    for b in np.linspace(0, np.pi, 300):
        excess = max(excess, E(threshold, a, b) - E(threshold, 0, np.pi))
step = np.pi / 300

# %% hold
low, high = 0.0, longest
for _ in range(60):
    a = (low + high) / 2
    prompts = mf.prompt_for(targets, beta, a, weight).vectors
    low, high = (a, high) if np.linalg.norm(prompts, axis=1).max() < longest else (low, a)
prompts = mf.prompt_for(targets, beta, low, weight).vectors
