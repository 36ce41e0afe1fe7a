"""Hundreds of decimal places in place of care; a plane found by rotation and scaling; heads by least squares."""

# %% digits
from decimal import Decimal, getcontext

getcontext().prec, getcontext().Emin, getcontext().Emax = 260, -(10**17), 10**17


def spread_after(R, beta, p):
    x = [[Decimal(float(c)) for c in row] for row in R]
    n, d = len(x), len(x[0])
    out = []
    for a in x:
        w = [(-Decimal(beta) * sum((s - t) ** 2 for s, t in zip(a, b)) ** p).exp() for b in x]
        out.append([sum(w[j] * x[j][k] for j in range(n)) / sum(w) for k in range(d)])
    mean = [sum(row[k] for row in out) / n for k in range(d)]
    return [[float(row[k] - mean[k]) for k in range(d)] for row in out]

# %% leading
def leading(R, beta, p):
    h = 1e-12
    return np.array(spread_after(h * np.asarray(R), beta, p)) / h ** (2 * p + 1)

# %% simplex
getcontext().prec = 60
b, q = Decimal(beta), 2 * p + 1

def factor(d):
    s = b * d ** (2 * p)
    if s < Decimal("1e-40"):
        return s / n
    e = (-s).exp()
    return (1 - e) / (1 + (n - 1) * e)

d = Decimal(delta)
for layer in range(15):
    d = d * factor(d)
constant = float(-d.ln() / Decimal(q) ** 15)

d, depth = Decimal(delta), 0
while d >= Decimal("1e-100"):
    d, depth = d * (1 + Decimal(eta) * factor(d)) / (1 + Decimal(eta)), depth + 1
low, high = Decimal("0.01"), Decimal(100)
for _ in range(60):
    edge = (low + high) / 2
    low, high = (edge, high) if Decimal(w) * factor(edge) < 1 else (low, edge)
edge = float(edge)

# %% agree
rng = np.random.default_rng(0)
while True:
    # An isotropic direction, and another one that is isotropic and orthogonal to it in the form.
    u, v = rng.standard_normal((2, 4))
    a, b2, c = v @ B @ v, 2 * u @ B @ v, u @ B @ u
    if b2**2 < 4 * a * c:
        continue
    u = u + (-b2 + np.sqrt(b2**2 - 4 * a * c)) / (2 * a) * v
    rest = np.linalg.svd((B @ u)[None])[2][1:]
    y, z = rng.standard_normal((2, 3)) @ rest
    a, b2, c = z @ B @ z, 2 * y @ B @ z, y @ B @ y
    if b2**2 < 4 * a * c:
        continue
    y = y + (-b2 + np.sqrt(b2**2 - 4 * a * c)) / (2 * a) * z
    agree = np.array([0 * u, 4 * u / np.linalg.norm(u), 4 * y / np.linalg.norm(y)]) + 0.3
    if np.linalg.svd(agree - agree.mean(axis=0))[1][1] > 1.1:
        break

# %% heads
def open_in_head(W, widths, h, n):
    at = np.split(np.arange(len(W)), np.cumsum(widths)[:-1])[h]
    u, s, _ = np.linalg.svd(W)
    kernel = u[:, (s > 1e-9 * s[0]).sum() :]
    return n * (np.linalg.svd(kernel[at], compute_uv=False) > 1e-7).sum()
