"""Look for solutions and hidden tests of the assignments where students see them: no line of them may stand there."""

import html
import re
from pathlib import Path

import nbformat

ASSIGNMENTS = Path(__file__).parents[1] / "assignments"
REGION = re.compile(r"### BEGIN (SOLUTION|HIDDEN TESTS)\n(.*?)### END \1", re.S)
# A shorter line, `return x` say, tells nothing, and neither does one that any program may have.
SHORTEST = 25
COMMON = ("import ", "from ", "with np.errstate(")
TEXT = {".html", ".ipynb", ".js", ".json", ".md", ".py", ".rst", ".txt", ".toml", ".yml", ".cfg", ".csv", ".svg", ""}


def secrets(folder=ASSIGNMENTS):
    """Lines of solutions and hidden tests: line -> name of the assignment."""
    lines = {}
    for path in sorted(folder.glob("*/*.ipynb")):
        for cell in nbformat.read(path, as_version=4).cells:
            for region in REGION.finditer(cell.source):
                for line in map(_plain, region[2].splitlines()):
                    if len(line) >= SHORTEST and not line.startswith(COMMON):
                        lines[line] = path.stem
    return lines


def found(folder, lines=None):
    """Secrets in the files under a folder, one sentence each."""
    lines = secrets() if lines is None else lines
    problems = []
    for path in sorted(Path(folder).rglob("*")):
        if path.is_file() and path.suffix in TEXT:
            text = path.read_text(encoding="utf-8", errors="replace")
            for line in sorted(shown(text) & set(lines)):
                problems.append(f"{path.relative_to(folder)}: shows a line of the solution of {lines[line]}: {line}")
    return problems


def shown(text):
    """The lines of a file as a reader sees them, whether it is a page, a notebook or a script."""
    forms = [text]
    if "<" in text:
        forms.append(html.unescape(re.sub(r"<[^>]*>", "", text)))
    forms += [form.replace(r"\n", "\n").replace(r"\"", '"').replace("\\\\", "\\") for form in forms if r"\n" in form]
    return {_plain(line) for form in forms for line in form.splitlines()}


def _plain(line):
    """A line without what surrounds it in a list of strings, and with single spaces."""
    return " ".join(line.strip().strip('",').split())
