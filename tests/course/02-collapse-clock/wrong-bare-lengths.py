"""Lengths that do not grow, the slowest token taken for the slowest mode, two fates told apart too early, a balanced
crown."""

EXPECTED = {"layers-marks": 0, "late-marks": 0, "frozen-marks": 1, "rest-marks": 0}

# %% layers
def layers_to(target, start, n, beta, h):
    x = np.linalg.cholesky(np.full((n, n), start) + (1 - start) * np.eye(n))
    count = 0
    while x[0] @ x[1] < target:
        a = np.exp(beta * x @ x.T)
        x = mf.sphere.project(x + h * a @ x / a.sum(axis=1, keepdims=True))
        count += 1
    return count

# %% late
late_rate = 2 * len(own) / (len(own) - 1 + own.max())

# %% frozen
from scipy.integrate import solve_ivp

def cosine(c, t):
    return solve_ivp(lambda t, y: [rate(y[0], n, beta + c * t, 1)], (0, t), [start], rtol=1e-9, atol=1e-11).y[0, -1]

frozen = cosine(quick, 60)
slow, fast = 0, quick
while fast - slow > 1e-6:
    middle = (slow + fast) / 2
    if cosine(middle, 3) > 0.99:
        slow = middle
    else:
        fast = middle
critical = slow

# %% rest
# the tokens add up to zero
k, z = 2 * np.pi * np.arange(n - 1) / (n - 1), -1 / (n - 1)
r = np.sqrt(1 - z**2)
resting = np.vstack([[0, 0, 1], np.column_stack([r * np.cos(k), r * np.sin(k), z + 0 * k])])
