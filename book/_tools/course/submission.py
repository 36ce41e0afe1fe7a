"""Find submissions, and set each one's answers into a fresh students' copy.

What is graded is the notebook that was released, cell by cell, with the answers that a student wrote into it and the
cells that they added. A marked cell that was changed, copied or deleted is thereby as it was; a file that is no notebook
becomes one without answers.
"""

import os
import re
from pathlib import Path

import nbformat

LARGEST = 20 * 2**20
STUDENT = re.compile(r"[^\w.@-]+")


def find(folder, names):
    """Submissions under a folder: {(student, assignment): path}, in order.

    Known are STUDENT/NAME/NAME.ipynb, STUDENT/NAME.ipynb and STUDENT_NAME.ipynb, whatever stands between the two; the folder
    or the first word is the student. Of two files for one student and assignment the newer counts. Links are not followed.

    Returns
    -------
    (found, left)
        The submissions, and notebooks that belong to none, as a list of paths.
    """
    found, left = {}, []
    for directory, _, files in os.walk(folder):
        for file in sorted(files):
            path = Path(directory) / file
            if path.suffix != ".ipynb" or path.is_symlink() or "." in {part[0] for part in path.relative_to(folder).parts}:
                continue
            key = _belongs(path.relative_to(folder), names)
            if key is None:
                left.append(path)
            elif key not in found or path.stat().st_mtime > found[key].stat().st_mtime:
                found[key] = path
    return dict(sorted(found.items())), left


def _belongs(path, names):
    """(student, assignment) of a path below the folder of submissions, or None."""
    # Behind the name a browser or a platform may have put a number.
    fitting = [(name, re.fullmatch(rf"(?:(.*)[_ -])?{re.escape(name)}(?: ?\(\d+\)|-\d+)?", path.stem)) for name in names]
    fitting = [(name, match[1] or "") for name, match in fitting if match]
    if not fitting:
        return None
    # Of rank and position-rank the longer one is meant.
    name, student = max(fitting, key=lambda pair: len(pair[0]))
    if len(path.parts) > 1:
        student = path.parts[0]
    student = STUDENT.sub("-", student).strip("-.")
    return (student, name) if student else None


def read(path):
    """A notebook from foreign bytes: (notebook, "") or (None, why not)."""
    try:
        if path.stat().st_size > LARGEST:
            return None, f"it is larger than {LARGEST // 2**20} MB"
        notebook = nbformat.reads(path.read_text(encoding="utf-8"), as_version=4)
        for cell in notebook.cells:
            if not isinstance(cell.source, str) or not isinstance(cell.metadata, dict):
                return None, "its cells have no text"
        nbformat.writes(notebook).encode("utf-8")
        return notebook, ""
    except Exception as error:
        return None, f"it is no notebook ({type(error).__name__})"


def rebuilt(released, path):
    """The released notebook with the answers of a submission, and sentences on what had to be put right.

    Every cell that is handed out has an identity; cells without one are the student's own, and stay behind the cell that
    they followed.
    """
    result = nbformat.from_dict(released)
    theirs, problem = read(path)
    if problem:
        return _noted(result, [f"The file could not be read: {problem}."])
    first, groups, notes = _grouped(theirs)
    cells = list(first)
    for cell in result.cells:
        identity = _identity(cell)
        group = groups.pop(identity, None)
        cells.append(cell)
        if group is None:
            notes.append(f"The cell `{identity}` is missing, and was put back.")
            continue
        if cell.metadata.nbgrader.solution:
            cell.source = group["source"]
            if cell.cell_type == "markdown" and group["attachments"]:
                cell.attachments = group["attachments"]
        elif group["source"].strip() != cell.source.strip():
            notes.append(f"The cell `{identity}` was changed, and is now as it was handed out.")
        cells += group["added"]
    for group in groups.values():
        cells += group["added"]
    result.cells = cells
    return _noted(result, notes)


def _identity(cell):
    name = cell.metadata.get("nbgrader", {}) if isinstance(cell.metadata, dict) else {}
    return name.get("grade_id") if isinstance(name, dict) else None


def _grouped(notebook):
    """Cells of a submission: the student's own at the top, those that were handed out with what follows each, what is odd."""
    first, groups, notes = [], {}, []
    added = first
    for cell in notebook.cells:
        identity = _identity(cell)
        if isinstance(identity, str) and identity in groups:
            notes.append(f"The cell `{identity}` is there twice, and the first one counts.")
        elif isinstance(identity, str) and identity:
            attachments = cell.get("attachments") if isinstance(cell.get("attachments"), dict) else None
            added = []
            groups[identity] = {"source": cell.source, "attachments": attachments, "added": added}
        elif cell.cell_type == "code":
            added.append(nbformat.v4.new_code_cell(cell.source))
        elif cell.cell_type == "markdown":
            added.append(nbformat.v4.new_markdown_cell(cell.source))
    return first, groups, notes


def _noted(notebook, notes):
    if notes:
        text = "**Before marking**\n\n" + "\n".join(f"- {note}" for note in notes)
        notebook.cells.insert(0, nbformat.v4.new_markdown_cell(text))
    return notebook, notes
