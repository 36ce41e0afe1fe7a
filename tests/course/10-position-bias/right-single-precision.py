"""Weights in single precision, the walker's law by sparse steps, contact by a search, a simulation of six."""

# %% weights
def weights(n, D, w, alpha, g):
    a = np.zeros((n, n), np.float32)
    for k in range(min(w, (n - 1) // D + 1)):
        a += np.diag(np.full(n - k * D, np.exp(-alpha * k * D)), -k * D).astype(np.float32)
    a[:, 0] += np.float32(g)
    return a / a.sum(axis=1, keepdims=True)

# %% shares
def shares(n, layers):
    law = {n - 1: 1.0}
    for D, w, alpha, g in reversed([tuple(row) for row in layers]):
        new = {}
        for i, mass in law.items():
            steps = [k for k in range(int(w)) if i - k * D >= 0]
            parts = [(int(i - k * D), np.exp(-alpha * k * D)) for k in steps] + [(0, g)]
            total = sum(part for _, part in parts)
            for j, part in parts:
                new[j] = new.get(j, 0.0) + mass * part / total
        law = new
    return [law.get(j, 0.0) for j in range(n)]

# %% contact
def contact(n, dilations, w):
    m = len(dilations)
    front, known, L = {n - 1}, set(), 0
    while True:
        key = (L % m, frozenset(front))
        if key in known:
            return 0
        known.add(key)
        front = {i - k * int(dilations[L % m]) for i in front for k in range(w)}
        front = {i for i in front if i >= 0}
        L += 1
        if 0 in front:
            return L

# %% sink
half_sink = (2 ** (1 / depth) - 1) * (1 - np.exp(-decay * width)) / (1 - np.exp(-decay))

# %% fair
fair, D = [], length
while D > 1:
    q = next(q for q in (2, 3, 5) if D % q == 0)
    D //= q
    fair += [(float(D), float(q), 0.0, 0.0)]

# %% late
def f(theta):
    i, j = np.indices((6, 6))
    a = np.where((i >= j) & (i - j < width), np.exp(-decay * (i - j)), 0.0) + sink * (j == 0)
    w = a * np.exp(0.5 * np.cos(theta[:, None] - theta))
    return (w * np.sin(theta - theta[:, None])).sum(1) / w.sum(1)

theta, path = np.array([0, 0.2, 0.5, -0.3, 0.4, -0.1]), []
for _ in range(1500):
    middle = theta + 0.01 * f(theta)
    theta = theta + 0.02 * f(middle)
    path.append(theta[1])
late_rate = -np.polyfit(0.02 * np.arange(700, 1500), np.log(path[700:]), 1)[0]
