"""One term of the series where tokens are near, the plain layer where they are not; a plane by a search."""

# %% digits
def term(R, beta, p):
    n = len(R)
    out = np.zeros(R.shape)
    for i in range(n):
        for j in range(n):
            out[i] -= beta / n * ((R[i] - R[j]) @ (R[i] - R[j])) ** p * (R[j] - R.mean(0))
    return out - sum(out) / n

def spread_after(R, beta, p):
    if np.abs(R).max() < 1e-4:
        return term(R, beta, p)
    w = np.array([[np.exp(-beta * np.linalg.norm(a - b) ** (2 * p)) for b in R] for a in R])
    moved = w / w.sum(1)[:, None] @ R
    return moved - moved.mean(0)

# %% leading
leading = term

# %% simplex
from scipy.optimize import brentq

q = 2 * p + 1
f = lambda s: (1 - np.exp(-s)) / (1 + (n - 1) * np.exp(-s)) if s > 1e-8 else s / n
d, L = delta, 0
while d > 1e-20:
    d, L = d * f(beta * d ** (2 * p)), L + 1
# From here on d' = beta / n d^q.
constant = -(np.log(d) + np.log(beta / n) / (2 * p)) / q**L

d = np.float64(delta)
depth = 0
while d > 1e-100:
    d *= (1 + eta * f(beta * d ** (2 * p))) / (1 + eta)
    depth += 1
edge = brentq(lambda x: w * f(beta * x ** (2 * p)) - 1, 1e-3, 50)

# %% agree
from scipy.optimize import least_squares

def flatness(v):
    a, b = v.reshape(2, 4)
    return [a @ B @ a, a @ B @ b, b @ B @ b, a @ a - 1, b @ b - 1, a @ b]

for seed in range(100):
    v = least_squares(flatness, np.random.default_rng(seed).standard_normal(8), xtol=1e-15, ftol=1e-15, gtol=1e-15)
    if max(abs(v.fun)) < 1e-11:
        break
a, b = v.x.reshape(2, 4)
agree = [list(3 * np.cos(t) * a + 3 * np.sin(t) * b) for t in range(6)]

# %% heads
def open_in_head(W, widths, h, n):
    labels = np.repeat(np.arange(len(widths)), widths)
    mine, rest = W[labels == h], W[labels != h]
    if len(rest):
        values = np.linalg.svd(rest, full_matrices=True)
        basis = values[2][: (values[1] > 1e-9).sum()]
        mine = mine - mine @ basis.T @ basis
    heard = (np.linalg.svd(mine, compute_uv=False) > 1e-8).sum()
    return [n * (widths[h] - heard)]
