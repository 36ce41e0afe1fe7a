"""The notebooks as they are stored, and what a reader is shown of them.

`faults` is the lint: everything that would empty the comparison of a notebook with its stored output.
It must find nothing in the book, and each tampering below must be found, by the lint or by nbval.
"""

import copy
import re
import shutil
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import nbformat
import pytest
import yaml
from docutils import nodes
from docutils.utils import new_document

from mfcore import claims, plot

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT / "book/_tools"))

import check_pages  # noqa: E402
import execute  # noqa: E402
import ledger  # noqa: E402
import pages  # noqa: E402

LONGEST_CELL, MOST_FIGURES = 25, 6
MARKERS = re.compile(r"^\s*#+\s*(NBVAL_\w+|PYTEST_VALIDATE_IGNORE_OUTPUT)\s*$", re.M)
MAGIC = re.compile(r"^\s*[%!]", re.M)
TAGS = {"raises-exception", "skip-execution", "remove-output", "remove_output"}
SHOW = re.compile(r"plot\.show\(\s*[\w.]+,\s*[\"']([^\"']+)[\"']")


def faults(notebook):
    """What is wrong with a stored notebook, one sentence each."""
    found, count, figures = [], 0, 0
    if extra := set(notebook.metadata) - {"kernelspec", "language_info"}:
        found.append(f"notebook metadata {sorted(extra)}")
    for number, cell in enumerate(notebook.cells):
        problems = []
        if bad := {t for t in cell.metadata.get("tags", []) if t in TAGS or t.startswith("nbval")}:
            problems.append(f"tag {sorted(bad)}")
        if cell.cell_type == "code":
            count += 1
            problems += _code_faults(cell, count)
            if "figure" in cell.metadata.get("mystnb", {}) or SHOW.search(cell.source):
                figures += 1
                problems += _figure_faults(cell)
        found += [f"cell {number}: {problem}" for problem in problems]
    if figures > MOST_FIGURES:
        found.append(f"{figures} figures, at most {MOST_FIGURES}")
    return found


def _code_faults(cell, count):
    if not cell.source.strip():
        yield "empty"
    if cell.execution_count != count:
        yield f"execution count {cell.execution_count}, expected {count}"
    if len(cell.source.splitlines()) > LONGEST_CELL:
        yield f"longer than {LONGEST_CELL} lines"
    if cell.source.rstrip().endswith(";"):
        yield "trailing semicolon"
    if marker := MARKERS.search(cell.source):
        yield f"marker {marker[1]}"
    if MAGIC.search(cell.source) or "recording(" in cell.source:
        yield "magic or recording, which may hide what the cell does"
    stored = [output.data[claims.MIME] for output in cell.outputs if claims.MIME in output.get("data", {})]
    if re.search(r"\bclaim\(", cell.source) and not stored:
        yield "a claim that stores nothing"
    for output in cell.outputs:
        data = output.get("data", {})
        if output.output_type == "error" or output.get("name") == "stderr":
            yield "an error or a warning in the output"
        if drawings := [mime for mime in data if mime.startswith("image/") or mime == plot.MIME]:
            yield f"stored drawing {drawings}"
        if claims.MIME in data and data["text/plain"] != claims.as_text(data[claims.MIME]):
            yield "text and data of a claim differ"
        if claims.MIME in data and not data[claims.MIME]["passed"]:
            yield "a claim that does not hold"


def _figure_faults(cell):
    options = cell.metadata.get("mystnb", {})
    name = options.get("figure", {}).get("name", "")
    for key, value in (
        ("alt text", options.get("image", {}).get("alt", "")),
        ("caption", options.get("figure", {}).get("caption", "")),
        ("name", name),
    ):
        if not value.strip():
            yield f"figure without {key}"
    shown = SHOW.search(cell.source)
    if not shown or shown[1] != name:
        yield f"figure {name!r} is shown under another name"
    texts = [output.get("data", {}).get("text/plain", "") for output in cell.outputs]
    if len(texts) != 1 or not texts[0].startswith(f"Figure {name}: "):
        yield "a figure's cell has one output, its summary"


# The book as it is.

BOOK = execute.notebooks()
read = lambda path: nbformat.read(path, as_version=4)


@pytest.mark.parametrize("path", BOOK, ids=lambda path: path.name)
def test_no_fault(path):
    found = faults(read(path))
    assert not found, "\n".join(found)


@pytest.mark.parametrize("path", BOOK, ids=lambda path: path.name)
def test_stored_as_the_tool_stores(path):
    assert execute.clean(read(path)) == read(path)


def test_every_notebook_is_in_the_table_of_contents():
    listed = check_pages.entries(yaml.safe_load((ROOT / "_toc.yml").read_text()))
    for path in BOOK:
        assert path.relative_to(ROOT).with_suffix("").as_posix() in listed
    for entry in listed:
        assert any((ROOT / f"{entry}.{kind}").is_file() for kind in ("md", "ipynb")), entry


def test_the_ledger_is_up_to_date():
    assert (ROOT / "book/claims.md").read_text() == ledger.ledger()


def test_ids_begin_with_their_chapter():
    for path in BOOK:
        for _, record in ledger.stored_claims(path):
            assert path.stem == "-".join([path.stem.split("-")[0], record["id"].split(".")[0]])


def test_nothing_is_lax():
    for name in ("pyproject.toml", "Makefile", "conftest.py", ".ci/run", ".github/workflows/ci.yml"):
        assert "nbval-lax" not in (ROOT / name).read_text(), name
    assert "--nbval " in (ROOT / "pyproject.toml").read_text()


# A notebook of our own, to tamper with.

CELLS = [
    "import numpy as np\nfrom matplotlib import pyplot as plt\nimport mfcore as mf",
    "print('rate', 0.125)",
    "np.arange(3) / 2",
    "def figure():\n    figure, axes = plt.subplots()\n    axes.plot([0, 1], [1, 0])\n    return figure\n\n"
    "mf.plot.show(figure, 'fig-line', '1 series, 2 points')",
    "mf.claim('sample.rate', 'The rate of $1-\\\\rho$ is an eighth.', provenance='ours', predicted=0.125,\n"
    "         measured=0.1252, atol=0.01)",
]
FIGURE, CLAIM = 4, 5  # cell numbers, the first cell is text


@pytest.fixture(scope="module")
def sample(tmp_path_factory):
    """An executed notebook."""
    path = tmp_path_factory.mktemp("sample") / "01-sample.ipynb"
    cells = [nbformat.v4.new_code_cell(source) for source in CELLS]
    cells[FIGURE - 1].metadata["mystnb"] = {
        "image": {"alt": "A line falls from one to zero."},
        "figure": {"name": "fig-line", "caption": "A line, $y = 1 - x$."},
    }
    text = "# A sample\n\nSee {numref}`fig-line` and {ref}`a claim <claim-sample.rate>`: $\\mathsf N(v)$."
    nbformat.write(nbformat.v4.new_notebook(cells=[nbformat.v4.new_markdown_cell(text), *cells]), path)
    execute.execute(path)
    return path


def test_the_sample_is_faultless(sample):
    notebook = read(sample)
    assert faults(notebook) == []
    assert notebook.cells[FIGURE].outputs[0].data == {"text/plain": "Figure fig-line: 1 series, 2 points"}
    assert set(notebook.cells[CLAIM].outputs[0].data) == {"text/plain", claims.MIME}
    assert notebook.metadata == execute.KEPT_METADATA


def test_executing_again_changes_no_byte(sample, tmp_path):
    again = tmp_path / sample.name
    shutil.copy(sample, again)
    execute.execute(again)
    assert again.read_bytes() == sample.read_bytes()


def set_tag(tag):
    return lambda nb: nb.cells[2].metadata.update(tags=[tag])


def edit(number, change):
    return lambda nb: change(nb.cells[number])


TAMPERINGS = {
    "cleared count": (edit(2, lambda c: c.update(execution_count=None)), "execution count None"),
    "wrong count": (edit(2, lambda c: c.update(execution_count=7)), "execution count 7"),
    "unexecuted": (
        lambda nb: [c.update(execution_count=None, outputs=[]) for c in nb.cells if c.cell_type == "code"],
        "execution count None",
    ),
    "image": (
        edit(FIGURE, lambda c: c.outputs[0].data.update({"image/png": "iVBORw0KGgo="})),
        "stored drawing ['image/png']",
    ),
    "svg": (edit(FIGURE, lambda c: c.outputs[0].data.update({"image/svg+xml": "<svg/>"})), "stored drawing"),
    "figure data": (edit(FIGURE, lambda c: c.outputs[0].data.update({plot.MIME: {}})), "stored drawing"),
    "no alt text": (edit(FIGURE, lambda c: c.metadata.mystnb.image.update(alt=" ")), "without alt text"),
    "no image metadata": (edit(FIGURE, lambda c: c.metadata.mystnb.pop("image")), "without alt text"),
    "no metadata": (edit(FIGURE, lambda c: c.metadata.pop("mystnb")), "without alt text"),
    "no caption": (edit(FIGURE, lambda c: c.metadata.mystnb.figure.pop("caption")), "without caption"),
    "other name": (edit(FIGURE, lambda c: c.metadata.mystnb.figure.update(name="fig-x")), "under another name"),
    "two outputs": (edit(FIGURE, lambda c: c.outputs.append(c.outputs[0])), "has one output"),
    "semicolon": (edit(FIGURE, lambda c: c.update(source=c.source + ";\n")), "trailing semicolon"),
    "ignored output": (edit(2, lambda c: c.update(source="# NBVAL_IGNORE_OUTPUT\n" + c.source)), "NBVAL_IGNORE"),
    "old marker": (
        edit(2, lambda c: c.update(source="  # PYTEST_VALIDATE_IGNORE_OUTPUT\n" + c.source)),
        "marker PYTEST_VALIDATE",
    ),
    "skipped by comment": (edit(2, lambda c: c.update(source="#NBVAL_SKIP\n" + c.source)), "NBVAL_SKIP"),
    "skip tag": (set_tag("nbval-skip"), "nbval-skip"),
    "ignore tag": (set_tag("nbval-ignore-output"), "nbval-ignore-output"),
    "exception tag": (set_tag("raises-exception"), "raises-exception"),
    "unrun tag": (set_tag("skip-execution"), "skip-execution"),
    "hidden output": (set_tag("remove-output"), "remove-output"),
    "captured": (edit(2, lambda c: c.update(source="%%capture\n" + c.source)), "magic"),
    "recorded": (edit(CLAIM, lambda c: c.update(source="with mf.claims.recording():\n    1")), "recording"),
    "claim without data": (edit(CLAIM, lambda c: c.update(outputs=[])), "stores nothing"),
    "claim failed": (
        edit(CLAIM, lambda c: c.outputs[0].data[claims.MIME].update(passed=False)),
        "does not hold",
    ),
    "claim data changed": (
        edit(CLAIM, lambda c: c.outputs[0].data[claims.MIME].update(measured=0.124)),
        "text and data of a claim differ",
    ),
    "warning": (
        edit(2, lambda c: c.outputs.append(nbformat.v4.new_output("stream", name="stderr", text="!"))),
        "error or a warning",
    ),
    "long cell": (edit(2, lambda c: c.update(source="1\n" * 26)), "longer than 25"),
    "empty cell": (edit(2, lambda c: c.update(source=" ")), "empty"),
    "unrun notebook": (lambda nb: nb.metadata.update(mystnb={"execution_mode": "off"}), "notebook metadata"),
    "many figures": (lambda nb: nb.cells.extend(copy.deepcopy([nb.cells[FIGURE]] * 6)), "7 figures"),
}


@pytest.mark.parametrize("name", TAMPERINGS)
def test_the_lint_finds(name, sample):
    tamper, message = TAMPERINGS[name]
    notebook = read(sample)
    tamper(notebook)
    assert any(message in fault for fault in faults(notebook)), faults(notebook)


def test_the_ledger_finds_a_missing_claim(sample, tmp_path):
    shutil.copy(sample, tmp_path)
    assert ledger.main(["--book", str(tmp_path)]) == 0
    assert ledger.main(["--book", str(tmp_path), "--check"]) == 0
    page = tmp_path / "claims.md"
    text = page.read_text()
    assert "claim-sample.rate" in text and "0.125" in text and "1 claims" in text
    for changed in (re.sub(r"\| The rate.*\n", "", text), text.replace("0.125", "0.126"), text + "\n"):
        page.write_text(changed)
        assert ledger.main(["--book", str(tmp_path), "--check"]) == 1
    page.unlink()
    assert ledger.main(["--book", str(tmp_path), "--check"]) == 1


def test_the_ledger_refuses_a_claim_made_twice_or_failing(sample, tmp_path):
    shutil.copy(sample, tmp_path / "01-sample.ipynb")
    shutil.copy(sample, tmp_path / "02-sample.ipynb")
    with pytest.raises(ValueError, match="made in 01-sample.ipynb, cell 5 and in 02-sample.ipynb, cell 5"):
        ledger.ledger(tmp_path)
    (tmp_path / "02-sample.ipynb").unlink()
    notebook = read(sample)
    notebook.cells[CLAIM].outputs[0].data[claims.MIME]["passed"] = False
    nbformat.write(notebook, tmp_path / "01-sample.ipynb")
    with pytest.raises(ValueError, match="does not hold"):
        ledger.ledger(tmp_path)


def nbval(folder):
    """Outcome of each code cell of the notebooks in folder/book, as the suite would see it."""
    for name in ("pyproject.toml", "conftest.py", "tests/allowed_skips.txt"):
        (folder / name).parent.mkdir(exist_ok=True)
        shutil.copy(ROOT / name, folder / name)
    command = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "-n", "0", "-rA", "book"]
    result = subprocess.run(command, cwd=folder, capture_output=True, text=True)
    cells = re.findall(r"^([A-Z]+) book/([\w-]+)\.ipynb::Cell (\d+)", result.stdout, re.M)
    return result.returncode, {(name, int(cell)): verdict for verdict, name, cell in cells}


def test_nbval_passes_the_sample_and_finds_each_change(sample, tmp_path):
    book = tmp_path / "book"
    book.mkdir()
    shutil.copy(sample, book)
    notebook = read(sample)
    changes = [  # code cell as nbval counts them, how to change what it has stored
        (1, lambda outputs: outputs[0].update(text="rate 0.126\n")),
        (2, lambda outputs: outputs[0].data.update({"text/plain": "array([0. , 0.5, 1.1])"})),
        (3, lambda outputs: outputs[0].data.update({"text/plain": "Figure fig-line: 2 series, 2 points"})),
        (4, lambda outputs: outputs[0].data[claims.MIME].update(measured=0.126)),
    ]
    for number, change in changes:
        change(notebook.cells[number + 1].outputs)
    nbformat.write(notebook, book / "changed.ipynb")
    notebook = read(sample)
    for number, _ in changes:
        notebook.cells[number + 1].outputs = []
    notebook.cells.append(nbformat.v4.new_code_cell("1 / 0", execution_count=6))
    notebook.cells.append(nbformat.v4.new_code_cell(outputs=notebook.cells[CLAIM].outputs))
    notebook.cells[-1].update(source=notebook.cells[CLAIM].source.replace("0.1252", "0.2"), execution_count=7)
    nbformat.write(notebook, book / "removed.ipynb")

    code, cells = nbval(tmp_path)
    assert code == 1
    assert {cells["01-sample", k] for k in range(5)} == {"PASSED"}
    assert [cells["changed", k] for k in range(5)] == ["PASSED"] + ["FAILED"] * 4
    assert [cells["removed", k] for k in range(7)] == ["PASSED"] + ["FAILED"] * 6


# What a reader is shown.


def build(folder):
    command = [Path(sys.executable).with_name("jupyter-book"), "build", ".", "-W", "-n", "--keep-going"]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True)


@pytest.fixture(scope="module")
def small_book(sample, tmp_path_factory):
    """A book with the real configuration but no address, the sample as its chapter and its ledger."""
    folder = tmp_path_factory.mktemp("book")
    # The publishing workflow runs these tests with its own address filled in.
    settings = re.sub(r"(?m)^  url: .*$", '  url: ""', (ROOT / "_config.yml").read_text(), count=1)
    (folder / "_config.yml").write_text(settings)
    (folder / "book").mkdir()
    shutil.copytree(ROOT / "book/_static", folder / "book/_static", ignore=shutil.ignore_patterns("woff-v2"))
    shutil.copytree(ROOT / "book/_templates", folder / "book/_templates")
    (folder / "book/_tools").mkdir()
    shutil.copy(ROOT / "book/_tools/pages.py", folder / "book/_tools")
    shutil.copy(ROOT / "book/references.bib", folder / "book")
    shutil.copy(sample, folder / "book")
    (folder / "book/intro.md").write_text("# Intro\n\nRead {cite:t}`rigollet2025`.\n\n```{bibliography}\n```\n\n## How to cite\n")
    ledger.main(["--book", str(folder / "book")])
    toc = {"format": "jb-book", "root": "book/intro"}
    (folder / "book/gallery.md").write_text("# Gallery\n\nFor $n$ tokens:\n\n```{gallery}\n```\n")
    toc["chapters"] = [{"file": f"book/{name}"} for name in ("01-sample", "gallery", "claims")]
    (folder / "_toc.yml").write_text(yaml.safe_dump(toc))
    return folder


def test_a_claim_and_a_figure_as_shown(small_book):
    result = build(small_book)
    assert result.returncode == 0, result.stderr
    html = small_book / "_build/html/book"
    assert check_pages.check(html.parent, small_book) == []
    page = check_pages.Page((html / "01-sample.html").read_text())
    images = {image["class"]: image for image in page.images}
    assert set(images) == {"only-light", "only-dark"}
    assert {image["alt"] for image in images.values()} == {"A line falls from one to zero."}
    assert images["only-light"]["src"] != images["only-dark"]["src"]
    assert {"fig-line", "claim-sample-rate"} <= page.anchors
    assert r"\(1-\rho\)" in page.formulas
    text = re.sub(r"<[^>]+>", "", (html / "01-sample.html").read_text())
    assert re.search(r"ours\s+sample\.rate", text)
    assert "predicted = 0.125" in text and "measured 0.125" in text and "tolerance 0.01" in text
    assert "Fig. 1" in text
    ledger_page = check_pages.Page((html / "claims.html").read_text())
    assert "01-sample.html#claim-sample-rate" in ledger_page.links
    assert "ledger-sample-rate" in ledger_page.anchors and "claims.html#ledger-sample-rate" in page.links
    shown = check_pages.Page((html / "gallery.html").read_text())
    assert {"01-sample.html#fig-line", "01-sample.html#claim-sample-rate"} <= set(shown.links)
    assert {image["class"]: image["alt"] for image in shown.images} == {name: image["alt"] for name, image in images.items()}
    assert r"\(y = 1 - x\)" in shown.formulas
    everything = "".join(path.read_text() for path in html.parent.rglob("*.html"))
    assert "og:image" not in everything and "fontawesome.js" not in everything
    assert "thebe" not in everything and "mybinder" not in everything  # no address yet, no button


@pytest.mark.parametrize("order, expected", [
    ("ccF", {"F2": "c0 c1"}),
    ("cFccFc", {"F1": "c0", "F4": "c2 c3 c5"}),
    ("FccFc", {"F0": "c1 c2", "F3": "c4"}),
    ("cFF", {"F1": "c0", "F2": "c0"}),
    ("cc|F|cF", {"F3": "", "F6": "c5"}),
    ("cF(c)c", {"F1": "c0 c5"}),
])
def test_which_claims_a_figure_of_the_gallery_shows(order, expected):
    """c a claim, F a figure, | the next section, ( ) a section inside."""
    document = new_document("")
    section = nodes.section()
    document += section
    for number, kind in enumerate(order):
        if kind == "|":
            section = nodes.section()
            document += section
        elif kind == "(":
            section += nodes.section()
            section = section[-1]
        elif kind == ")":
            section = section.parent
        elif kind == "F":
            section += nodes.figure(ids=[f"F{number}"])
        else:
            link = nodes.paragraph("", "", nodes.reference("", f"c{number}", refid="x"))
            section += nodes.container("", link, classes=["claim"], ids=[f"claim-c{number}"])
    found = {figure["ids"][0]: " ".join(id for id, _ in shown) for figure, shown in pages._figures(document)}
    assert found == expected


@pytest.mark.parametrize("repository, address", [
    ("https://github.com/someone/book", "https://someone.github.io/book/"),
    ("https://github.com/someone/book.git", "https://someone.github.io/book/"),
    ("https://github.com/Someone/someone.github.io", "https://Someone.github.io/"),
    ("https://gitlab.com/someone/book", ""),
    ("", ""),
])
def test_the_address_of_the_pages(repository, address):
    config = SimpleNamespace(html_theme_options={"repository_url": repository}, html_baseurl="")
    pages._address(None, config)
    assert config.html_baseurl == address


def test_with_an_address_the_buttons_are_drawn(small_book, tmp_path):
    folder = tmp_path / "book"
    shutil.copytree(small_book, folder, ignore=shutil.ignore_patterns("html", ".doctrees"))
    path = folder / "_config.yml"
    path.write_text(path.read_text().replace('  url: ""', "  url: https://github.com/someone/book", 1))
    result = build(folder)
    assert result.returncode == 0, result.stderr
    page = (folder / "_build/html/book/01-sample.html").read_text()
    assert "https://mybinder.org/v2/gh/someone/book/main?urlpath=lab/tree/book/01-sample.ipynb" in page
    for shared in (page, (folder / "_build/html/index.html").read_text()):
        assert 'property="og:image" content="https://someone.github.io/book/_static/card.png"' in shared


def test_a_strict_build_finds_each_fault(small_book, tmp_path):
    folder = tmp_path / "book"
    shutil.copytree(small_book, folder, ignore=shutil.ignore_patterns("html", ".doctrees"))
    path = folder / "book/01-sample.ipynb"
    notebook = read(path)
    del notebook.cells[FIGURE].metadata.mystnb["image"]
    notebook.cells[0].source += " {ref}`x <claim-sample.rat>` {numref}`fig-lin` {cite:t}`nobody` $\\mathsv N$."
    nbformat.write(notebook, path)
    result = build(folder)
    assert result.returncode != 0
    for fault in ("without alt text", "claim-sample.rat", "fig-lin", "nobody"):
        assert fault in result.stderr, fault
    problems = check_pages.check(folder / "_build/html", folder)
    assert any(r"TeX macro \mathsv is not defined" in problem for problem in problems)
    assert any("has no alt text" in problem for problem in problems)
