"""A series that is summed until its terms are zero, which they never are."""

EXPECTED = {"spread-marks": 0}

# %% spread
def mean_length(z0, q, omega):
    p, total = 0, 0.0
    while True:
        total = total + (1 - q) * q**p * (z0[::2] + 1j * z0[1::2]) * np.exp(-1j * p * omega)
        p += 1
        if q**p < 0:
            return np.linalg.norm(total)
