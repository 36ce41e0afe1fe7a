"""Loops over tokens and windows, lists, the sink by bisection, the rate from a simulation of two tokens."""

# %% weights
def weights(n, D, w, alpha, g):
    A = []
    for i in range(n):
        row = [0.0] * n
        j, k = i, 0
        while j >= 0 and k < w:
            row[j] += np.exp(-alpha * (i - j))
            j, k = j - D, k + 1
        row[0] += g
        A.append([value / sum(row) for value in row])
    return A

# %% shares
def shares(n, layers):
    P = np.eye(n)
    for D, w, alpha, g in layers:
        P = np.array(weights(n, int(D), int(w), alpha, g)) @ P
    return list(P[n - 1])

# %% contact
def contact(n, dilations, w):
    at = np.zeros(n, bool)
    at[n - 1] = True
    for L in range(1, 40 * n):
        D = dilations[(L - 1) % len(dilations)]
        after = at.copy()
        for k in range(1, w):
            if k * D < n:
                after[: n - k * D] |= at[k * D :]
        at = after
        if at[0]:
            return float(L)
    return 0.0

# %% sink
low, high = 0.0, 50.0
for _ in range(50):
    half_sink = (low + high) / 2
    G = sum(np.exp(-decay * k) for k in range(width))
    share = 0.0
    for layer in range(depth):
        share = share + (1 - share) * half_sink / (G + half_sink)
    low, high = (half_sink, high) if share < 0.5 else (low, half_sink)

# %% fair
def split(n):
    for q in (4, 5, 3, 2):
        if n % q == 0:
            return [q] + split(n // q)
    return []

fair = []
D = 1
for q in split(length):
    fair.insert(0, [D, q, 0, 0])
    D *= q

# %% late
x, h, b = 0.3, 0.01, 1.7
trace = []
other = lambda x: (np.exp(-decay) + sink) * np.exp(b * np.cos(x))
f = lambda x: -np.sin(x) * other(x) / (np.exp(b) + other(x))
for step in range(4000):
    k1 = f(x)
    k2 = f(x + h / 2 * k1)
    k3 = f(x + h / 2 * k2)
    x += h / 6 * (k1 + 2 * k2 + 2 * k3 + f(x + h * k3))
    trace.append(x)
late_rate = np.log(trace[1999] / trace[3999]) / 20
