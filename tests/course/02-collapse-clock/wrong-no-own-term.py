"""The factor multiplies the pull as well; attention without softmax; layers with the projection; all tokens at one
point."""

EXPECTED = {"rate-marks": 0.5, "cooling-marks": 0, "layers-marks": 0, "late-marks": 0, "rest-marks": 0}

# %% rate
def rate(rho, n, beta, w):
    return 2 * w * (1 - rho) * (1 + (n - 1) * rho) / (w * np.exp(beta * (1 - rho)) + n - 1)

# %% cooling
def time_to(target, start, n, beta0, c):
    t, r = 0.0, start
    while r < target:
        r = r + 0.001 * mf.closed_forms.equiangular_rate(r, n, beta0 + c * t, "none")
        t = t + 0.001
    return t

# %% layers
def layers_to(target, start, n, beta, h):
    y = np.linalg.cholesky(np.full((n, n), start) + (1 - start) * np.eye(n))
    count = 0
    while True:
        x = mf.sphere.project(y)
        if x[0] @ x[1] >= target:
            return count
        a = np.exp(beta * x @ x.T)
        y = y + h * mf.sphere.tangent(x, a @ x / a.sum(axis=1, keepdims=True))
        count += 1

# %% late
late_rate = 2.0

# %% rest
resting = np.tile([0.0, 0.0, 1.0], (n, 1))
