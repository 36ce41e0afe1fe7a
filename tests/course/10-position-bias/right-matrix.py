"""Masks of logits, a product in one go, contact by convolution, the sink by a root finder on layers, eigenvalues."""

# %% weights
def weights(n, D, w, alpha, g):
    i, j = np.indices((n, n))
    steps, rest = np.divmod(i - j, D)
    logits = np.where((rest == 0) & (steps >= 0) & (steps < w), -alpha * (i - j), -np.inf)
    a = np.exp(logits) + g * (j == 0)
    return a / a.sum(1)[:, None]

# %% shares
from functools import reduce

def shares(n, layers):
    stack = [weights(n, int(D), int(w), alpha, g) for D, w, alpha, g in np.asarray(layers)]
    return reduce(lambda P, A: A @ P, stack)[-1]

# %% contact
def contact(n, dilations, w):
    total = np.array([1.0])
    seen, still = {(0,)}, 0
    for L in range(10**6):
        before = set(np.flatnonzero(total))
        kernel = np.zeros((w - 1) * dilations[L % len(dilations)] + 1)
        kernel[:: dilations[L % len(dilations)]] = 1
        total = np.minimum(np.convolve(total, kernel), 1)[:n]
        if len(total) == n and total[-1] > 0:
            return np.int64(L + 1)
        still = still + 1 if set(np.flatnonzero(total)) == before else 0
        if still == len(dilations):
            return np.int64(0)

# %% sink
from scipy.optimize import brentq

long = depth * (width - 1) + 5

def share_of_first(g):
    return np.linalg.matrix_power(weights(long, 1, width, decay, g), depth)[-1, 0]

half_sink = brentq(lambda g: share_of_first(g) - 0.5, 1e-4, 10)

# %% fair
fair = np.zeros((9, 4))
fair[:, :2] = 1
n, row = length, 0
for q in (3, 5, 2):
    while n % q == 0:
        fair[row], row, n = (length // n, q, 0, 0), row + 1, n // q

# %% late
A = weights(6, 1, width, decay, sink)
late_rate = np.sort(np.linalg.eigvals(np.eye(6) - A).real)[1]
