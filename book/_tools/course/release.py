"""Make the students' copies of a course: draw its parameters, try the solutions, take them out."""

import importlib.metadata
import json
import re
import secrets
import shutil
import subprocess
import sys
import tempfile
from hashlib import sha256
from pathlib import Path

import nbformat

from . import family
from .sandbox import ROOT

# What a student needs beside mfcore, at the versions that the course is tried with.
PACKAGES = ("numpy", "scipy", "numba", "matplotlib", "jupyterlab", "ipykernel")
STUDENT = "the-solution"


def release(course, seed=None, names=None, progress=iter):
    """Write `source` and `release` of a course.

    Parameters
    ----------
    course : grader.Course
    seed : str, optional
        Its seed; a course has one for life. By default the one it has, or a new one that nobody can guess.
    names : list of str, optional
        By default all assignments.
    progress : callable, optional
        Wraps the list of names, to show how far it is.

    Raises
    ------
    SystemExit
        If the course has another seed, or a solution does not reach full marks.
    """
    course.need_sandbox()
    settings = begin(course, seed)
    names = names or family.names()
    for name in progress(names):
        kept = write_source(course, name, settings)
        if kept:
            print(f"{name}: your edited source is kept")
        result = course.api().generate_assignment(name)
        if not result["success"]:
            raise SystemExit(f"{name}: nbgrader cannot make the students' copy: {course.problem(result)}")
        path = course.folder / "release" / name / f"{name}.ipynb"
        nbformat.write(bare(nbformat.read(path, as_version=4)), path)
        try_solution(course, name)
    (course.folder / "course.json").write_text(json.dumps(settings, indent=1) + "\n", encoding="utf-8")
    environment(course)


def begin(course, seed):
    """The settings of a course, new or old."""
    path = course.folder / "course.json"
    if path.exists():
        settings = course.settings
        if seed not in (None, "", settings["seed"]):
            raise SystemExit(f"{course.folder} has a seed already, and a course keeps it: say COURSE=... for another course.")
        return settings
    course.folder.mkdir(parents=True, exist_ok=True)
    settings = {"seed": seed or secrets.token_hex(16), "sources": {}}
    path.write_text(json.dumps(settings, indent=1) + "\n", encoding="utf-8")
    path.chmod(0o600)
    (course.folder / "nbgrader_config.py").write_text(NBGRADER.format(tools=str(Path(__file__).parents[1]), folder=str(course.folder)))
    return settings


def write_source(course, name, settings):
    """Write the instructor's notebook with the parameters of the course; True if one was edited, and is left as it is."""
    path = course.folder / "source" / name / f"{name}.ipynb"
    if path.exists() and sha256(path.read_bytes()).hexdigest() != settings["sources"].get(name):
        return True
    path.parent.mkdir(parents=True, exist_ok=True)
    nbformat.write(family.load(name).source(settings["seed"]), path)
    settings["sources"][name] = sha256(path.read_bytes()).hexdigest()
    return False


def bare(notebook):
    """A students' copy without anything but text, and what nbgrader needs."""
    notebook.metadata = nbformat.from_dict({key: notebook.metadata[key] for key in ("kernelspec", "language_info")})
    for cell in notebook.cells:
        cell.metadata = nbformat.from_dict(
            {key: cell.metadata[key] for key in ("nbgrader", "deletable", "editable") if key in cell.metadata}
        )
        cell.pop("attachments", None)
    return notebook


def try_solution(course, name):
    """Mark the instructor's notebook as if a student had handed it in; `SystemExit` unless it reaches full marks."""
    submitted = course.folder / "submitted" / STUDENT / name
    submitted.mkdir(parents=True, exist_ok=True)
    shutil.copy(course.folder / "source" / name / f"{name}.ipynb", submitted)
    cache = course.cache()
    cache.mkdir(parents=True, exist_ok=True)
    for path in (cache, *cache.rglob("*")):
        # The users of sandboxes fill it, one after the other.
        path.chmod(0o777)
    try:
        if problem := course.autograde(STUDENT, name, keep_cache=True):
            raise SystemExit(f"{name}: the solution cannot be marked: {problem}")
        short = {cell: marks for cell, marks in course.marks(STUDENT, name).items() if marks[0] is not None and marks[0] < marks[1]}
        if short:
            shown = course.folder / "autograded" / STUDENT / name / f"{name}.ipynb"
            raise SystemExit(f"{name}: the solution does not reach full marks in {', '.join(short)}; see {shown}")
    except BaseException:
        course.forget(STUDENT, keep_files=True)
        raise
    course.forget(STUDENT)


def environment(course):
    """What a student installs from, beside the notebooks: mfcore as a wheel, the other packages by version, and how."""
    folder = course.folder / "release"
    for old in folder.glob("mfcore-*.whl"):
        old.unlink()
    with tempfile.TemporaryDirectory() as scratch:
        # A copy, for packing leaves files behind, and takes old ones along.
        for part in ("pyproject.toml", "README.md", "LICENSE"):
            shutil.copy(ROOT / part, scratch)
        shutil.copytree(ROOT / "mfcore", Path(scratch) / "mfcore", ignore=shutil.ignore_patterns("__pycache__"))
        command = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--no-build-isolation", "-w", folder, scratch]
        made = subprocess.run(command, capture_output=True, text=True)
    if made.returncode:
        raise SystemExit(f"mfcore cannot be packed for the students:\n{made.stderr}")
    (wheel,) = folder.glob("mfcore-*.whl")
    pins = [f"{package}=={importlib.metadata.version(package)}" for package in PACKAGES]
    (folder / "requirements.txt").write_text("\n".join([*pins, f"./{wheel.name}"]) + "\n", encoding="utf-8")
    (folder / "environment.yml").write_text(ENVIRONMENT, encoding="utf-8")
    titles = []
    for path in sorted(folder.glob("*/*.ipynb")):
        heading = re.search(r"^# (.+)$", nbformat.read(path, as_version=4).cells[0].source, re.M)
        titles.append(f"| [{heading[1]}]({path.parent.name}/{path.name}) |")
    (folder / "README.md").write_text(README.format(titles="\n".join(titles)), encoding="utf-8")


NBGRADER = """\
# nbgrader's own commands and pages, called from this folder, mark as `make grade` does: in a sandbox.
import sys

sys.path.insert(0, {tools!r})
from course.grader import Course

Course({folder!r}).configure(get_config())
"""

ENVIRONMENT = """\
name: attention-course
channels:
  - conda-forge
dependencies:
  - python=3.11
  - pip
  - pip:
      - -r requirements.txt
"""

README = """\
# Assignments on mean-field transformers

| Assignment |
|---|
{titles}

**Set up**, once, with Python 3.11 or newer, in this folder:

```sh
python3 -m venv venv
venv/bin/pip install -r requirements.txt    # or: conda env create -f environment.yml
venv/bin/jupyter lab                        # on Windows: venv\\Scripts\\
```

**Work.** Put your answer where a cell says `YOUR CODE HERE` (with the line below it) or `YOUR ANSWER HERE`. Add cells as you like. Cells with tests
are read-only: run them to see whether you are on the way. They show less than the marking checks, so test your functions on
cases of your own. Before you hand in, restart the kernel and run all cells.

**Marking.** Your notebook is run from top to bottom without a network, a cell for at most a minute and all of it for at most five, with
numpy, scipy, numba, matplotlib and mfcore. Functions are called with inputs that you have not seen. Any correct way counts, as long as
it is as accurate as the text asks. Points are given part by part, so a cell that fails costs its own points only.

**Hand in** the notebook under the name that it has.
"""
