"""Tokens that all attend to one, by saturation; no mean is taken off; the degree is taken for the factor."""

EXPECTED = {"digits-marks": 0, "leading-marks": 1, "simplex-marks": 2, "agree-marks": 0}

# %% digits
def spread_after(R, beta, p):
    squares = np.sum((R[:, None] - R) ** 2, axis=2)
    e = np.expm1(-beta * squares**p)
    rows = e.sum(axis=1, keepdims=True)
    return (e - rows / len(R)) @ R / (len(R) + rows)

# %% leading
def leading(R, beta, p):
    term = 2 * p * beta / len(R) * R @ R.T @ R
    return term - term.mean(axis=0)

# %% +simplex
constant = constant * (2 * p + 1)

# %% agree
values, vectors = np.linalg.eigh(B)
loud = vectors[:, 3]
agree = 8 * loud + 1.5 * np.array([[1, 0], [0, 1], [-1, 0], [0, -1]]) @ vectors[:, 1:3].T
agree = np.vstack([agree, 9.9 * loud])
