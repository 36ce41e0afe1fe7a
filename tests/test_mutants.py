"""Claims that can fail: each is turned red by a wrong model, and each wrong model turns some red."""

import json
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent / "mutants"))
import run

COMMITTED = json.loads(run.KILLED.read_text())


@pytest.mark.parametrize(("name", "chapter"), run.runs())
def test_a_mutant_turns_red_what_the_table_says(name, chapter):
    assert run.turned_red(name, chapter) == COMMITTED[name][chapter]


def test_the_table_has_just_the_runs_of_the_mutants():
    assert sorted((name, chapter) for name, row in COMMITTED.items() for chapter in row) == sorted(run.runs())


def test_each_mutant_kills_a_claim_in_each_of_its_chapters_and_each_claim_is_killed():
    assert list(run.complaints(COMMITTED)) == []


def test_what_survives_is_named():
    claims = list(run.claims_of_the_book())
    assert len(claims) > 15
    found = list(run.complaints({"idle": {"01-collapse": []}, "busy": {"01-collapse": claims[1:]}}))
    assert found == ["mutant idle turns no claim of 01-collapse red", f"claim {claims[0]} is turned red by no mutant"]


def test_the_table_speaks_of_claims_that_exist():
    assert {claim for row in COMMITTED.values() for red in row.values() for claim in red} <= set(run.claims_of_the_book())


def test_a_mutation_that_finds_no_text_is_an_error(tmp_path):
    change = {"file": "attention.py", "old": "no such text", "new": ""}
    with pytest.raises(ValueError, match="occurs 0 times"):
        run.mutate({"changes": [change]}, tmp_path)


def test_without_a_mutation_every_claim_holds(tmp_path, monkeypatch):
    monkeypatch.setattr(run, "mutants", lambda: {"none": {"changes": [], "chapters": ["01-collapse"]}})
    found = run.fates("none", "01-collapse")
    assert found and all(found.values())
