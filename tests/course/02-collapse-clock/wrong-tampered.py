"""Test cells that were changed and deleted, and wrong answers all the same; tokens at rest, to three digits only."""

EXPECTED = {"late-marks": 0, "frozen-marks": 2, "rest-marks": 0}

# %% late
late_rate = 2 * len(own) / (len(own) - 1 + own.mean())

# %% late-marks
from IPython.display import display

display({"application/vnd.mfcore.answer+json": {"name": "late", "value": 1.1}, "text/plain": "1.1"}, raw=True)

# %% +frozen
frozen = start

# %% -frozen-marks

# %% +rest
resting = np.round(resting, 3)
resting /= np.linalg.norm(resting, axis=1, keepdims=True)
