"""What mfcore can do is left to mfcore: projections, the closed form of prompts, thresholds."""

# %% common
from scipy.optimize import differential_evolution
from scipy.special import logsumexp

def best_point(vectors, masses, beta):
    def at(a):
        return np.array([np.sin(a[0]) * np.cos(a[1]), np.sin(a[0]) * np.sin(a[1]), np.cos(a[0])])

    # The logarithm, for V itself is all peaks when it is cold; a start at each vector's own direction.
    logV = lambda a: -logsumexp(beta * vectors @ at(a), b=masses)
    box = [(0, np.pi), (0, 2 * np.pi)]
    runs = [differential_evolution(logV, box, seed=seed, tol=1e-9, popsize=30) for seed in range(3)]
    return at(min(runs, key=lambda run: run.fun).x)

# %% own
from scipy.special import softmax

def velocity(x, u, weights, beta):
    n = len(x)
    with np.errstate(divide="ignore"):
        logits = np.c_[beta * x @ x.T - np.log(n), np.log(weights) + beta * np.einsum("ia,ia->i", x, u)]
    a = softmax(logits, axis=1)
    return mf.sphere.tangent(x, a[:, :n] @ x + a[:, n:] * u)

# %% weak
from scipy.optimize import minimize

def weak_spread(u, w, beta):
    V = lambda x: -(w @ np.exp(beta * u @ x / np.linalg.norm(x)))
    x0 = min((minimize(V, s, tol=1e-14) for s in [*u, u.sum(axis=0)]), key=lambda r: r.fun).x
    x0 = x0 / np.linalg.norm(x0)
    P = np.eye(len(x0)) - np.outer(x0, x0)
    f = np.array([wi * np.exp(beta * (x0 @ ui) - beta) * P @ ui for wi, ui in zip(w, u)])
    return f - f.mean(axis=0)

# %% threshold
# Twice the chapter's formula for two equal crowds, times the larger part.
threshold = 2 * max(share, 1 - share) * mf.closed_forms.prompt_threshold(beta, length)

# %% bent
a, b = np.meshgrid(np.linspace(0, np.pi, 2001), np.linspace(0, np.pi, 2001))
q, k = share, beta * length
pairs = (q**2 + (1 - q) ** 2) * np.exp(beta) + 2 * q * (1 - q) * np.exp(beta * np.cos(a - b))
E = pairs / (2 * beta) + threshold / beta * (q * np.exp(k * np.cos(a)) + (1 - q) * np.exp(-k * np.cos(b)))
excess = E.max() - E[-1, 0] if abs(a[-1, 0]) < 1e-9 else None

# %% hold
prompts = mf.prompt_for(targets, beta, 0.9 * longest, weight).vectors
