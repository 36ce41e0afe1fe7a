"""Loops, adaptive quadrature towards the start, a Runge-Kutta method whose step follows the speed, Bessel series."""

# %% speed
from math import cos, exp, sin

def closing_speed(phi, m1, m2, betas, shares):
    total = 0.0
    for beta, share in zip(betas, shares):
        q = exp(-beta * (1 - cos(phi)))
        total += share * sin(phi) * q * (m2 / (m1 + m2 * q) + m1 / (m2 + m1 * q))
    return total

# %% lifetime
from scipy.integrate import quad

def lifetime(start, stop, m1, m2, betas, shares):
    unit = closing_speed(start, m1, m2, betas, shares)
    f = lambda phi: unit / closing_speed(phi, m1, m2, betas, shares)
    cuts = [start]
    width = 2 / max(betas)
    while cuts[-1] - width > stop:
        cuts.append(cuts[-1] - width)
        width *= 1.5
    cuts.append(stop)
    return sum(quad(f, low, high, epsrel=1e-9)[0] for high, low in zip(cuts, cuts[1:])) / unit

# %% heads
def T(b1, b2):
    return lifetime(start, stop, m1, m2, [b1, b2], [share, 1 - share])

h = 0.01
slope = (T(hot + h, cold) / T(hot - h, cold) - 1) / (1 + T(hot + h, cold) / T(hot - h, cold)) / h
goal = 0.95 / share * T(hot, hot)
low, high = hot, 150.0
for _ in range(40):
    nearly = (low + high) / 2
    low, high = (nearly, high) if T(hot, nearly) < goal else (low, nearly)

# %% drift
def drift(x, m, betas, shares):
    v = []
    for a in x:
        total = 0 * a
        for beta, share in zip(betas, shares):
            weights = [mass * np.exp(-beta * np.sum((a - b) ** 2) / 2) for mass, b in zip(m, x)]
            for weight, b in zip(weights, x):
                c = 1 - np.sum((a - b) ** 2) / 2
                if c < 0.999:
                    total = total + share * weight / sum(weights) * ((b - a) + (1 - c) * a)
        v.append(total)
    return v

# %% three
def turn(theta, m, betas, shares):
    out = []
    for i in range(3):
        w = [shares[h] * m * np.exp(betas[h] * (np.cos(theta - theta[i]) - 1)) for h in range(len(betas))]
        w = sum(shares[h] * w[h] / w[h].sum() for h in range(len(betas)))
        out.append((w * np.sin(theta - theta[i])).sum())
    return np.array(out)

def first_meeting(theta, m, betas, shares):
    t, f = 0.0, lambda y: turn(y, m, betas, shares)
    y = np.array(theta)
    while True:
        k1 = f(y)
        # As the angle falls the speed grows, by e in the angle 1/beta.
        h = 0.05 / max(betas) / np.abs(k1).max()
        k2 = f(y + h / 2 * k1)
        k3 = f(y + h / 2 * k2)
        k4 = f(y + h * k3)
        new = y + h / 6 * (k1 + 2 * k2 + 2 * k3 + k4)
        before, after = np.diff(y), np.diff(new)
        for pair in (0, 1):
            if after[pair] <= 0.05:
                return [t + h * (before[pair] - 0.05) / (before[pair] - after[pair]), pair]
        t, y = t + h, new

# %% noise
from math import factorial

def bessel(k, z):
    return sum((z / 2) ** (2 * j + k) / factorial(j) / factorial(j + k) for j in range(60))

critical_noise = sum(s * bessel(1, b) / bessel(0, b) / b for s, b in ((share, hot), (1 - share, cold)))
