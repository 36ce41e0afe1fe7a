"""Marking with nbgrader: its converters, its gradebook and its feedback, with foreign code behind walls.

nbgrader runs a submission in a kernel of whoever marks it, and believes what its test cells say. Here the code runs in
`sandbox`, the cells only hand out answers, and their marks come from this process, which foreign code never enters.
"""

import json
import os
import re
import sys
import warnings
from hashlib import sha256
from pathlib import Path

import nbformat
from nbconvert.preprocessors import CSSHTMLHeaderPreprocessor
from nbconvert.preprocessors.sanitize import SanitizeHTML
from nbgrader.api import Gradebook
from nbgrader.apps.api import NbGraderAPI
from nbgrader.coursedir import CourseDirectory
from nbgrader.preprocessors import (
    AssignLatePenalties,
    CheckCellMetadata,
    ClearHiddenTests,
    GetGrades,
    NbGraderPreprocessor,
    SaveAutoGrades,
)
from nbgrader.server_extensions import formgrader
from nbgrader.utils import is_grade, is_locked, rmtree
from sqlalchemy.exc import SAWarning
from traitlets import Any, Bool, Unicode
from traitlets.config import Config

import mfcore

from . import family, sandbox
from .inside.grading import EXPORT

HERE = Path(__file__).parent
SHOWN = ("text/plain", "image/png")
# nbgrader calls alembic by its name, for a new gradebook.
os.environ["PATH"] = os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", os.defpath)])


class MarkSubmission(NbGraderPreprocessor):
    """Run a submission in the sandbox, compare what its marked cells handed out, and write the marks where nbgrader looks."""

    seed = Unicode(help="the seed of the course").tag(config=True)
    cache = Any(help="folder with compiled code").tag(config=True)
    keep_cache = Bool(False, help="let the run fill that folder: for the instructor's own notebook").tag(config=True)
    unsafe = Bool(False, help="run without a sandbox").tag(config=True)
    limits = Any(sandbox.Limits(), help="limits of a run").tag(config=True)

    def preprocess(self, nb, resources):
        assignment = family.load(resources["nbgrader"]["assignment"])
        salt = sha256("\0".join([resources["nbgrader"]["student"], *(cell.source for cell in nb.cells)]).encode()).hexdigest()
        code = [cell for cell in nb.cells if cell.cell_type == "code"]
        outputs, ending = sandbox.run(
            [cell.source for cell in code],
            assignment.given(self.seed, salt),
            limits=self.limits,
            cache=self.cache,
            keep_cache=self.keep_cache,
            unsafe=self.unsafe,
        )
        answers = {}
        for cell, shown in zip(code, outputs, strict=True):
            if is_grade(cell) and is_locked(cell):
                answers.update(handed_out(shown))
            cell.execution_count = None
            cell.outputs = list(readable(shown))
        verdicts = assignment.verdicts(answers, self.seed, salt)
        for cell in code:
            if is_grade(cell) and is_locked(cell):
                marks = verdicts.get(cell.metadata.nbgrader.grade_id, [])
                cell.outputs = [*verdict(marks, ending), *cell.outputs]
        if ending:
            nb.cells.insert(0, nbformat.v4.new_markdown_cell(f"**While this was run**\n\n- {ending}"))
        return nb, resources


def verdict(marks, ending):
    """Outputs of a marked cell: first the points, which nbgrader reads, then a line for each part."""
    points = sum(mark.points for mark in marks if not mark.fault)
    lines = [f"{'right' if not m.fault else 'not yet'}  {m.part}{': ' * bool(m.fault)}{m.fault}  [{m.points:g}]" for m in marks]
    if ending and any(mark.fault for mark in marks):
        lines.append(f"(the run of this notebook ended early: {ending})")
    yield nbformat.v4.new_output("execute_result", data={"text/plain": f"{points:g}"})
    yield nbformat.v4.new_output("stream", name="stdout", text="\n".join(lines) + "\n")


def handed_out(outputs):
    """Answers among the outputs of a cell, by name; anything that is not of their form is left out."""
    for output in outputs if isinstance(outputs, list) else []:
        data = output.get("data") if isinstance(output, dict) else None
        answer = data.get(EXPORT) if isinstance(data, dict) else None
        if isinstance(answer, dict) and isinstance(answer.get("name"), str):
            yield answer["name"], answer


def readable(outputs):
    """What is shown of foreign outputs: text and pictures, and no answers."""
    for output in outputs if isinstance(outputs, list) else []:
        if not isinstance(output, dict):
            continue
        if output.get("output_type") == "stream" and isinstance(output.get("text"), str):
            yield nbformat.v4.new_output("stream", name="stdout", text=output["text"])
        data = output.get("data")
        if isinstance(data, dict) and EXPORT not in data:
            kept = {mime: data[mime] for mime in SHOWN if isinstance(data.get(mime), str)}
            if kept:
                yield nbformat.v4.new_output("display_data", data=kept)


class Course:
    """The folder of one course, as nbgrader lays it out, with its seed in `course.json`."""

    def __init__(self, folder, *, unsafe=False, limits=sandbox.Limits()):
        self.folder = Path(folder).resolve()
        self.unsafe, self.limits = unsafe, limits

    @property
    def settings(self):
        """What `course.json` holds: the seed, and digests of the sources that were made from it."""
        try:
            return json.loads((self.folder / "course.json").read_text(encoding="utf-8"))
        except FileNotFoundError:
            raise SystemExit(f"{self.folder} is no course yet: run make release first.") from None

    def need_sandbox(self):
        """Raise `sandbox.Unavailable` where foreign code cannot be run safely, unless that was asked for."""
        if not self.unsafe and (problem := sandbox.missing()):
            raise sandbox.Unavailable(problem)

    def configure(self, config, keep_cache=False):
        """Have nbgrader mark as this module does, whether it is called from here, by its commands, or by its pages."""
        config.CourseDirectory.root = str(self.folder)
        config.CourseDirectory.course_id = ""
        config.Application.log_level = "ERROR"
        config.Exporter.default_preprocessors = []
        config.Autograde.autograde_preprocessors = [MarkSubmission, SaveAutoGrades, AssignLatePenalties, CheckCellMetadata]
        config.MarkSubmission.seed = self.settings["seed"]
        config.MarkSubmission.cache = self.cache()
        config.MarkSubmission.keep_cache = keep_cache
        config.MarkSubmission.unsafe = self.unsafe
        config.MarkSubmission.limits = self.limits
        config.GenerateFeedback.preprocessors = [GetGrades, ClearHiddenTests, SanitizeHTML, CSSHTMLHeaderPreprocessor]
        config.HTMLExporter.template_name = "feedback"
        config.HTMLExporter.extra_template_basedirs = [str(HERE), str(Path(formgrader.__file__).parent / "templates")]

    def api(self, keep_cache=False):
        """nbgrader for this course."""
        config = Config()
        self.configure(config, keep_cache)
        return NbGraderAPI(coursedir=CourseDirectory(config=config), config=config)

    def gradebook(self):
        """nbgrader's database of this course, a context manager."""
        return Gradebook(f"sqlite:///{self.folder / 'gradebook.db'}")

    def cache(self):
        """The folder with code that was compiled for this mfcore, this Python and this processor."""
        files = sorted(Path(mfcore.__file__).parent.glob("*.py"))
        key = sha256(b"".join(file.read_bytes() for file in files) + os.fsencode(sys.version)).hexdigest()[:16]
        return self.folder / ".cache" / key

    def autograde(self, student, name, *, keep_cache=False):
        """Mark one submission that lies in `submitted`; a sentence if that failed, else ""."""
        with warnings.catch_warnings():
            # nbgrader adds to its gradebook in an order that its database library remarks on.
            warnings.simplefilter("ignore", SAWarning)
            result = self.api(keep_cache).autograde(name, student, force=True)
        return "" if result["success"] else self.problem(result)

    def problem(self, result):
        """The last error that nbgrader reports, one line; all of it goes into a file of the course."""
        log = f"{result['log']}\n{result['error']}"
        (self.folder / "problems.log").write_text(log, encoding="utf-8")
        errors = re.findall(r"^\s+([\w.]+(?:Error|Exception): .+)$", result["log"] or "", re.M)
        return f"{errors[-1] if errors else 'nbgrader failed'} (more in {self.folder / 'problems.log'})"

    def marks(self, student, name):
        """Marks of one submission by cell: id -> (points or None where a person is to decide, most points)."""
        with self.gradebook() as gradebook:
            (notebook,) = gradebook.find_submission(name, student).notebooks
            return {g.cell.name: (None if g.needs_manual_grade else g.score, g.max_score) for g in notebook.grades}

    def forget(self, student, keep_files=False):
        """Take a student out of the gradebook, and what they handed in out of the folder."""
        with self.gradebook() as gradebook:
            if any(known.id == student for known in gradebook.students):
                gradebook.remove_student(student)
        for part in () if keep_files else ("submitted", "autograded"):
            rmtree(self.folder / part / student)
