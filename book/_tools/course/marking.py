"""Mark a folder of submissions, write feedback, and list the marks."""

import csv
import json
import os
import shutil
from concurrent.futures import ProcessPoolExecutor
from hashlib import sha256
from pathlib import Path

import nbformat
from tqdm import tqdm

from . import family, submission
from .sandbox import ROOT

MARKS = "marks.csv"


def grade(course, folder, jobs=None):
    """Mark what is new or changed under a folder, and write the marks of all.

    Returns
    -------
    list of str
        Sentences on submissions that could not be marked.
    """
    course.need_sandbox()
    released = sorted(path.parent.name for path in (course.folder / "release").glob("*/*.ipynb"))
    if not released:
        raise SystemExit(f"{course.folder} has no students' copies yet: run make release first.")
    if not Path(folder).is_dir():
        raise SystemExit(f"SUBMISSIONS={folder}: there is no such folder.")
    found, left = submission.find(Path(folder), released)
    for path in left:
        print(f"left out, for it names no assignment or no student: {path}")
    if not found:
        raise SystemExit(f"{folder} holds no submission: STUDENT/NAME/NAME.ipynb, STUDENT/NAME.ipynb or STUDENT_NAME.ipynb.")
    with course.gradebook() as gradebook:
        # Before the work is shared out, for two at a time cannot enter the same student.
        for student in sorted({student for student, _ in found}):
            gradebook.update_or_create_student(student)
    waiting = []
    for (student, name), path in found.items():
        key = prepare(course, student, name, path)
        if key != recorded(course, student, name):
            waiting.append((student, name, key))
    print(f"{len(found)} submissions, of which {len(found) - len(waiting)} are marked already")
    problems = []
    with ProcessPoolExecutor(jobs or os.cpu_count()) as pool:
        done = pool.map(mark, [course] * len(waiting), *zip(*waiting, strict=True)) if waiting else []
        for problem in tqdm(done, total=len(waiting), unit="submission", disable=not waiting):
            problems += [problem] if problem else []
    write_marks(course)
    return problems


def prepare(course, student, name, path):
    """Put a submission where nbgrader looks, with its answers set into a fresh copy; what its marks depend on, as a key."""
    released = nbformat.read(course.folder / "release" / name / f"{name}.ipynb", as_version=4)
    notebook, _ = submission.rebuilt(released, path)
    for number, cell in enumerate(notebook.cells):
        cell.id = f"cell-{number}"
    target = course.folder / "submitted" / student / name / f"{name}.ipynb"
    target.parent.mkdir(parents=True, exist_ok=True)
    text = nbformat.writes(notebook)
    if not target.exists() or target.read_text(encoding="utf-8") != text:
        target.write_text(text, encoding="utf-8")
    source = (course.folder / "source" / name / f"{name}.ipynb").read_bytes()
    return sha256(b"\0".join([text.encode(), source, family.load(name).digest().encode()])).hexdigest()


def recorded(course, student, name):
    """The key under which a submission was marked last, or None."""
    path = _record(course, student, name)
    return path.read_text() if path.exists() and (course.folder / "autograded" / student / name).is_dir() else None


def mark(course, student, name, key):
    """Mark one submission and note that it is done; a sentence if that failed, else ""."""
    path = _record(course, student, name)
    path.unlink(missing_ok=True)
    problem = course.autograde(student, name)
    if problem:
        return f"{student}, {name}: {problem}"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(key)
    return ""


def _record(course, student, name):
    return course.folder / ".marked" / student / name


def write_marks(course):
    """`marks.csv`: a row for each student, a column for each assignment, ready for import into a learning platform."""
    with course.gradebook() as gradebook:
        names = [assignment.name for assignment in gradebook.assignments]
        names.sort()
        most = {assignment.name: assignment.max_score for assignment in gradebook.assignments}
        rows, by_hand = [], 0
        for student in sorted(gradebook.students, key=lambda student: student.id):
            submissions = {submission.name: submission for submission in student.submissions}
            scores = [submissions[name].score if name in submissions else "" for name in names]
            waiting = sum(grade.needs_manual_grade for s in submissions.values() for n in s.notebooks for grade in n.grades)
            by_hand += waiting
            rows.append([student.id, *(f"{s:g}" if s != "" else "" for s in scores), f"{sum(s for s in scores if s != ''):g}", waiting])
    path = course.folder / MARKS
    draft = path.with_suffix(".tmp")
    with open(draft, "w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(["student", *(f"{name} ({most[name]:g})" for name in names), "total", "answers to mark by hand"])
        writer.writerows(rows)
    draft.replace(path)
    print(f"{path}: {len(rows)} students" + (f"; {by_hand} answers wait to be marked by hand: make formgrader" if by_hand else ""))


def feedback(course):
    """A page for each marked submission, with its marks and what was wrong, which needs no network."""
    shutil.copytree(ROOT / "book/_static/mathjax", course.folder / "feedback/mathjax", dirs_exist_ok=True)
    marked = sorted(path for path in (course.folder / "autograded").glob("*/*") if path.is_dir())
    for path in tqdm(marked, unit="page"):
        student, name = path.parts[-2:]
        result = course.api().generate_feedback(name, student, force=True)
        if not result["success"]:
            raise SystemExit(f"{student}, {name}: {course.problem(result)}")
    write_marks(course)
    print(f"{course.folder / 'feedback'}: {len(marked)} pages")
