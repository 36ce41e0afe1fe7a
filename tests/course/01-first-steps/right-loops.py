"""Loops over pairs of tokens, and a Runge-Kutta method of one's own."""

# %% weights
def weights(x, B):
    n = len(x)
    A = np.zeros((n, n))
    for i in range(n):
        logits = [x[i] @ B @ x[j] for j in range(n)]
        top = max(logits)
        powers = [np.exp(logit - top) for logit in logits]
        for j in range(n):
            A[i, j] = powers[j] / sum(powers)
    return A

# %% velocity
def velocity(x, B):
    A = weights(x, B)
    v = []
    for i in range(len(x)):
        pull = sum(A[i, j] * x[j] for j in range(len(x)))
        v.append((np.eye(len(x[i])) - np.outer(x[i], x[i])) @ pull)
    return v

# %% +velocity-marks
from scipy.special import softmax

def vel(x, B):  # as above, but quick
    g = softmax(x @ B @ x.T, axis=1) @ x
    return g - (g * x).sum(axis=1)[:, None] * x

# %% flow
def tokens_at(x, B, t):
    steps = 500
    h = t / steps
    for _ in range(steps):
        k1 = vel(x, B)
        k2 = vel(x + h / 2 * k1, B)
        k3 = vel(x + h / 2 * k2, B)
        k4 = vel(x + h * k3, B)
        x = x + h / 6 * (k1 + 2 * k2 + 2 * k3 + k4)
        x = x / np.sqrt((x**2).sum(axis=1))[:, None]
    return x

# %% time
def slope(r):
    e = np.exp(beta * (r - 1))
    return 2 * e * (1 - r) * (1 + (n - 1) * r) / (1 + (n - 1) * e)

r, time_to_target, h = start, 0.0, 1e-4
while r < target:
    before, r = r, r + h * slope(r + h / 2 * slope(r))
    time_to_target += h
time_to_target -= h * (r - target) / (r - before)

# %% energy
def energy(x, beta):
    return sum(np.exp(beta * (a @ b)) for a in x for b in x) / (2 * beta * len(x) ** 2)

def power(x, beta):
    total = 0
    for a in x:
        v = sum(np.exp(beta * (a @ b)) * b for b in x) / len(x)
        total += v @ v - (v @ a) ** 2
    return total / len(x)
