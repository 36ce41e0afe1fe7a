"""The time from a simulation of n tokens in n dimensions; einsum; the projection as a matrix for each token."""

# %% weights
from scipy.special import logsumexp

def weights(x, B):
    s = np.einsum("ia,ab,jb->ij", x, B, x)
    return np.exp(s - logsumexp(s, axis=1, keepdims=True))

# %% velocity
def velocity(x, B):
    P = np.eye(x.shape[1]) - x[:, :, None] * x[:, None, :]
    return np.einsum("iab,ij,jb->ia", P, weights(x, B), x)

# %% flow
from scipy.integrate import odeint

def tokens_at(x, B, t):
    f = lambda y, s: velocity(y.reshape(x.shape), B).flatten()
    y = odeint(f, x.flatten(), [0, t], rtol=1e-8, atol=1e-8)[-1].reshape(x.shape)
    return y / np.linalg.norm(y, axis=1, keepdims=True)

# %% time
from scipy.integrate import solve_ivp

gram = np.full((n, n), start) + (1 - start) * np.eye(n)
x0 = np.linalg.cholesky(gram)
B0 = beta * np.eye(n)
met = lambda s, y: y[:n] @ y[n : 2 * n] - target
met.terminal = True
run = solve_ivp(lambda s, y: velocity(y.reshape(n, n), B0).ravel(), (0, 1000), x0.ravel(), events=met, rtol=1e-9, atol=1e-10)
time_to_target = run.t_events[0]

# %% energy
def energy(x, beta):
    return np.sum(np.exp(beta * np.inner(x, x))) / (2 * beta * len(x) ** 2)

def power(x, beta):
    v = mf.SelfAttention(beta, "none").velocity(x)
    return np.mean(np.sum(v * v, axis=1))
