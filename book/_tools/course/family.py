"""An assignment as a family: one notebook, whose parameters a course's seed draws, and whose answers are computed.

A folder `book/assignments/NAME` holds `NAME.ipynb`, with solutions and hidden tests, and `marking.py`, which defines

    parameters(rng)            the numbers of the first code cell, a dict
    given(rng, p)              the hidden inputs of functions: name -> list of tuples of arguments
    CELLS                      id of a marked cell -> function(answers, given, p) -> list of `check.Mark`

with `p` the parameters as attributes, and `answers` what the student's notebook handed out, by name (None if nothing came).
"""

import hashlib
import importlib.util
import json
import re
from collections import defaultdict
from functools import cache
from pathlib import Path
from types import SimpleNamespace

import nbformat
import numpy as np

from . import check

BOOK = Path(__file__).parents[2]
SOURCES = BOOK / "assignments"
PARAMETERS = "parameters"
ASSIGNMENT = re.compile(r"^(\w+) = .*?((?:  #.*)?)$")


def names():
    """All assignments, in alphabetical order."""
    return sorted(path.parent.name for path in SOURCES.glob("*/marking.py"))


@cache
def load(name):
    """An assignment by name; `ValueError` for a name that there is not."""
    if name not in names():
        raise ValueError(f"there is no assignment {name!r}: there are {', '.join(names())}")
    spec = importlib.util.spec_from_file_location(f"marking_of_{name.replace('-', '_')}", SOURCES / name / "marking.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return Assignment(name, module)


class Assignment:
    """One assignment: its source, its parameters, and the marks of a set of answers."""

    def __init__(self, name, marking):
        self.name, self.marking = name, marking
        self.path = SOURCES / name / f"{name}.ipynb"

    def parameters(self, seed):
        """What the seed of a course draws: numbers, texts and arrays by name."""
        return self.marking.parameters(generator(seed, self.name))

    def source(self, seed):
        """The instructor's notebook with the parameters of a course."""
        notebook = nbformat.read(self.path, as_version=4)
        (cell,) = [c for c in notebook.cells if c.metadata.get("nbgrader", {}).get("grade_id") == PARAMETERS]
        drawn = {name: written(value) for name, value in self.parameters(seed).items()}
        lines = []
        for line in cell.source.splitlines():
            match = ASSIGNMENT.match(line)
            lines.append(f"{match[1]} = {drawn.pop(match[1])}{match[2]}" if match and match[1] in drawn else line)
        if drawn:
            raise ValueError(f"{self.name}: the first code cell has no line for {', '.join(drawn)}")
        cell.source = "\n".join(lines)
        return notebook

    def given(self, seed, salt):
        """Hidden inputs, as JSON holds them; other ones for each student and each version of a submission."""
        drawn = self.marking.given(generator(seed, self.name, salt), SimpleNamespace(**self.parameters(seed)))
        return plain(drawn)

    def verdicts(self, answers, seed, salt):
        """Marks by cell: id -> list of `check.Mark`."""
        p = SimpleNamespace(**self.parameters(seed))
        drawn = self.marking.given(generator(seed, self.name, salt), p)
        return {cell: list(marks(defaultdict(lambda: None, answers), drawn, p)) for cell, marks in self.marking.CELLS.items()}

    def digest(self):
        """Changes when the way of marking does."""
        files = [self.path, self.path.with_name("marking.py"), Path(check.__file__)]
        return hashlib.sha256(b"".join(file.read_bytes() for file in files)).hexdigest()


def generator(*key):
    """A random generator from texts: a course's seed is a text of any length, so that it cannot be tried out."""
    return np.random.default_rng(int.from_bytes(hashlib.sha256(json.dumps(key).encode()).digest(), "big"))


def written(value):
    """A parameter as a line of Python shows it."""
    if isinstance(value, np.generic):
        value = value.item()
    if isinstance(value, np.ndarray):
        return f"np.array({value.tolist()})"
    if isinstance(value, str | bool | int | float):
        return repr(value)
    raise TypeError(f"a parameter is a number, a text or an array of the standard kinds, not {type(value)}")


def plain(value):
    """Dicts, lists, tuples and arrays as what JSON holds."""
    if isinstance(value, dict):
        return {key: plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [plain(item) for item in value]
    return value.tolist() if isinstance(value, np.ndarray | np.generic) else value
