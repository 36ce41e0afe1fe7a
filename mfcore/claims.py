"""Claims: statements with a number in them, checked where they are made.

A claim is a sentence, the number that theory predicts for it, the number that the code measured,
and how far apart the two may be. A claim that does not hold raises. In a notebook it is stored both
as text and as data, so that running the notebook again compares it, and the book's ledger of claims
is collected from there.
"""

import contextlib
import math
import numbers
import re
import sys
from decimal import Decimal, localcontext

#: MIME type under which a notebook stores a claim.
MIME = "application/vnd.mfcore.claim+json"

#: What each mark of provenance means.
PROVENANCES = {
    "paper": "claimed by the paper named",
    "canon": "a known result of the field",
    "ours": "derived for this book and confirmed numerically, or the outcome of the run shown",
    "open": "a general statement that numbers support and nobody has proved that we know of",
}

_RELATIONS = {
    "==": lambda measured, predicted, slack: abs(measured - predicted) <= slack,
    "<=": lambda measured, predicted, slack: measured <= predicted + slack,
    ">=": lambda measured, predicted, slack: measured >= predicted - slack,
}
_ID = re.compile(r"[a-z0-9-]+\.[a-z0-9-]+")

_sentences = {}
_recorders = []


class ClaimError(AssertionError):
    """A claim of the book does not hold."""


def claim(
    id, sentence, *, provenance, predicted, measured, atol=None, rtol=None, relation="=="
):
    """State a claim and check it.

    In IPython the claim is displayed; elsewhere it is printed.

    Parameters
    ----------
    id : str
        ``chapter.slug``, in lower-case letters, digits and hyphens. One id has one sentence.
    sentence : str
        What is claimed, as one sentence with a full stop.
    provenance : {"paper", "canon", "ours", "open"}
        Where the statement comes from, see `PROVENANCES`.
    predicted, measured : float
        The number that theory gives and the number that was found.
    atol, rtol : float, optional
        The tolerance, absolute or relative to `predicted`. Exactly one for ``==``. For an inequality
        it is an optional slack, needed when `predicted` is 0.
    relation : {"==", "<=", ">="}
        How `measured` must stand to `predicted`.

    Raises
    ------
    ClaimError
        If the claim does not hold, or either number is not finite.
    ValueError, TypeError
        If the claim itself is malformed.

    Notes
    -----
    The comparison uses the numbers as they come. What is stored and shown is rounded to the power of
    ten below the tolerance (without one, two powers of ten below `predicted`): rounding noise stays
    out of the notebooks and a changed result does not.
    """
    _check_words(id, sentence, provenance, relation)
    predicted = _number(predicted, "predicted")
    measured = _number(measured, "measured")
    slack, fault = _tolerance(relation, predicted, atol, rtol)

    if not fault and not (math.isfinite(predicted) and math.isfinite(measured)):
        fault = f"predicted is {predicted} and measured is {measured}: both must be finite"
    record = dict(
        id=id,
        sentence=sentence,
        provenance=provenance,
        predicted=predicted,
        measured=measured,
        tolerance=slack,
        relation=relation,
        passed=False,
    )
    if not fault:
        record["passed"] = bool(_RELATIONS[relation](measured, predicted, slack or 0.0))
        _round(record)
    _sentences[id] = sentence
    if _recorders:
        _recorders[-1].append(record)
        return
    if fault:
        raise ClaimError(f"Claim {id}: {fault}.")
    _show(record)
    if not record["passed"]:
        raise ClaimError(as_text(record))


@contextlib.contextmanager
def recording():
    """Collect claims instead of showing and raising them.

    Yields
    ------
    list of dict
        One record for each claim made inside the block, with ``passed`` false for those that fail
        or whose numbers are not finite.
    """
    records = []
    _recorders.append(records)
    try:
        yield records
    finally:
        _recorders.pop()


def numbers_of(record):
    """Return the numbers of a claim record as text.

    Parameters
    ----------
    record : dict
        As `claim` stores it.

    Returns
    -------
    dict of str
        ``predicted``, ``measured`` and ``tolerance`` (empty when there is none), each with the
        digits that mean something.
    """
    exponent = _exponent(record)
    tolerance = record["tolerance"]
    return {
        "predicted": _shown(record["predicted"], exponent),
        "measured": _digits(record["measured"], exponent),
        "tolerance": "" if tolerance is None else _tidy(f"{tolerance:g}"),
    }


def as_text(record):
    """Return a claim record as two lines of text."""
    text = numbers_of(record)
    verdict = "holds" if record["passed"] else "FAILS"
    tolerance = f", tolerance {text['tolerance']}" if text["tolerance"] else ""
    return (
        f"Claim {record['id']} ({record['provenance']}) {verdict}: {record['sentence']}\n"
        f"    predicted {record['relation']} {text['predicted']}, "
        f"measured {text['measured']}{tolerance}"
    )


def _check_words(id, sentence, provenance, relation):
    if not (isinstance(id, str) and _ID.fullmatch(id)):
        raise ValueError(
            f"id must be 'chapter.slug' in lower-case letters, digits and hyphens, got {id!r}"
        )
    if not isinstance(sentence, str):
        raise TypeError(f"sentence must be a string, got {type(sentence).__name__}")
    if sentence != sentence.strip() or not sentence.endswith(".") or "\n" in sentence:
        raise ValueError(f"sentence must be one line that ends with a full stop, got {sentence!r}")
    if _sentences.get(id, sentence) != sentence:
        raise ValueError(f"claim {id!r} was already made with another sentence: {_sentences[id]!r}")
    if provenance not in PROVENANCES:
        raise ValueError(f"provenance must be one of {', '.join(PROVENANCES)}, got {provenance!r}")
    if relation not in _RELATIONS:
        raise ValueError(f"relation must be one of {', '.join(_RELATIONS)}, got {relation!r}")


def _number(value, name):
    """Plain int or float; counts stay integers, so that they are shown as such."""
    if isinstance(value, numbers.Real) and not isinstance(value, bool):
        return int(value) if isinstance(value, numbers.Integral) else float(value)
    raise TypeError(f"{name} must be a real number, got {value!r}")


def _tolerance(relation, predicted, atol, rtol):
    """Return the slack (or None) and what is wrong with the prediction (or None)."""
    if atol is not None and rtol is not None:
        raise ValueError("atol and rtol exclude each other, got both")
    if relation == "==" and atol is None and rtol is None:
        raise ValueError("a claim with relation '==' needs atol or rtol, got neither")
    for name, value in (("atol", atol), ("rtol", rtol)):
        if value is not None and not 0 < _number(value, name) < math.inf:
            raise ValueError(f"{name} must be positive and finite, got {value!r}")
    if atol is not None:
        return float(atol), None
    if predicted == 0:
        # Not a ValueError when a wrong model is run with claims recorded: there the zero is a finding.
        if _recorders:
            return None, "predicted is 0, which sets no scale"
        raise ValueError("predicted is 0, which sets no scale: give atol")
    return (None if rtol is None else rtol * abs(predicted)), None


def _exponent(record):
    """Power of ten to which the numbers of a record are kept."""
    if record["tolerance"] is None:
        return Decimal(repr(record["predicted"])).adjusted() - 2
    tolerance = Decimal(repr(record["tolerance"])).normalize()
    # Strictly below: 0.03 is kept to 0.01, and 0.01 to 0.001.
    return tolerance.adjusted() - (tolerance.as_tuple().digits == (1,))


def _quantize(value, exponent):
    with localcontext() as context:
        context.prec = 800  # every float fits, whatever its exponent
        rounded = Decimal(repr(value)).quantize(Decimal((0, (1,), exponent)))
    return abs(rounded) if rounded == 0 else rounded  # no "-0.00"


def _few_digits(value):
    """The value in at most six digits when that is what it is, else None."""
    short = float(f"{value:.6g}")
    return short if math.isclose(short, value, rel_tol=1e-12) else None


def _round(record):
    """Leave in the record what may be stored: numbers without their noise."""
    if record["tolerance"] is not None:
        record["tolerance"] = float(f"{record['tolerance']:.3g}")
    exponent = _exponent(record)
    for name in ("predicted", "measured"):
        value = record[name]
        short = _few_digits(value) if name == "predicted" else None
        if isinstance(value, float):
            record[name] = float(_quantize(value, exponent)) if short is None else short


def _digits(value, exponent):
    """Fixed-point text down to 10**exponent, or powers of ten where that would be long."""
    if isinstance(value, int):
        return str(value)
    rounded = _quantize(value, exponent)
    if exponent < -6 and abs(rounded) < Decimal("0.1") or rounded.adjusted() > 6:
        return "0" if rounded == 0 else _tidy(f"{rounded:.{max(rounded.adjusted() - exponent, 0)}e}")
    return f"{rounded:.{max(-exponent, 0)}f}"


def _shown(predicted, exponent):
    if isinstance(predicted, int) or _few_digits(predicted) is None:
        return _digits(predicted, exponent)
    return _tidy(f"{predicted:g}")


def _tidy(text):
    return re.sub(r"e\+?(-?)0*(\d)", r"e\1\2", text)


def _show(record):
    shell = sys.modules.get("IPython") and sys.modules["IPython"].get_ipython()
    if not shell:
        print(as_text(record))
        return
    from IPython.display import display

    display({"text/plain": as_text(record), MIME: record}, raw=True)
