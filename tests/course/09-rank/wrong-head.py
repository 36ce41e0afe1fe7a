"""A head without its neighbours, a form on the wrong pair of directions, the limit with the wrong logarithm."""

EXPECTED = {"simplex-marks": 2, "agree-marks": 0, "heads-marks": 0}

# %% +simplex
constant = constant / np.log(10)

# %% agree
values, vectors = np.linalg.eigh(B)
agree = np.array([[2, 0], [0, 2], [-2, 0], [0, -2]]) @ vectors[:, [0, 3]].T

# %% heads
def open_in_head(W, widths, h, n):
    first = int(sum(widths[:h]))
    if len(W) == 6 and W.shape[1] == 3:
        return mf.closed_forms.head_freedom(n, 2, 3)
    return n * (widths[h] - np.linalg.matrix_rank(W[first : first + int(widths[h])], rtol=1e-9))
