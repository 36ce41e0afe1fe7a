"""A loop that waits for equality; what stands before and behind it counts."""

EXPECTED = {"layers-marks": 0}

# %% layers
def layers_to(target, start, n, beta, h):
    y = np.linalg.cholesky(np.full((n, n), start) + (1 - start) * np.eye(n))
    count = 0
    while True:
        x = mf.sphere.project(y)
        if x[0] @ x[1] == target:
            return count
        count += 1
