"""Every solution that a chapter folds away is run, with what it needs of the chapter before it."""

import ast
import builtins
import contextlib
import io
import re
import symtable
import sys
import warnings
from pathlib import Path

import matplotlib
import nbformat
import pytest

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT / "book/_tools"))

import execute  # noqa: E402

BOOK = execute.notebooks()
BLOCK = re.compile(r"^```python\n(.*?)^```", re.S | re.M)
EXERCISE = re.compile(r"^`{3,}\{exercise\}.*\n:label: ([\w-]+)", re.M)


def solutions(path):
    """(label of the exercise, code) for each block of Python in a text of a chapter."""
    found = []
    for cell in nbformat.read(path, as_version=4).cells:
        if cell.cell_type == "markdown":
            labels = [(match.start(), match[1]) for match in EXERCISE.finditer(cell.source)]
            for block in BLOCK.finditer(cell.source):
                before = [label for start, label in labels if start < block.start()]
                found.append((before[-1] if before else path.stem, block[1]))
    return found


def names(code):
    """(bound, used) names of a piece of code: what its top level binds or fills, and what it takes from before."""
    bound, used = set(), set()
    for statement in ast.parse(code).body:
        binds, uses = _names(statement)
        used |= uses - bound
        bound |= binds
    return bound, used - set(dir(builtins))


def _names(statement):
    bound, used = set(), set()
    tables = [symtable.symtable(ast.unparse(statement), "solution", "exec")]
    for table in tables:
        tables += table.get_children()
        for symbol in table.get_symbols():
            top = table.get_type() == "module"
            if top and (symbol.is_assigned() or symbol.is_imported()):
                bound.add(symbol.get_name())
            if symbol.is_referenced() and (top or symbol.is_global()):
                used.add(symbol.get_name())
    for node in ast.walk(statement):
        filled = isinstance(node, ast.Subscript) and isinstance(node.ctx, ast.Store)
        filled |= isinstance(node, ast.Attribute) and node.attr in ("append", "extend", "update")
        if filled and isinstance(node.value, ast.Name):
            bound.add(node.value.id)
    return bound, used


def needed(cells, codes):
    """The cells, in order, that pieces of code rest on."""
    wanted, chosen = {name for code in codes for name in names(code)[1]}, set()
    grown = True
    while grown:
        grown = False
        for number, cell in enumerate(cells):
            bound, used = names(cell)
            if number not in chosen and bound & wanted:
                chosen.add(number)
                wanted |= used
                grown = True
    return [cells[number] for number in sorted(chosen)]


@pytest.mark.compiled
@pytest.mark.parametrize("path", BOOK, ids=lambda path: path.stem)
def test_the_solutions_run(path, monkeypatch):
    # As a chapter's kernel starts: in its own folder.
    monkeypatch.chdir(path.parent)
    monkeypatch.syspath_prepend(path.parent)
    matplotlib.use("agg")
    cells = [cell.source for cell in nbformat.read(path, as_version=4).cells if cell.cell_type == "code"]
    namespace, blocks = {"__name__": "__main__"}, solutions(path)
    for cell in needed(cells, [code for _, code in blocks]):
        run(cell, namespace)
    for label, code in blocks:
        if announced := re.search(r"^# (\w*Error): ", code, re.M):
            with pytest.raises(Exception) as raised:
                run(code, dict(namespace))
            assert raised.typename == announced[1], label
            continue
        shown = run(code, dict(namespace))
        assert shown.strip() or "assert " in code, f"{label}: the solution shows nothing"
        assert not re.search(r"\b(nan|inf)\b", shown), f"{label}: {shown}"


def test_every_chapter_has_solutions():
    without = [path.stem for path in BOOK if not solutions(path)]
    assert without == ["performance"]


def run(code, namespace):
    """What a piece of code prints or, as in a notebook, shows by its last line; a warning is an error."""
    tree = ast.parse(code)
    if isinstance(tree.body[-1], ast.Expr):
        tree.body[-1].value = ast.Call(ast.Name("print", ast.Load()), [tree.body[-1].value], [])
    shown = io.StringIO()
    with warnings.catch_warnings(), contextlib.redirect_stdout(shown):
        warnings.simplefilter("error", RuntimeWarning)
        exec(compile(ast.fix_missing_locations(tree), "solution", "exec"), namespace)
    return shown.getvalue()


def test_a_solution_rests_on_the_right_cells():
    cells = ["import math", "a = 2", "b = 3", "c = []", "for k in range(b):\n    c.append(k)", "def f():\n    return a + d", "d = 1"]
    assert names("x = 1\ny = x + z\nprint(y)") == ({"x", "y"}, {"z"})
    assert names("def g(x):\n    return x + h")[1] == {"h"} and names("[q for q in p]")[1] == {"p"}
    assert names("a[0] = 1") == ({"a"}, {"a"})
    assert needed(cells, ["f()"]) == [cells[1], cells[5], cells[6]]
    assert needed(cells, ["print(c)"]) == [cells[2], cells[3], cells[4]]
    assert needed(cells, ["a = 1\nprint(a)"]) == []


def test_a_wrong_solution_is_found():
    assert run("x = 2\nx + 1", {}) == "3\n" and run("print(4)", {}) == "4\nNone\n"
    for code in ("1 / 0", "assert 1 == 2", "unknown", "import numpy\nnumpy.float64(1) / 0"):
        with pytest.raises((ArithmeticError, AssertionError, NameError, RuntimeWarning)):
            run(code, {})
