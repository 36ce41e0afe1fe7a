"""How an answer is compared with the right one, and what a student is told when it is not: never the answer itself.

An answer is what `inside/grading.py` handed out: `{"value": ...}`, or for a function `{"values": [...]}` with one entry a
call, each `{"value": ...}` or `{"error": "..."}`; None if nothing came. It is foreign: nothing of it is trusted.

The right one is a number, an array, a text, or, where more than one is right, a test: a function of the answer, an array of
floats, that returns what is wrong with it, a sentence, or "". What it raises counts as wrong.
"""

from dataclasses import dataclass

import numpy as np

MOST_NUMBERS = 200_000


@dataclass(frozen=True)
class Mark:
    """Points that a part of a cell is worth, what the part is, and what is wrong with it ("" if nothing)."""

    points: float
    part: str
    fault: str = ""


def value(answer, want, points, part, *, rtol=0.0, atol=0.0):
    """Mark of one answer."""
    return Mark(points, part, _fault(answer, want, rtol, atol))


def calls(answer, want, parts, *, rtol=0.0, atol=0.0):
    """Marks of a function: `parts` are (points, part, numbers of calls), and a part is right if all its calls are."""
    got = answer.get("values") if isinstance(answer, dict) else None
    marks = []
    for points, part, numbers in parts:
        faults = []
        for number in numbers:
            entry = got[number] if isinstance(got, list) and number < len(got) else None
            faults.append(_fault(entry, want[number], rtol, atol))
        marks.append(Mark(points, part, next((fault for fault in faults if fault), "")))
    return marks


def _fault(entry, want, rtol, atol):
    """What is wrong with an answer, one sentence, or ""."""
    if isinstance(want, str):
        got = entry.get("value") if isinstance(entry, dict) else None
        return "" if isinstance(got, str) and got.strip().lower() == want.lower() else _array(entry, text=True)[0] or "not this one"
    problem, got = _array(entry)
    if problem:
        return problem
    if callable(want):
        try:
            return want(got)
        except Exception:
            return "it is wrong"
    want = np.asarray(want, float)
    if got.shape != want.shape:
        if got.size == want.size == 1:
            got = got.reshape(want.shape)
        else:
            return f"an array of shape {want.shape} was expected, and this one has shape {got.shape}"
    # The size of the whole answer, for an entry that is zero by symmetry has none of its own.
    allowed = atol + rtol * np.abs(want).max(initial=0)
    close = lambda other: bool(np.all(np.abs(other - want) <= allowed))
    if not np.isfinite(got).all():
        return "it holds NaN or infinity"
    if close(got):
        return ""
    if close(-got):
        return "the sign is wrong"
    if want.ndim == 2 and got.shape == want.T.shape and close(got.T):
        return "it is transposed"
    scale = np.vdot(got, want) / np.vdot(got, got) if want.size > 1 and np.any(got) else 0
    if scale and close(scale * got):
        return "it is off by a constant factor"
    if np.all(np.abs(got - want) <= 10 * allowed):
        return "it is close, but not as accurate as asked"
    return "it is wrong"


def _array(entry, text=False):
    """(fault, array of floats) of one entry."""
    if not isinstance(entry, dict):
        return "no answer came out of this cell", None
    if "error" in entry:
        return f"the call raised {str(entry['error'])[:200]}", None
    got = entry.get("value")
    if text:
        return ("" if isinstance(got, str) else "a text was expected"), None
    if got is None:
        return "the answer is None", None
    try:
        array = np.asarray(got, dtype=float)
    except (TypeError, ValueError, OverflowError):
        return "numbers were expected", None
    if array.size > MOST_NUMBERS:
        return f"it has {array.size} numbers", None
    return "", array
