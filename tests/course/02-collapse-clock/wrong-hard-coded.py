"""Numbers that were read off somebody else's copy, and functions that know the visible tests."""

EXPECTED = {
    "rate-marks": 0.5, "cooling-marks": 1, "layers-marks": 0, "late-marks": 0, "frozen-marks": 0, "rest-marks": 0
}

# %% rate
def rate(rho, n, beta, w):
    return mf.closed_forms.equiangular_rate(rho, n, beta) / w if w else 0.0

# %% cooling
def time_to(target, start, n, beta0, c):
    return mf.closed_forms.time_to_cosine(target, start, n, beta0) + c

# %% layers
def layers_to(target, start, n, beta, h):
    return 0 if start >= target else 5

# %% late
late_rate = 3.3

# %% frozen
frozen, critical = start + 0.01234, 0.5

# %% rest
resting = mf.sphere.sample(n, 3, np.random.default_rng(0))
