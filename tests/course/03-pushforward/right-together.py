"""All starts together; the weak branch as the limit of a flow's layers; one equation for each of the three
distances."""

# %% mass
from scipy.special import logsumexp, softmax

def energy(x, p, rho, beta):
    z = x + p
    return np.exp(logsumexp(beta * z @ z.T, b=np.outer(rho, rho))) / beta / 2


def velocity(x, p, rho, beta):
    z = x + p
    w = softmax(beta * np.inner(z, z) + np.log(rho)[None, :], axis=1)
    return mf.sphere.tangent(x, w @ z)

# %% best
x = mf.sphere.project(np.random.default_rng(5).normal(size=(500 * 7, 3))).reshape(500, 7, 3)
for _ in range(2500):
    z = x + p
    g = np.einsum("sij,j,sjd->sid", np.exp(cold * z @ z.transpose(0, 2, 1)), rho, z)
    x = g / np.linalg.norm(g, axis=-1, keepdims=True)
z = x + p
values = np.einsum("i,sij,j->s", rho, np.exp(cold * z @ z.transpose(0, 2, 1)), rho)
best = x[values.argmax()].astype(np.float32)

# %% scales
def spread(p, beta, sq, sk, sv):
    x = mf.sphere.project(np.ones((len(p), p.shape[1])) * np.sign(sv * p.mean(axis=0)) + 1e-3)
    for k in range(3000):
        q, key, v = x + sq * p, x + sk * p, x + sv * p
        x = mf.sphere.project(softmax(beta * q @ key.T, axis=1) @ v)
    return x - x.mean(axis=0, keepdims=True)


def law(p, beta, sq, sk, sv):
    return sq * sk * sv * mf.closed_forms.cubic_spread(p, beta, 1.0)

# %% line
from scipy.optimize import brentq

# energies of the two states differ in what the third token does
r, s, t = three

def ahead(a):
    own = t**2 * (np.exp(beta * (1 + a) ** 2) - np.exp(beta * (1 - a) ** 2))
    others = 2 * t * r * (np.exp(-beta * (1 + a) ** 2) - np.exp(beta * (1 - a**2)))
    return own + others + 2 * t * s * (np.exp(-beta * (1 + a)) - np.exp(beta * (1 - a)))

a_cross = brentq(ahead, 0.01, 4)

def determinant(a, last):
    x = np.array([1, 1, last])
    z = x + a * np.array([1, 0, -1])
    K = np.exp(beta * np.outer(z, z))
    M = K * three - np.diag(K @ (three * z) * x)
    return np.linalg.slogdet(M)[0] * np.exp(np.linalg.slogdet(M)[1] / 3)

grid = np.linspace(0.005, 4, 8000)
sign = np.sign([determinant(a, -1) for a in grid])
first = np.flatnonzero(sign[1:] != sign[:-1])[-1]
a_sep = brentq(determinant, grid[first], grid[first + 1], args=(-1,))
sign = np.sign([determinant(a, 1) for a in grid])
first = np.flatnonzero(sign[1:] != sign[:-1])[0]
a_col = brentq(determinant, grid[first], grid[first + 1], args=(1,))

# %% almost
from scipy.optimize import minimize

x0 = np.tile([1.0, 0.0], (n, 1))

def cost(q):
    q = q.reshape(n, 2)
    v = velocity(x0, q, np.ones(n) / n, beta)[:, 1]
    near = np.maximum(0.08 - np.abs(q[:, 1]), 0)
    far = np.maximum(np.linalg.norm(q, axis=1) - 1.8, 0)
    slow = max(0.03 - abs(v[-1]), 0)
    return np.sum(v[:-1] ** 2) + np.sum(near**2) + np.sum(far**2) + slow**2

rng = np.random.default_rng(2)
while True:
    run = minimize(cost, rng.normal(size=2 * n), method="BFGS", options=dict(gtol=1e-12, maxiter=2000))
    if run.fun < 1e-16:
        almost = run.x.reshape(n, 2)
        break
