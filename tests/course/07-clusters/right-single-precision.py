"""Groups by mfcore's distances, the rate by the slope of the kernel, energies in single precision, each token twice."""

# %% groups
def group_sizes(theta, gap):
    ring = np.stack([np.cos(theta), np.sin(theta)], axis=1)
    near = np.array([[mf.sphere.distance(a, b) <= gap for b in ring] for a in ring])
    reached = np.linalg.matrix_power(near.astype(float), len(ring)) > 0
    sizes = []
    seen = np.zeros(len(ring), bool)
    for row in reached:
        if not (seen & row).any():
            sizes.append(float(row.sum()))
        seen |= row
    return sorted(sizes, reverse=True)

# %% rate
x, w = np.polynomial.legendre.leggauss(1000)
u, w = np.pi / 2 * (x + 1), w * np.pi / 2

def rate(k, beta, cap, u=u, w=w):
    kernel = np.exp(cap * np.tanh(beta * np.cos(u) / cap) - cap * np.tanh(beta / cap))
    slope = np.cos(u) - beta * np.sin(u) ** 2 / np.cosh(beta * np.cos(u) / cap) ** 2
    return w @ (kernel * slope * np.cos(k * u)) / (w @ kernel)

# %% tokens
def angles_at(theta, beta, cap, t):
    steps = 3000
    y = np.array(theta)
    for _ in range(steps):
        middle = y + t / steps / 2 * push(y, beta, cap)
        y = y + t / steps * push(middle, beta, cap)
    return y + 2 * np.pi

def push(y, beta, cap):
    apart = np.subtract.outer(y, y)
    w = np.exp(cap * np.tanh(beta / cap * np.cos(apart)))
    return -(w * np.sin(apart)).sum(1) / w.sum(1)

u = 2 * np.pi * np.arange(n) / n
jacobian = np.array([(push(u + 1e-5 * e, beta, cap) - push(u - 1e-5 * e, beta, cap)) / 2e-5 for e in np.eye(n)]).T
v = np.cos(mode * u)
seen = v @ jacobian @ v / (v @ v)

# %% energy
def energy(theta, beta, cap):
    s = (np.arange(2000) + 0.5) / 2000
    v = np.cos(np.subtract.outer(theta, theta)).ravel()
    g = np.array([c * np.exp(cap * np.tanh(beta * c * s / cap)).astype(np.float32).mean() for c in v])
    return g.mean() / 2

def low(beta, cap):
    best = min(range(3, 10), key=lambda k: energy(2 * np.pi * np.arange(k) / k, beta, cap))
    once = 2 * np.pi * np.arange(best) / best + 0.3
    return np.concatenate([once, once + 1e-3])
