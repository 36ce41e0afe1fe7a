"""What a marked cell calls while it is graded: give a student's function its inputs, hand out what it returns.

Runs beside foreign code, which can change anything here. So nothing is judged in this process: all that leaves it are
plain numbers, and another process, which foreign code never enters, compares them.
"""

import json
import os

import numpy as np
from IPython.display import display

EXPORT = "application/vnd.mfcore.answer+json"


def export(name, value):
    """Hand out an answer: numbers, an array, a text, or a function's values at the inputs that are kept for it."""
    if callable(value):
        answer = {"values": [call(value, arguments) for arguments in given(name)]}
    else:
        answer = call(lambda: value, ())
    display({EXPORT: {"name": name, **answer}, "text/plain": f"(handed in: {name})"}, raw=True)


def call(function, arguments):
    """One call, as numbers, or the error that it raised."""
    try:
        return {"value": plain(function(*arguments))}
    except Exception as error:
        return {"error": f"{type(error).__name__}: {error}"[:300]}


def given(name):
    """The inputs of a function: a list of tuples of numbers and arrays, new copies at each call."""
    with open(os.environ["MFCORE_GIVEN"], encoding="utf-8") as file:
        calls = json.load(file)[name]
    return [tuple(np.array(item) if isinstance(item, list) else item for item in arguments) for arguments in calls]


def plain(value):
    """Numbers and arrays as what JSON holds; anything that is neither is a `TypeError`."""
    if isinstance(value, int):
        return value if abs(value) < 2**63 else float(value)
    if value is None or isinstance(value, (str, float)):
        return value
    if isinstance(value, tuple | list) and any(isinstance(item, str) for item in value):
        return [plain(item) for item in value]
    array = np.asarray(value)
    if array.dtype.kind not in "biuf":
        raise TypeError(f"a number or an array of numbers was expected, not {type(value).__name__}")
    return array.tolist()
