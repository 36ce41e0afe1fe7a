"""mfcore's rotary feature by a permutation of coordinates; Jacobians as matrices; a threshold by a scan and a line."""

# %% rotate
def rotate(x, p, omega, pairing):
    d = x.shape[1]
    order = np.arange(d) if pairing == "pairs" else np.arange(d).reshape(2, d // 2).T.ravel()
    blocks = mf.RotaryPE(p, omega)._blocks
    turned = np.einsum("ikab,ikb->ika", blocks, x[:, order].reshape(len(x), d // 2, 2)).reshape(x.shape)
    out = np.empty(x.shape)
    out[:, order] = turned
    return out

# %% velocity
from scipy.special import softmax

def velocity(x, p, omega, beta, carried):
    z = rotate(x, p, omega, "halves")
    w = softmax(beta * z @ z.T, axis=1)
    if not carried:
        return mf.sphere.tangent(x, w @ x)
    # plain attention of the features, turned back
    return rotate(mf.sphere.tangent(z, w @ z), -np.asarray(p), omega, "halves")

# %% spread
def mean_length(z0, q, omega):
    p = np.arange(2500.0)
    phi = np.exp(1j * np.outer(omega, p)) @ ((1 - q) * q**p)
    r2 = (z0.reshape(-1, 2) ** 2).sum(axis=1)
    return float(np.sqrt(r2 @ np.abs(phi) ** 2))

# %% rates
def rates(n, beta, a, b):
    alpha = 2 * np.pi * np.arange(n) / n
    u = alpha - alpha[:, None]
    w = softmax(beta * (1 + a) ** 2 * np.cos(u), axis=1)
    J = w * (np.cos(u) - beta * (1 + a) * (1 + b) * np.sin(u) ** 2)
    J = J - np.diag(J.sum(axis=1)) - b * np.diag((w * np.cos(u)).sum(axis=1))
    waves = np.cos(np.outer(alpha, np.arange(n)))
    return (J @ waves)[0]

# %% values
from scipy.optimize import brentq

b_star = brentq(lambda b: rates(n, beta, a, b).max(), 1e-6, 1e3)
grid = np.linspace(0.02, 2, 397)
worst = np.array([(rates(n, beta, s, 2.0) - rates(n, beta, s, 1.0)).max() for s in grid])
k = np.flatnonzero(worst < 0)[0]
a_min = grid[k] - worst[k] * (grid[k] - grid[k - 1]) / (worst[k] - worst[k - 1])

# %% twist
p = np.arange(many)
omega = np.array([2 * np.pi * turns / many])
angle = 2 * np.pi * p / many

def drift(t):
    x = np.column_stack([np.cos(t), np.sin(t)])
    v = velocity(x, p, omega, cold, False)
    return v[:, 1] * np.cos(t) - v[:, 0] * np.sin(t)

for q in range(1, many):
    t = q * angle
    J = np.array([drift(t + 1e-5 * e) - drift(t - 1e-5 * e) for e in np.eye(many)]).T / 2e-5
    if np.sort(np.linalg.eigvals(J).real)[-2] < -0.05:
        apart = np.column_stack([np.cos(t + first), np.sin(t + first)])
        break
