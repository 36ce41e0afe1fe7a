"""An ascent that waits until nothing changes, to the last bit, from a state that goes on for ever."""

EXPECTED = {"best-marks": 0}

# %% best
x = mf.sphere.project(np.arange(21.0).reshape(7, 3) + 1)
while True:
    y = mf.sphere.project(np.exp(cold * (x + p) @ (x + p).T) @ (rho[:, None] * (x + p)))
    if energy(y, p, rho, cold) < energy(x, p, rho, cold) - 1:
        break
    x = y
best = x
