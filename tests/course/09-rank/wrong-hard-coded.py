"""What the visible tests ask for and no more; numbers and tokens of somebody else's copy."""

EXPECTED = {"digits-marks": 0, "leading-marks": 0, "simplex-marks": 0, "agree-marks": 0, "heads-marks": 0}

# %% digits
def spread_after(R, beta, p):
    return np.zeros(R.shape)

# %% leading
def leading(R, beta, p):
    return R - R.mean(axis=0)

# %% simplex
constant, depth, edge = 0.3217, 431, 1.117

# %% agree
agree = np.array([[2, 0, 0, 0], [0, 0, 2, 0], [-2, 0, 0, 0], [0, 0, -2, 0.0]])

# %% heads
def open_in_head(W, widths, h, n):
    return mf.closed_forms.head_freedom(n, len(widths), 3)
