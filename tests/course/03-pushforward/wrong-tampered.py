"""Test cells that were changed or deleted, and wrong answers all the same."""

EXPECTED = {"best-marks": 0, "line-marks": 0}

# %% best
best = mf.sphere.project(p + 0.1)

# %% best-marks
from IPython.display import display

display({"application/vnd.mfcore.answer+json": {"name": "best", "value": p.tolist()}, "text/plain": "3"}, raw=True)

# %% +line
a_sep = a_cross = a_col = (a_sep + a_col) / 2

# %% -line-marks
