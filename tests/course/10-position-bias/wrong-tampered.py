"""Test cells that were changed and deleted, and solutions that are wrong all the same: a column for a row, a list."""

EXPECTED = {"shares-marks": 0, "sink-marks": 0, "late-marks": 0}

# %% shares
def shares(n, layers):
    P = np.eye(n)
    for D, w, alpha, g in layers:
        P = weights(n, int(D), int(w), alpha, g) @ P
    return P[:, 0]

# %% shares-marks
from IPython.display import display

display({"application/vnd.mfcore.answer+json": {"name": "half_sink", "value": 0.1}, "text/plain": "3"}, raw=True)
3

# %% sink
half_sink = [0.1, 0.1]

# %% -sink-marks

# %% late
late_rate = 0.5
