"""Submissions of the kinds that students hand in: the answers under `tests/course`, set into a course's own copies.

A file `tests/course/NAME/KIND.py` has a docstring that says what is right or wrong in it, a line `EXPECTED = {...}` with the points
of marked cells that are not full, and cells in percent format:

    # %% answer          the source of the cell `answer`, whichever it is
    # %% -answer         that cell is deleted
    # %% +answer         a new cell behind it

Cells that are not named hold the solution.
"""

import ast
import re
from pathlib import Path

import nbformat

from .sandbox import ROOT

BANK = ROOT / "tests/course"
CELL = re.compile(r"^# %% ([-+]?)([\w-]+)(?: \[markdown\])?$", re.M)
# A class in which everybody hands in something else.
CLASS = ("ada", "boris", "chen", "dora", "emil")


def kinds(name):
    """All submissions of the bank for one assignment: right ones, then wrong ones."""
    return sorted((BANK / name).glob("*.py"), key=lambda path: (not path.stem.startswith("right"), path.stem))


def expected(path):
    """Points of the cells that are not full."""
    for node in ast.parse(path.read_text(encoding="utf-8").split("\n# %%")[0]).body:
        if isinstance(node, ast.Assign) and node.targets[0].id == "EXPECTED":
            return ast.literal_eval(node.value)
    return {}


def submission(released, source, path):
    """A students' copy with the answers of a file of the bank; cells that it does not name hold the solution."""
    notebook = nbformat.from_dict(released)
    without = lambda text: "\n".join(line for line in text.splitlines() if not line.strip().startswith("### "))
    solutions = {cell.metadata.nbgrader.grade_id: without(cell.source) for cell in source.cells}
    for cell in notebook.cells:
        if cell.metadata.nbgrader.solution:
            cell.source = solutions[cell.metadata.nbgrader.grade_id]
    text = path.read_text(encoding="utf-8")
    marks = list(CELL.finditer(text))
    for mark, after in zip(marks, [*marks[1:], None], strict=True):
        body = text[mark.end() : after.start() if after else None].strip("\n")
        (place,) = [
            number for number, cell in enumerate(notebook.cells) if cell.metadata.get("nbgrader", {}).get("grade_id") == mark[2]
        ]
        if mark[1] == "-":
            del notebook.cells[place]
        elif mark[1] == "+":
            notebook.cells.insert(place + 1, nbformat.v4.new_code_cell(body))
        else:
            notebook.cells[place].source = body
    return notebook


def write(course, names=None, students=None, folder=None):
    """Write a class that has handed in: STUDENT/NAME/NAME.ipynb.

    Parameters
    ----------
    course : grader.Course
        One that is released.
    names : list of str, optional
        By default all assignments.
    students : callable, optional
        Name of an assignment -> {student: file of the bank}. By default a class of five.
    folder : Path, optional
        By default `sample` of the course.

    Returns
    -------
    Path
        The folder.
    """
    folder = folder or course.folder / "sample"
    released = sorted((course.folder / "release").glob("*/*.ipynb"))
    if not released:
        raise SystemExit(f"{course.folder} has no students' copies yet: run make release first.")
    for path in released:
        name = path.stem
        if names and name not in names:
            continue
        source = nbformat.read(course.folder / "source" / name / path.name, as_version=4)
        copy = nbformat.read(path, as_version=4)
        for student, kind in (students or classmates)(name).items():
            target = folder / student / name / path.name
            target.parent.mkdir(parents=True, exist_ok=True)
            nbformat.write(submission(copy, source, kind), target)
    return folder


def classmates(name):
    """Two who are right, and three who are not."""
    bank = kinds(name)
    right = [path for path in bank if path.stem.startswith("right")]
    wrong = [path for path in bank if not path.stem.startswith("right")]
    return dict(zip(CLASS, [*right[:2], *wrong[:3]], strict=True))
