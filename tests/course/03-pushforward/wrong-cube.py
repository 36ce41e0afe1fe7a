"""The cube of one scale; repetitions that end too early; the worst local maximum; one mass for all on the line."""

EXPECTED = {"best-marks": 0, "scales-marks": 0, "line-marks": 0}

# %% best
def climb(x):
    for _ in range(500):
        x = mf.sphere.project(np.exp(cold * (x + p) @ (x + p).T) @ (rho[:, None] * (x + p)))
    return x

ends = [climb(mf.sphere.sample(7, 3, np.random.default_rng(k))) for k in range(40)]
best = min(ends, key=lambda x: energy(x, p, rho, cold))

# %% scales
def spread(p, beta, sq, sk, sv):
    m = p.mean(axis=0)
    x = np.tile(m / np.linalg.norm(m), (len(p), 1))
    for _ in range(20):
        x = mf.sphere.project(np.exp(beta * (x + sq * p) @ (x + sk * p).T) @ (x + sq * p))
    return x - x.mean(axis=0)


def law(p, beta, sq, sk, sv):
    return mf.closed_forms.cubic_spread(p, beta, sv)

# %% line
a_sep, a_col = mf.closed_forms.two_point_stability(beta)
a_cross = mf.closed_forms.two_point_threshold(beta)
