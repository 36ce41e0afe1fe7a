"""Claims: what holds, what fails, what is stored."""

import json
import math
import subprocess
import sys
from unittest import mock

import numpy as np
import pytest

from mfcore import claims
from mfcore.claims import ClaimError, claim

GOOD = dict(provenance="ours", predicted=3, measured=2.98, atol=0.03)


@pytest.fixture(autouse=True)
def no_memory(monkeypatch):
    monkeypatch.setattr(claims, "_sentences", {})


def record(**changes):
    with claims.recording() as records:
        claim("test.id", "A sentence.", **{**GOOD, **changes})
    return records[0]


@pytest.mark.parametrize(
    "changes, passed",
    [
        (dict(measured=3.03 - 1e-9), True),
        (dict(measured=3.04), False),
        (dict(measured=2.96), False),
        (dict(atol=None, rtol=0.01, measured=3.029), True),
        (dict(atol=None, rtol=0.01, measured=3.031), False),
        (dict(predicted=-3, measured=-3.02, atol=None, rtol=0.01), True),
        (dict(relation="<=", atol=None, measured=3), True),
        (dict(relation="<=", atol=None, measured=math.nextafter(3, 4)), False),
        (dict(relation="<=", measured=3.02), True),
        (dict(relation="<=", measured=-100), True),
        (dict(relation=">=", atol=None, measured=3), True),
        (dict(relation=">=", atol=None, measured=2.999), False),
        (dict(relation=">=", predicted=0, measured=-1e-13, atol=1e-12), True),
        (dict(relation=">=", predicted=0, measured=-2e-12, atol=1e-12), False),
        (dict(measured=math.nan), False),
        (dict(measured=math.inf), False),
        (dict(predicted=math.nan), False),
        (dict(predicted=0, atol=None, rtol=0.1), False),
        (dict(relation=">=", atol=None, measured=math.inf), False),
    ],
)
def test_verdict(changes, passed):
    assert record(**changes)["passed"] is passed


def test_a_claim_that_holds_prints_and_returns_nothing(capsys):
    assert claim("test.id", "A sentence.", **GOOD) is None
    assert capsys.readouterr().out == (
        "Claim test.id (ours) holds: A sentence.\n    predicted == 3, measured 2.98, tolerance 0.03\n"
    )


@pytest.mark.parametrize("measured", [2.9, math.nan, math.inf, -math.inf])
def test_a_claim_that_fails_raises(measured):
    with pytest.raises(ClaimError, match="test.id"):
        claim("test.id", "A sentence.", **{**GOOD, "measured": measured})
    assert issubclass(ClaimError, AssertionError)


def test_the_comparison_is_not_of_the_rounded_value():
    stored = record(measured=3.0301)
    assert not stored["passed"] and stored["measured"] == 3.03


@pytest.mark.parametrize(
    "changes, predicted, measured, tolerance",
    [
        (dict(measured=2.98349), "3", "2.98", "0.03"),
        (dict(atol=0.01, measured=2.99949), "3", "2.999", "0.01"),
        (dict(atol=None, rtol=0.01, measured=2.98349), "3", "2.98", "0.03"),
        (dict(atol=0.1, measured=2.98), "3", "2.98", "0.1"),
        (dict(predicted=1 / 3, atol=1e-4, measured=0.33334321), "0.33333", "0.33334", "0.0001"),
        (dict(predicted=0.341639, atol=1e-6, measured=0.34163912), "0.341639", "0.3416391", "1e-6"),
        (dict(predicted=0, atol=1e-9, measured=-1e-12), "0", "0", "1e-9"),
        (dict(predicted=0, atol=1e-9, measured=-2.345e-10), "0", "-2e-10", "1e-9"),
        (dict(relation="<=", predicted=1e-9, atol=None, measured=3.23456e-10), "1e-9", "3.2e-10", ""),
        (dict(relation="<=", predicted=1e-9, atol=None, measured=3.2e-13), "1e-9", "0", ""),
        (dict(relation=">=", predicted=0.05, atol=None, measured=0.712345), "0.05", "0.7123", ""),
        (dict(predicted=1e10 / 3, atol=None, rtol=1e-3, measured=3.3341e9), "3.333e9", "3.334e9", "3.33e6"),
        (dict(predicted=20, atol=0.5, measured=20), "20", "20", "0.5"),
        (dict(predicted=np.float64(3), measured=np.float32(2.98)), "3", "2.98", "0.03"),
        (dict(predicted=np.int64(3), measured=np.int32(3)), "3", "3", "0.03"),
        (dict(predicted=0.1 + 0.2, atol=0.01, measured=0.3), "0.3", "0.300", "0.01"),
        (dict(predicted=1e300, atol=None, rtol=0.1, measured=1.04e300), "1e300", "1.04e300", "1e299"),
    ],
)
def test_what_is_shown(changes, predicted, measured, tolerance):
    stored = record(**changes)
    assert claims.numbers_of(stored) == dict(predicted=predicted, measured=measured, tolerance=tolerance)
    # What is read back from a notebook is shown in the same way.
    assert claims.numbers_of(json.loads(json.dumps(stored))) == claims.numbers_of(stored)
    assert float(measured) == stored["measured"]


@pytest.mark.parametrize("value", [0.3416393, 2.98, 1e-7, 123456.0])
def test_rounding_noise_does_not_reach_what_is_stored(value):
    noise = [record(predicted=value, measured=value * (1 + k * 2e-15), atol=None, rtol=1e-3) for k in range(9)]
    assert all(stored == noise[0] for stored in noise)
    changed = record(predicted=value, measured=value * 1.0009, atol=None, rtol=1e-3)
    assert changed["passed"] and changed["measured"] != noise[0]["measured"]


@pytest.mark.parametrize(
    "arguments, changes, error, message",
    [
        (("noslug", "A sentence."), {}, ValueError, "id must be 'chapter.slug'"),
        (("Test.Id", "A sentence."), {}, ValueError, "id must be"),
        (("a.b.c", "A sentence."), {}, ValueError, "id must be"),
        ((3, "A sentence."), {}, ValueError, "id must be"),
        (("test.id", 3), {}, TypeError, "sentence must be a string, got int"),
        (("test.id", "No stop"), {}, ValueError, "full stop"),
        (("test.id", ""), {}, ValueError, "full stop"),
        (("test.id", "Two\nlines."), {}, ValueError, "full stop"),
        (("test.id", "A sentence."), dict(provenance="mine"), ValueError, "paper, canon, ours, open, got 'mine'"),
        (("test.id", "A sentence."), dict(relation="<"), ValueError, "relation must be one of"),
        (("test.id", "A sentence."), dict(rtol=0.1), ValueError, "got both"),
        (("test.id", "A sentence."), dict(atol=None), ValueError, "needs atol or rtol, got neither"),
        (("test.id", "A sentence."), dict(atol=0), ValueError, "atol must be positive and finite, got 0"),
        (("test.id", "A sentence."), dict(atol=-1.0), ValueError, "positive and finite"),
        (("test.id", "A sentence."), dict(atol=math.inf), ValueError, "positive and finite"),
        (("test.id", "A sentence."), dict(atol=math.nan), ValueError, "positive and finite"),
        (("test.id", "A sentence."), dict(atol="0.1"), TypeError, "atol must be a real number"),
        (("test.id", "A sentence."), dict(predicted=0, atol=None, rtol=0.1), ValueError, "give atol"),
        (("test.id", "A sentence."), dict(predicted=0, atol=None, relation="<="), ValueError, "give atol"),
        (("test.id", "A sentence."), dict(measured="3"), TypeError, "measured must be a real number, got '3'"),
        (("test.id", "A sentence."), dict(measured=True), TypeError, "measured must be a real number"),
        (("test.id", "A sentence."), dict(measured=3 + 0j), TypeError, "measured must be a real number"),
        (("test.id", "A sentence."), dict(measured=None), TypeError, "measured must be a real number"),
        (("test.id", "A sentence."), dict(predicted=np.ones(2)), TypeError, "predicted must be a real number"),
    ],
)
def test_malformed(arguments, changes, error, message):
    with pytest.raises(error) as caught:
        claim(*arguments, **{**GOOD, **changes})
    assert message in str(caught.value) and "\n" not in str(caught.value)
    assert not isinstance(caught.value, ClaimError)


def test_one_id_has_one_sentence():
    claim("test.id", "A sentence.", **GOOD)
    claim("test.id", "A sentence.", **GOOD)
    with pytest.raises(ValueError, match="already made with another sentence"):
        claim("test.id", "Another sentence.", **GOOD)


def test_recording_is_silent_and_ends(capsys):
    with claims.recording() as outer:
        claim("test.id", "A sentence.", **GOOD)
        with claims.recording() as inner:
            claim("test.other", "A sentence.", **{**GOOD, "measured": 9})
    assert [r["id"] for r in outer] == ["test.id"] and [r["passed"] for r in inner] == [False]
    assert capsys.readouterr().out == ""
    with pytest.raises(ClaimError):
        claim("test.other", "A sentence.", **{**GOOD, "measured": 9})
    with pytest.raises(KeyError), claims.recording():
        raise KeyError
    assert not claims._recorders


def test_in_ipython_one_bundle_is_displayed(capsys):
    IPython = pytest.importorskip("IPython")
    with (
        mock.patch.object(IPython, "get_ipython", return_value=object()),
        mock.patch("IPython.display.display") as display,
    ):
        claim("test.id", "A sentence.", **GOOD)
    (bundle,), options = display.call_args
    assert options == {"raw": True} and display.call_count == 1
    assert set(bundle) == {"text/plain", "application/vnd.mfcore.claim+json"}
    assert bundle[claims.MIME] == dict(
        id="test.id", sentence="A sentence.", provenance="ours", predicted=3, measured=2.98,
        tolerance=0.03, relation="==", passed=True,
    )
    assert capsys.readouterr().out == ""


def test_ipython_and_matplotlib_stay_unimported():
    code = (
        "import sys, mfcore as mf\n"
        "mf.claim('a.b', 'A sentence.', provenance='ours', predicted=1, measured=1, atol=.1)\n"
        "assert not {'IPython', 'matplotlib', 'docutils'} & set(sys.modules), sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True, stdout=subprocess.DEVNULL)
