"""Signs of scales that were forgotten, a velocity against the pull, thresholds in the wrong order, a speed that is
too small."""

EXPECTED = {"mass-marks": 1, "scales-marks": 2, "line-marks": 2, "almost-marks": 0}

# %% mass
def energy(x, p, rho, beta):
    z = x + p
    return (np.outer(rho, rho) * np.exp(beta * z @ z.T)).sum() / (2 * beta)


def velocity(x, p, rho, beta):
    z = x + p
    w = np.exp(beta * z @ z.T) * rho
    g = w @ z / w.sum(axis=1, keepdims=True)
    return x * (x * g).sum(axis=1, keepdims=True) - g

# %% scales
def spread(p, beta, sq, sk, sv):
    sq, sk, sv = abs(sq), abs(sk), abs(sv)
    x = np.tile(np.eye(p.shape[1])[0], (len(p), 1))
    for _ in range(3000):
        x = mf.sphere.project(np.exp(beta * (x + sq * p) @ (x + sk * p).T) @ (x + sv * p))
    return x - x.mean(axis=0)


def law(p, beta, sq, sk, sv):
    return mf.closed_forms.cubic_spread(p, beta, abs(sq * sk * sv) ** (1 / 3))

# %% +line
a_sep, a_col = a_col, a_sep

# %% almost
almost = np.column_stack([np.linspace(0.5, 0.6, n), 0.05 * (-1.0) ** np.arange(n)])
