"""At rest, with two opposite tokens; a cooling that is a factor; Euler's method with long steps; a missing factor 2."""

EXPECTED = {"rate-marks": 0, "cooling-marks": 0, "frozen-marks": 0, "rest-marks": 0}

# %% rate
def rate(rho, n, beta, w):
    return (1 - rho) * (1 + (n - 1) * rho) / (w * np.exp(beta * (1 - rho)) + n - 1)

# %% cooling
def time_to(target, start, n, beta0, c):
    t, r = 0.0, start
    while r < target:
        r, t = r + 0.1 * 2 * rate(r, n, beta0 * (1 + c * t), 1.0), t + 0.1
    return t

# %% rest
k = 2 * np.pi * np.arange(n - 2) / (n - 2)
resting = np.vstack([[0, 0, 1], [0, 0, -1], np.column_stack([np.cos(k), np.sin(k), 0 * k])])
