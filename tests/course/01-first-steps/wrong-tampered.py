"""Test cells that were changed and deleted, and a solution that is wrong all the same."""

EXPECTED = {"weights-marks": 0, "velocity-marks": 1, "flow-marks": 0}

# %% weights
def weights(x, B):
    return x @ B @ x.T

# %% weights-marks
from IPython.display import display

display({"application/vnd.mfcore.answer+json": {"name": "weights", "value": 3}, "text/plain": "3"}, raw=True)
3

# %% -velocity-marks
