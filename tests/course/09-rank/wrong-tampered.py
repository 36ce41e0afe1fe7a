"""Test cells that were changed and deleted, and solutions that are wrong all the same: a sign, a sum for a mean."""

EXPECTED = {"digits-marks": 0, "leading-marks": 0, "heads-marks": 1}

# %% digits
def spread_after(R, beta, p):
    e = np.expm1(beta * np.sum((R[:, None] - R) ** 2, axis=2) ** p)
    rows = e.sum(axis=1, keepdims=True)
    moved = (e - rows / len(R)) @ R / (len(R) + rows)
    return moved - moved.mean(axis=0)

# %% digits-marks
from grading import export

export("spread_after", lambda R, beta, p: R)
4

# %% leading
def leading(R, beta, p):
    term = -beta * np.sum((R[:, None] - R) ** 2, axis=2) ** p @ R
    return term - term.mean(axis=0)

# %% -leading-marks

# %% heads
def open_in_head(W, widths, h, n):
    # as if all heads were written to one space, or each to its own
    rank = np.linalg.matrix_rank(W, rtol=1e-9)
    return n * widths[h] if rank < len(W) else 0
