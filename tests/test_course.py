"""The course: what is handed out, what is marked right and wrong, and what foreign notebooks can do.

`make test` marks two right and three wrong submissions an assignment, `make test-course` all of the bank.
"""

import csv
import json
import re
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path
from types import SimpleNamespace

import nbformat
import numpy as np
import pytest

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT / "book/_tools"))

import leaks  # noqa: E402
from course import check, family, grader, marking, release, sample, sandbox, submission  # noqa: E402

NAMES = family.names()
SEED = "the seed of these tests"
# An infinite loop is to cost a test seconds.
LIMITS = sandbox.Limits(cell=10, total=60)

walled = pytest.mark.skipif(sandbox.missing() is not None, reason=str(sandbox.missing()))
each = pytest.mark.parametrize("name", NAMES)


def regions(cell, kind):
    """Lines of a cell between BEGIN and END of a kind."""
    inside, lines = False, []
    for line in cell.source.splitlines():
        if f"BEGIN {kind}" in line or f"END {kind}" in line:
            inside = f"BEGIN {kind}" in line
        elif inside:
            lines.append(line)
    return lines


# The sources


@each
def test_the_source_is_whole(name):
    assignment = family.load(name)
    notebook = nbformat.read(assignment.path, as_version=4)
    text = "\n".join(cell.source for cell in notebook.cells)
    settings = [cell.metadata.nbgrader for cell in notebook.cells]
    assert len({s.grade_id for s in settings}) == len(settings)
    assert all(not cell.get("outputs") and not cell.get("attachments") for cell in notebook.cells)
    for word in ("**Read before**", "**You need**", "**Time**", "**Points**", "## An open end"):
        assert word in text, word
    points = 0
    for cell, setting in zip(notebook.cells, settings, strict=True):
        points += setting.get("points", 0)
        assert bool(regions(cell, "SOLUTION")) == setting.solution, setting.grade_id
        if setting.grade and setting.solution:
            assert cell.cell_type == "markdown" and "*Rubric.*" in cell.source, setting.grade_id
        elif setting.grade:
            assert regions(cell, "HIDDEN TESTS"), f"{setting.grade_id} hands nothing out"
            assert re.search(rf"## .*\({setting.points} points?", text), f"{setting.points} points are announced nowhere"
    assert re.search(rf"\*\*Points\*\* \| {points}\b", text), points
    by_machine = {s.grade_id: s.points for s in settings if s.grade and not s.solution}
    verdicts = assignment.verdicts({}, SEED, "nobody")
    assert {cell: sum(mark.points for mark in marks) for cell, marks in verdicts.items()} == by_machine
    assert all(mark.fault for marks in verdicts.values() for mark in marks), "points for no answer"


@each
def test_every_course_has_its_own_numbers(name):
    assignment = family.load(name)
    drawn = [json.dumps(family.plain(assignment.parameters(seed))) for seed in ("a", "b", "c", "d")]
    assert len(set(drawn)) == 4
    assert drawn[0] == json.dumps(family.plain(assignment.parameters("a")))
    one, other = (json.dumps(assignment.given("a", salt)) for salt in ("one", "other"))
    assert one != other, "hidden inputs are the same for all students"


# Marks


@pytest.fixture(scope="module", autouse=True)
def one_cache(tmp_path_factory):
    """All courses of these tests share what is compiled."""
    with pytest.MonkeyPatch.context() as patch:
        folder = tmp_path_factory.mktemp("cache")
        folder.chmod(0o755)
        patch.setattr(grader.Course, "cache", lambda self: folder / "compiled")
        yield


@pytest.fixture(scope="module")
def course(tmp_path_factory):
    """An empty course."""
    course = grader.Course(tmp_path_factory.mktemp("course"), limits=LIMITS)
    release.begin(course, SEED)
    return course


def hand_out(course, name):
    """Release an assignment, unless a test before did."""
    if not (course.folder / "release" / name).is_dir():
        release.release(course, names=[name])


@walled
@each
def test_right_ones_get_full_marks_and_wrong_ones_what_the_table_says(name, course, request):
    hand_out(course, name)
    kinds = sample.kinds(name)
    right = [path for path in kinds if path.stem.startswith("right")]
    wrong = [path for path in kinds if path.stem.startswith("wrong")]
    assert len(right) >= 3 and len(wrong) >= 10 and len(kinds) == len(right) + len(wrong)
    if not request.config.getoption("--whole-course"):
        kinds = right[:2] + wrong[:3]
    class_of = lambda _: {f"{name}.{path.stem}": path for path in kinds}
    folder = course.folder / f"class-{name}"
    sample.write(course, [name], class_of, folder)
    assert marking.grade(course, folder, jobs=1) == []
    table, found = {}, {}
    for student, path in class_of(name).items():
        marks = course.marks(student, name)
        table[path.stem] = sample.expected(path)
        found[path.stem] = {cell: score for cell, (score, most) in marks.items() if score is not None and score < most}
    assert found == table
    assert all(not table[path.stem] for path in kinds if path in right)
    assert all(table[path.stem] for path in kinds if path in wrong)


@walled
@each
def test_answers_of_another_course_are_wrong(name, course):
    """Whoever looks up the numbers of another seed, and does not compute, gets nothing for them."""
    hand_out(course, name)
    answers = {}
    for seed in (SEED, "another"):
        assignment = family.load(name)
        cells = [cell.source for cell in assignment.source(seed).cells if cell.cell_type == "code"]
        outputs, ending = sandbox.run(cells, assignment.given(seed, "x"), limits=LIMITS, cache=course.cache())
        assert not ending
        answers[seed] = {key: answer for shown in outputs for key, answer in grader.handed_out(shown)}
    own, copied = (assignment.verdicts(answers[seed], SEED, "x") for seed in answers)
    assert not any(mark.fault for marks in own.values() for mark in marks), own
    assert all(any(mark.fault for mark in marks) for marks in copied.values()), copied


# How an answer is compared


GRID = np.arange(6.0).reshape(2, 3) - 2


@pytest.mark.parametrize(
    "answer, fault",
    [
        ({"value": GRID.tolist()}, ""),
        ({"value": (GRID + 1e-7).tolist()}, ""),
        ({"value": (GRID + 1e-5).tolist()}, "close"),
        ({"value": (GRID + 4e-5).tolist()}, "wrong"),
        ({"value": (-GRID).tolist()}, "sign"),
        ({"value": (3 * GRID).tolist()}, "constant factor"),
        ({"value": GRID.T.tolist()}, "shape (2, 3) was expected"),
        ({"value": (GRID + 1).tolist()}, "wrong"),
        ({"value": (GRID * np.nan).tolist()}, "NaN"),
        ({"value": [[1, 2], [3]]}, "numbers were expected"),
        ({"value": "fast"}, "numbers were expected"),
        ({"value": None}, "None"),
        ({"value": {"a": 1}}, "numbers were expected"),
        ({"value": [0.0] * 200_001}, "200001 numbers"),
        ({"value": [[1e400, 0, 0], [0, 0, 0]]}, "infinity"),
        ({"error": "ValueError: no"}, "the call raised ValueError"),
        (None, "no answer"),
        (["value"], "no answer"),
        ({}, "None"),
    ],
)
def test_what_is_wrong_with_an_array(answer, fault):
    mark = check.value(answer, GRID, 2, "an array", rtol=1e-6)
    assert (fault in mark.fault) if fault else mark.fault == "", mark.fault
    assert not re.search(r"-2|GRID", mark.fault), "the message tells the answer"


def test_numbers_texts_and_tests():
    right = lambda answer, want, **how: check.value({"value": answer}, want, 1, "", **how).fault == ""
    assert right([2.0], 2, atol=1e-9) and right(True, 1) and right([[2]], 2) and not right([2.0, 2.0], 2)
    assert right("Stable ", "stable") and not right("unstable", "stable") and not right(1, "stable") and not right(None, "stable")
    odd = lambda array: "" if array.shape == (2,) and array.sum() == 3 else "it is even"
    assert right([1, 2], odd) and not right([2, 2], odd) and not right("text", odd)
    assert not right([1, 2], lambda array: array[7])
    square = np.array([[1.0, 2.0], [3.0, 4.0]])
    assert check.value({"value": square.T.tolist()}, square, 1, "").fault == "it is transposed"


def test_a_part_of_a_function_is_right_if_all_its_calls_are():
    answer = {"values": [{"value": 1.0}, {"error": "KeyError: 2"}, {"value": 3.0}]}
    marks = check.calls(answer, [1, 2, 3, 4], [(1, "a", [0, 2]), (2, "b", [0, 1]), (1, "c", [3])], rtol=1e-9)
    assert [mark.fault for mark in marks] == ["", "the call raised KeyError: 2", "no answer came out of this cell"]
    for foreign in (None, [], "x", {"values": None}, {"values": [7, 8]}, {"value": 1}):
        assert all(mark.fault for mark in check.calls(foreign, [1, 2], [(1, "a", [0]), (1, "b", [1])]))


# Submissions


def notebook(*cells):
    """A notebook of (identity or None, source), marked cells named t..., answers named a..., all else text."""
    result = nbformat.v4.new_notebook()
    for identity, source in cells:
        cell = nbformat.v4.new_code_cell(source)
        if identity:
            solution = identity.startswith("a")
            setting = {"grade_id": identity, "solution": solution, "grade": not solution, "locked": not solution}
            cell.metadata = nbformat.from_dict({"nbgrader": {**setting, "schema_version": 3, "task": False}})
        result.cells.append(cell)
    return result


HANDED_OUT = notebook(("t0", "beta = 2"), ("a1", "stub"), ("t1", "test 1"), ("a2", "stub"), ("t2", "test 2"))


def handed_in(tmp_path, *cells):
    """(sources in order, notes) of the notebook that is graded."""
    path = tmp_path / "x.ipynb"
    nbformat.write(notebook(*cells), path)
    rebuilt, notes = submission.rebuilt(HANDED_OUT, path)
    return [cell.source for cell in rebuilt.cells if not cell.source.startswith("**Before")], notes


def test_a_submission_as_it_should_be(tmp_path):
    cells = [("t0", "beta = 2"), ("a1", "mine"), (None, "extra"), ("t1", "test 1"), ("a2", "mine too"), ("t2", "test 2")]
    assert handed_in(tmp_path, *cells) == ([source for _, source in cells], [])


def test_tampering_is_undone(tmp_path):
    changed = [("t0", "beta = 3"), ("a1", "mine"), ("t1", "pass"), ("t1", "copy"), ("a1", "again"), ("a2", "x"), ("new", "own"), ("t2", "test 2")]
    sources, notes = handed_in(tmp_path, *changed)
    assert sources == ["beta = 2", "mine", "test 1", "x", "test 2"]
    assert len(notes) == 4
    sources, notes = handed_in(tmp_path, (None, "first"), ("t2", "test 2"), (None, "last"), ("a1", "mine"))
    assert sources == ["first", "beta = 2", "mine", "test 1", "stub", "test 2", "last"]
    assert len(notes) == 3


SURROGATE = json.dumps(nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell("\\ud800")])).replace("\\\\", "\\").encode()


@pytest.mark.parametrize("content", [b"", b"{}", b"\xff\xfe", b"[1, 2]", b'{"cells": 3}', b'{"nbformat": 4, "cells": [{"source": 5}]}', SURROGATE, b"[" * 10**5])
def test_a_file_that_is_no_notebook(tmp_path, content):
    path = tmp_path / "x.ipynb"
    path.write_bytes(content)
    rebuilt, notes = submission.rebuilt(HANDED_OUT, path)
    assert len(notes) == 1 and [cell.source for cell in rebuilt.cells[1:]] == [cell.source for cell in HANDED_OUT.cells]


def test_metadata_of_any_kind(tmp_path):
    """What foreign metadata says of points and kinds does not count."""
    theirs = notebook(("t1", "test 1"), ("a1", "mine"))
    theirs.cells[0].metadata.nbgrader = {"grade_id": "t1", "grade": False, "points": 100, "solution": True}
    theirs.cells[1].metadata.nbgrader = {"grade_id": ["a1"]}
    path = tmp_path / "x.ipynb"
    path.write_text(json.dumps(theirs))
    rebuilt, _ = submission.rebuilt(HANDED_OUT, path)
    kept = {cell.metadata.nbgrader.grade_id: cell.metadata.nbgrader for cell in rebuilt.cells if "nbgrader" in cell.metadata}
    assert kept == {cell.metadata.nbgrader.grade_id: cell.metadata.nbgrader for cell in HANDED_OUT.cells}


def test_submissions_are_found_as_platforms_pack_them(tmp_path):
    names = ["09-rank", "10-position-rank"]
    files = {
        "ada/09-rank/09-rank.ipynb": ("ada", "09-rank"),
        "boris/10-position-rank.ipynb": ("boris", "10-position-rank"),
        "Chen Li_123_assignsubmission_file_/09-rank.ipynb": ("Chen-Li_123_assignsubmission_file_", "09-rank"),
        "dora_12_34_09-rank.ipynb": ("dora_12_34", "09-rank"),
        "emil_09-rank-1.ipynb": ("emil", "09-rank"),
        "fatma/09-rank (2).ipynb": ("fatma", "09-rank"),
        "gita/notes.ipynb": None,
        "09-rank.ipynb": None,
        "hal/.ipynb_checkpoints/09-rank.ipynb": False,
        "ian/09-rank.txt": False,
    }
    for file in files:
        (tmp_path / file).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / file).write_text("{}")
    (tmp_path / "joe").mkdir()
    (tmp_path / "joe/09-rank.ipynb").symlink_to(tmp_path / "09-rank.ipynb")
    found, left = submission.find(tmp_path, names)
    assert set(found) == {key for key in files.values() if key}
    assert {str(path.relative_to(tmp_path)) for path in left} == {file for file, key in files.items() if key is None}


# The sandbox

SECRET = "a line that stands in no submission"


@pytest.fixture(scope="module")
def tried():
    """Outputs of cells in a sandbox, as text, and the ending."""

    def run(*cells, **limits):
        outputs, ending = sandbox.run(list(cells), {}, limits=sandbox.Limits(**{"cell": 5, "total": 30, **limits}))
        return ["".join(str(o.get("text") or o["data"]) for o in shown) for shown in outputs], ending

    return run


@walled
def test_foreign_code_reads_nothing_of_the_project(tried, tmp_path):
    """Not the solutions, not the tests, not the gradebook, no home; mfcore and Python it can read."""
    (tmp_path / "secret").write_text(SECRET)
    look = f"""
import os
import mfcore
for path in {[str(ROOT / "book/assignments"), str(ROOT / "tests"), str(ROOT / "README.md"), str(tmp_path), "/root", "/home", "/etc/passwd"]!r}:
    try:
        print(path, os.listdir(path) if not path.endswith((".md", "passwd")) else open(path).read())
    except OSError as error:
        print(path, type(error).__name__)
found = [os.path.join(folder, file) for folder, _, files in os.walk("/") for file in files
         if file in ("marking.py", "gradebook.db", "secret") or file.endswith(".ipynb")]
print("FOUND", [path for path in found if "/site-packages/" not in path and not path.startswith("/usr/")])
print("ENVIRON", sorted(os.environ))
"""
    (text,), ending = tried(look, total=60, cell=60)
    assert not ending and SECRET not in text
    assert "FOUND []" in text
    for path in ("book/assignments", "tests", "README.md"):
        assert f"{ROOT / path} FileNotFoundError" in text or f"{ROOT / path} PermissionError" in text
    assert not {"GITHUB_TOKEN", "SSH_AUTH_SOCK", "PWD_OF_CALLER", "CI"} & set(re.findall(r"'(\w+)'", text.split("ENVIRON")[1]))


@walled
def test_foreign_code_writes_nowhere(tried):
    places = [str(ROOT / "mfcore/x.py"), str(ROOT / "x"), "/x", "/usr/x", "/dev/x", f"{sys.prefix}/x", "/etc/x", "/proc/sys/kernel/hostname"]
    write = "\n".join(["import os", f"for path in {places!r}:", "    try: open(path, 'w'); print('WROTE', path)", "    except OSError: pass"])
    fill = (
        "for place in ('/tmp', '/dev/shm', os.environ['HOME']):\n"
        "    written = 0\n"
        "    try:\n"
        "        for k in range(100):\n"
        "            written += open(f'{place}/{k}', 'wb').write(bytes(10**7))\n"
        "    except OSError: pass\n"
        "    print('FULL', written < 8 * 10**7)"
    )
    (wrote, full), ending = tried(write, fill)
    assert "WROTE" not in wrote and full.count("FULL True") == 3 and not ending
    assert not (ROOT / "mfcore/x.py").exists() and not (ROOT / "x").exists()


@walled
def test_foreign_code_reaches_no_network(tried):
    import socketserver
    import threading

    server = socketserver.TCPServer(("127.0.0.1", 0), socketserver.BaseRequestHandler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        connect = "import socket\ntry: socket.create_connection({!r}, 3); print('CONNECTED')\nexcept OSError as e: print('no', e)"
        texts, _ = tried(connect.format(server.server_address), connect.format(("1.1.1.1", 53)), connect.format(("localhost", 22)))
    finally:
        server.shutdown()
        server.server_close()
    assert all("CONNECTED" not in text and "no" in text for text in texts)


# What a cell does, and whether the cells behind it still run (None: either).
ATTACKS = {
    "forks": ("while True: os.fork()", True),
    "children": ("for _ in range(500): subprocess.Popen(['sleep', '1000'])", True),
    "threads": ("for _ in range(5000): threading.Thread(target=time.sleep, args=(1000,), daemon=True).start()", True),
    "memory": ("x = []\nwhile True: x.append(bytearray(10**8))", True),
    "memory of children": (
        "code = 'x = bytearray(10**9); input()'\n"
        "for _ in range(12): subprocess.Popen([sys.executable, '-c', code], stdin=subprocess.PIPE)\n"
        "time.sleep(30)",
        None,
    ),
    "a gigabyte printed": ("for _ in range(10**7): print('x' * 100)", True),
    "a gigabyte written": ("for _ in range(1000): os.write(1, bytes(10**6)); os.write(2, bytes(10**6))", True),
    "the results drowned": (
        "for fd in range(3, 30):\n"
        "    try:\n"
        "        for _ in range(1000): os.write(fd, b'{' * 10**6)\n"
        "    except OSError: pass",
        False,
    ),
    "a loop": ("while True: pass", True),
    "a loop without ear": ("signal.signal(signal.SIGALRM, signal.SIG_IGN)\nwhile True: pass", False),
    "sys.exit": ("sys.exit()", True),
    "os._exit": ("os._exit(0)", False),
    "suicide": ("os.kill(os.getpid(), 9)", False),
    "murder": (
        "for pid in range(1, 5000):\n    if pid != os.getpid():\n        try: os.kill(pid, 9)\n        except OSError: pass",
        True,
    ),
    "a twin": ("os.fork()", True),
    "a crash": ("import ctypes; ctypes.string_at(0)", False),
}


@walled
@pytest.mark.parametrize("attack, survives", ATTACKS.values(), ids=ATTACKS)
def test_an_attack_costs_its_own_points_only(tried, attack, survives):
    """What came out before it counts; what comes after, unless the process is gone; and nothing is left running."""
    import psutil

    cells = ["import os, signal, subprocess, sys, threading, time\nprint('before')", attack, "print('after')"]
    (first, _, last), ending = tried(*cells, total=10 if survives is False else 30)
    assert "before" in first
    if survives is not None:
        assert ("after" in last) == survives and bool(ending) != survives
    assert not [child for child in psutil.Process().children(recursive=True) if "bwrap" in " ".join(child.cmdline())]


def test_without_a_sandbox_nothing_is_run(monkeypatch, tmp_path, capsys):
    from course import __main__ as cli

    monkeypatch.setattr(sandbox, "missing", lambda: "There is no bubblewrap.")
    with pytest.raises(sandbox.Unavailable, match="no bubblewrap"):
        sandbox.run(["1"], {})
    assert cli.main(["release", "--course", str(tmp_path), "--seed", "x"]) == 1
    assert "UNSAFE=1" in capsys.readouterr().err


def test_unsafe_runs_all_the_same():
    outputs, ending = sandbox.run(["from grading import export\nexport('f', abs)"], {"f": [[-1], [2.5]]}, unsafe=True)
    assert not ending
    (answer,) = [answer for _, answer in grader.handed_out(outputs[0])]
    assert answer == {"name": "f", "values": [{"value": 1}, {"value": 2.5}]}


@pytest.mark.parametrize("foreign", [None, 3, [3], [{"data": 3}], [{"data": {grader.EXPORT: 3}}], [{"data": {grader.EXPORT: {"name": []}}}]])
def test_outputs_of_any_form_are_survived(foreign):
    assert list(grader.handed_out(foreign)) == [] and list(grader.readable(foreign)) == []


# Leaks


def test_a_leak_is_found(tmp_path):
    lines = {"power = np.sum(tangent**2) / len(x)": "a", '"""The energy E, a number."""': "b"}
    (tmp_path / "a.html").write_text("<pre><span>power</span> = np.sum(tangent**2) / <b>len</b>(x)\n</pre>")
    (tmp_path / "b.ipynb").write_text(json.dumps({"source": ["x = 1\n", "power = np.sum(tangent**2) / len(x)"]}, indent=1))
    (tmp_path / "c.py").write_text("    power = np.sum(tangent**2) / len(x)\n")
    (tmp_path / "d.js").write_text(json.dumps("one\n  power = np.sum(tangent**2) / len(x)\ntwo"))
    (tmp_path / "e.html").write_text("power = np.sum(tangent**2)")
    assert [problem[:6] for problem in leaks.found(tmp_path, lines)] == ["a.html", "b.ipyn", "c.py: ", "d.js: "]
    assert len(leaks.secrets()) > 20 * len(NAMES)


def test_the_public_book_shows_no_solution():
    """The chapters as they are stored; `make book` looks through the pages that it built."""
    for folder in ("book/_static", "book/data", "training", "mfcore"):
        assert leaks.found(ROOT / folder) == []
    for path in [*(ROOT / "book").glob("*.*"), *ROOT.glob("*.*")]:
        if path.is_file() and path.suffix in leaks.TEXT:
            assert not leaks.shown(path.read_text(encoding="utf-8")) & set(leaks.secrets()), path
    toc = (ROOT / "_toc.yml").read_text()
    assert "assignments" not in toc


def test_the_source_distribution_holds_no_solution(tmp_path):
    script = "import sys, setuptools.build_meta as b; print(b.build_sdist(sys.argv[1]))"
    made = subprocess.run([sys.executable, "-c", script, str(tmp_path)], cwd=ROOT, capture_output=True, text=True, check=True)
    with tarfile.open(tmp_path / made.stdout.split()[-1]) as archive:
        names = archive.getnames()
        archive.extractall(tmp_path / "unpacked", filter="data")
    assert any(name.endswith("mfcore/attention.py") for name in names)
    assert not [name for name in names if "assignments" in name or "tests/course/" in name]
    assert leaks.found(tmp_path / "unpacked") == []


@walled
def test_the_students_copies_show_nothing(course):
    name = NAMES[0]
    release.release(course, names=[name])
    folder = course.folder / "release"
    assert leaks.found(folder) == []
    names = {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}
    wheel = next(name for name in names if name.endswith(".whl"))
    assert {"README.md", "environment.yml", "requirements.txt", wheel, f"{name}/{name}.ipynb"} <= names
    assert all(item in ("README.md", "environment.yml", "requirements.txt", wheel) or item.endswith(".ipynb") for item in names)
    assert not [item for item in zipfile.ZipFile(folder / wheel).namelist() if not re.match(r"mfcore[/-]", item)]
    text = (folder / name / f"{name}.ipynb").read_text()
    for trace in (SEED, "SOLUTION", "HIDDEN", "MARK SCHEME", "grading", "Rubric", str(ROOT), str(course.folder)):
        assert trace not in text, trace
    copy = nbformat.reads(text, as_version=4)
    assert set(copy.metadata) == {"kernelspec", "language_info"}
    for cell in copy.cells:
        assert set(cell.metadata) <= {"nbgrader", "deletable", "editable"} and not cell.get("attachments") and not cell.get("outputs")
        assert cell.get("execution_count") is None
    pins = (folder / "requirements.txt").read_text().split()
    assert f"./{wheel}" in pins and all("==" in pin for pin in pins if not pin.startswith("./"))


# A term


@pytest.fixture(scope="module")
def term(tmp_path_factory):
    """A course of one assignment, without the slow submissions."""
    course = grader.Course(tmp_path_factory.mktemp("term"), limits=LIMITS)
    release.release(course, "a term", [NAMES[0]])
    sample.write(course)
    return course


def rows(course):
    with open(course.folder / "marks.csv", encoding="utf-8") as file:
        return {row["student"]: row for row in csv.DictReader(file)}


@walled
def test_a_term_from_release_to_feedback(term, capsys):
    name = NAMES[0]
    assert marking.grade(term, term.folder / "sample", jobs=2) == []
    first = rows(term)
    assert list(first) == list(sample.CLASS)
    column = f"{name} (20)"
    assert set(first["ada"]) == {"student", column, "total", "answers to mark by hand"}
    bank = sample.classmates(name)
    for student, path in bank.items():
        marks = term.marks(student, name)
        full = {cell: most for cell, (score, most) in marks.items() if score is not None}
        assert float(first[student][column]) == sum({**full, **sample.expected(path)}.values())

    # Marks by hand, given in nbgrader's gradebook, reach the table, and stay when the class is marked again.
    with term.gradebook() as gradebook:
        (notebook,) = gradebook.find_submission(name, "ada").notebooks
        (written,) = [grade for grade in notebook.grades if grade.needs_manual_grade]
        written.manual_score, written.needs_manual_grade = 2.0, False
        comment = gradebook.find_comment(written.cell.name, name, name, "ada")
        comment.manual_comment = "Say where h > 0 enters."
        gradebook.db.commit()
    times = {path: path.stat().st_mtime_ns for path in (term.folder / "autograded").rglob("*.ipynb")}
    capsys.readouterr()
    assert marking.grade(term, term.folder / "sample", jobs=2) == []
    assert f"{len(bank)} submissions, of which {len(bank)} are marked already" in capsys.readouterr().out
    assert {path: path.stat().st_mtime_ns for path in (term.folder / "autograded").rglob("*.ipynb")} == times
    assert float(rows(term)["ada"][column]) == float(first["ada"][column]) + 2

    marking.feedback(term)
    pages = {path.parts[-3]: path.read_text(encoding="utf-8") for path in (term.folder / "feedback").glob("*/*/*.html")}
    assert set(pages) == set(sample.CLASS)
    for student, page in pages.items():
        assert not re.findall(r"""(?:src|href)\s*=\s*["'](?:https?:)?//""", page), "the page needs a network"
        assert "HIDDEN TESTS" not in page and str(ROOT / "book") not in page
        assert "[1]" in page
    assert "Say where h &gt; 0 enters." in pages["ada"] or "Say where h > 0 enters." in pages["ada"]
    assert (term.folder / "feedback/mathjax/tex-chtml-full.js").is_file()


@walled
def test_marking_that_was_cut_off_goes_on(term):
    """A record that is missing, as after a kill, means that this one is marked again; so does a new version."""
    name = NAMES[0]
    marking.grade(term, term.folder / "sample", jobs=2)
    record = term.folder / ".marked/boris" / name
    record.unlink()
    notebook = next((term.folder / "autograded/boris").rglob("*.ipynb"))
    handed = term.folder / "sample/chen" / name / f"{name}.ipynb"
    changed = nbformat.read(handed, as_version=4)
    changed.cells.append(nbformat.v4.new_code_cell("print('second try')"))
    nbformat.write(changed, handed)
    before = {student: rows(term)[student] for student in sample.CLASS}
    stamps = {s: next((term.folder / "autograded" / s).rglob("*.ipynb")).stat().st_mtime_ns for s in sample.CLASS}
    assert marking.grade(term, term.folder / "sample", jobs=2) == []
    after = {s: next((term.folder / "autograded" / s).rglob("*.ipynb")).stat().st_mtime_ns for s in sample.CLASS}
    assert {s for s in sample.CLASS if after[s] != stamps[s]} == {"boris", "chen"}
    assert record.exists() and notebook.exists() and "second try" in next((term.folder / "autograded/chen").rglob("*.ipynb")).read_text()
    assert rows(term) == before


@walled
def test_a_file_that_is_no_notebook_gets_nothing_and_stops_nobody(term):
    name = NAMES[0]
    folder = term.folder / "odd"
    for student, content in {"zoe": b"not a notebook", "yan": b'{"cells": [], "metadata": {}, "nbformat": 4, "nbformat_minor": 5}'}.items():
        (folder / student).mkdir(parents=True, exist_ok=True)
        (folder / student / f"{name}.ipynb").write_bytes(content)
    assert marking.grade(term, folder, jobs=2) == []
    table = rows(term)
    assert float(table["zoe"]["total"]) == float(table["yan"]["total"]) == 0
    assert "could not be read" in next((term.folder / "autograded/zoe").rglob("*.ipynb")).read_text()
    with term.gradebook() as gradebook:
        for student in ("zoe", "yan"):
            gradebook.remove_student(student)


@walled
def test_a_teacher_may_edit_a_source(course, capsys):
    name = NAMES[0]
    release.release(course, names=[name])
    path = course.folder / "source" / name / f"{name}.ipynb"
    edited = nbformat.read(path, as_version=4)
    edited.cells[0].source += "\n\nHand in by Friday."
    nbformat.write(edited, path)
    capsys.readouterr()
    release.release(course, names=[name])
    assert "your edited source is kept" in capsys.readouterr().out
    assert "Hand in by Friday." in (course.folder / "release" / name / f"{name}.ipynb").read_text()
    edited.cells[3].source = edited.cells[3].source.replace("### BEGIN SOLUTION", "### BEGIN SOLUTION\n    return x")
    nbformat.write(edited, path)
    with pytest.raises(SystemExit, match="does not reach full marks in"):
        release.release(course, names=[name])
    path.unlink()


def test_a_course_keeps_its_seed(tmp_path):
    course = grader.Course(tmp_path / "c")
    with pytest.raises(SystemExit, match="make release first"):
        course.settings
    seed = release.begin(course, None)["seed"]
    assert len(seed) == 32 and release.begin(course, seed)["seed"] == release.begin(course, "")["seed"] == seed
    assert (tmp_path / "c/course.json").stat().st_mode & 0o077 == 0
    with pytest.raises(SystemExit, match="has a seed already"):
        release.begin(course, "another")


def test_what_a_source_may_not_hold(tmp_path, monkeypatch):
    with pytest.raises(ValueError, match="there is no assignment 'x'"):
        family.load("x")
    with pytest.raises(TypeError, match="a parameter is a number"):
        family.written({1})
    broken = family.Assignment(NAMES[0], SimpleNamespace(parameters=lambda rng: {"unknown": 1}))
    with pytest.raises(ValueError, match="no line for unknown"):
        broken.source("x")


@walled
def test_marking_that_is_killed_goes_on(term):
    """SIGKILL after the first marks; the next run marks the rest, and nothing twice."""
    import os
    import signal
    import time

    name = NAMES[0]
    folder = sample.write(term, folder=term.folder / "killed", students=lambda name: dict(zip("pqrs", sample.kinds(name), strict=False)))
    command = [sys.executable, "-c", KILLED, str(ROOT / "book/_tools"), str(term.folder), str(folder), str(term.cache())]
    process = subprocess.Popen(command, start_new_session=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    records = lambda: {path.parts[-2]: path.stat().st_mtime_ns for path in (term.folder / ".marked").glob(f"[pqrs]/{name}")}
    deadline = time.monotonic() + 120
    while not records() and time.monotonic() < deadline:
        time.sleep(0.05)
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    first = records()
    assert 0 < len(first) < 4
    assert marking.grade(term, folder, jobs=2) == []
    assert set(records()) == set("pqrs") and all(records()[student] == stamp for student, stamp in first.items())
    table = rows(term)
    assert all(float(table[student]["total"]) == 17 for student in "pqr")
    with term.gradebook() as gradebook:
        for student in "pqrs":
            gradebook.remove_student(student)


KILLED = """
import sys
from pathlib import Path
sys.path.insert(0, sys.argv[1])
from course import grader, marking
grader.Course.cache = lambda self: Path(sys.argv[4])
marking.grade(grader.Course(sys.argv[2]), sys.argv[3], jobs=1)
"""


def test_every_command_that_is_named_exists():
    pages = [(ROOT / page).read_text(encoding="utf-8") for page in ("README.md", "book/teaching.md", "book/intro.md", "CONTRIBUTING.md")]
    listed = subprocess.run(["make", "-s", "course"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    commands = set(re.findall(r"(?:^|`)make ([\w-]+)", "\n".join([*pages, listed]), re.M))
    assert {"release", "sample", "grade", "formgrader", "feedback", "test-course", "course"} <= commands
    for command in commands:
        made = subprocess.run(["make", "-n", command, "SUBMISSIONS=x"], cwd=ROOT, capture_output=True, text=True)
        assert made.returncode == 0, made.stderr
    for command in ("grade", "release"):
        for setting, unsafe in (("UNSAFE=", False), ("UNSAFE=0", False), ("UNSAFE=1", True)):
            made = subprocess.run(["make", "-n", command, "SUBMISSIONS=x", setting], cwd=ROOT, capture_output=True, text=True)
            assert ("--unsafe" in made.stdout) == unsafe


def test_the_page_for_teachers_lists_the_assignments():
    """Title, points and chapters of each, as the notebook has them; and each syllabus names assignments that there are."""
    page = (ROOT / "book/teaching.md").read_text(encoding="utf-8")
    for name in NAMES:
        first = nbformat.read(family.load(name).path, as_version=4).cells[0].source
        title = re.search(r"^# (.+)$", first, re.M)[1]
        hours = re.search(r"\*\*Time\*\* \| (?:about )?(.+?) \|", first)[1]
        (row,) = re.findall(rf"^\| `{name}` \| (.+) \|$", page, re.M)
        cells = row.split(" | ")
        assert cells[0] == title and cells[-1] == hours, (name, row)
        chapters = [re.search(r"^# (.+)$", nbformat.read(ROOT / "book" / f"{doc}.ipynb", 4).cells[0].source, re.M)[1]
                    for doc in re.findall(r"\{doc\}`([\w-]+)`", cells[1])]
        assert chapters and all(chapter in first for chapter in chapters), (name, chapters)
    named = set(re.findall(r"`(\d\d-[\w-]+)` \|$", page, re.M))
    assert named == set(NAMES)


@walled
def test_output_that_no_file_can_hold(tried):
    half, deep = "print('\\ud800')", "from grading import export\nx = 1\nfor _ in range(10**4): x = [x]\nexport('x', x)"
    texts, _ = tried(half, deep, "print('after')")
    assert "".join(texts).encode("utf-8") and "after" in texts[2]
