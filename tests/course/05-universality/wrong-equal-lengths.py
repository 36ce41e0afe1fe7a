"""Positions for features of one length; the chapter's bound for equal masses; the velocity's tangent not turned along."""

EXPECTED = {"lengths-marks": 0, "bound-marks": 0, "growth-marks": 0, "critical-marks": 0}

# %% lengths
positions = mf.positions_for(targets, beta, lengths.mean()).p

# %% bound
enough = np.sqrt(mf.closed_forms.universality_bound(len(masses)) / beta) * 0.9

# %% growth
def growth(x, p, beta):
    z = x + p
    t = np.column_stack([-x[:, 1], x[:, 0]])
    w = np.exp(beta * z @ z.T - (beta * z @ z.T).max(axis=1, keepdims=True))
    w = w / w.sum(axis=1, keepdims=True)
    return np.linalg.eigvals(w * (t @ t.T) * (1 + beta)).real.max()

# %% critical
critical = 1.2001
