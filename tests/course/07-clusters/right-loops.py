"""Loops, lists, adaptive quadrature, a Runge-Kutta method of one's own, and a search on a grid."""

# %% groups
def group_sizes(theta, gap):
    left = list(theta)
    sizes = []
    while left:
        group = [left.pop()]
        for a in group:
            near = [b for b in left if abs((a - b + 9 * np.pi) % (2 * np.pi) - np.pi) <= gap]
            group += near
            left = [b for b in left if b not in near]
        sizes.append(len(group))
    return sorted(sizes)[::-1]

# %% rate
from math import cos, exp, pi, sin, tanh
from scipy.integrate import quad

def kernel(u, beta, cap):
    return exp(cap * (tanh(beta * cos(u) / cap) - tanh(beta / cap)))

def rate(k, beta, cap):
    cuts = [0, 0.02, 0.1, 0.3, 1, 1.4, 1.57, 1.7, 2.2, pi]
    over = lambda f: sum(quad(f, a, b, epsabs=1e-12, limit=200)[0] for a, b in zip(cuts, cuts[1:]))
    top = over(lambda u: kernel(u, beta, cap) * sin(u) * sin(k * u))
    return k * top / over(lambda u: kernel(u, beta, cap))

# %% fastest
def quick(k, beta, cap):
    u = pi * (np.arange(3000) + 0.5) / 3000
    w = np.exp(cap * (np.tanh(beta * np.cos(u) / cap) - np.tanh(beta / cap)))
    return k * (w * np.sin(u) * np.sin(k * u)).mean() / w.mean()

def fastest(beta, cap):
    best = 1
    for k in range(2, 60):
        if quick(k, beta, cap) > quick(best, beta, cap):
            best = k
    return best

low_end, high_end = 1.0, 40.0
while high_end - low_end > 1e-7:
    middle = (low_end + high_end) / 2
    if quick(2, beta, middle) > quick(3, beta, middle):
        low_end = middle
    else:
        high_end = middle
critical_cap = [middle]

# %% tokens
def slope(theta, beta, cap):
    out = []
    for a in theta:
        w = np.exp(cap * np.tanh(beta * np.cos(theta - a) / cap))
        out.append((w * np.sin(theta - a)).sum() / w.sum())
    return np.array(out)

def angles_at(theta, beta, cap, t, steps=600):
    h = t / steps
    for _ in range(steps):
        a = slope(theta, beta, cap)
        b = slope(theta + h / 2 * a, beta, cap)
        c = slope(theta + h / 2 * b, beta, cap)
        d = slope(theta + h * c, beta, cap)
        theta = theta + h / 6 * (a + 2 * b + 2 * c + d)
    return list(theta)

start = 2 * np.pi * np.arange(n) / n
wave = 1e-6 * np.cos(mode * start)
later = np.array(angles_at(start + wave, beta, cap, 0.5))
seen = np.log((later[0] - start[0]) / wave[0]) / 0.5

# %% energy
def energy(theta, beta, cap):
    total = 0
    for a in theta:
        for b in theta:
            total += quad(lambda s: exp(cap * tanh(beta * s / cap)), 0, cos(a - b))[0]
    return total / (2 * len(theta) ** 2)

def low(beta, cap):
    k = 1
    while quick(k, beta, cap) > 0:
        k += 1
    return [2 * pi * j / k for j in range(k)]
