"""The small scripts of the book: running notebooks, checking pages."""

import importlib.util
import sys
from pathlib import Path

import nbformat
import pytest
import yaml

import mfcore as mf

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT / "book/_tools"))

import chapter_map  # noqa: E402
import check_pages  # noqa: E402
import execute  # noqa: E402

# execute.py


def notebook(*sources, **metadata):
    return nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(s) for s in sources], metadata=metadata)


def test_clean_keeps_text_and_claims_only():
    claim = {"text/plain": "Claim", "application/vnd.mfcore.claim+json": {"id": "a.b"}}
    stream = lambda name, text: nbformat.v4.new_output("stream", name=name, text=text)
    nb = notebook("a", "b", venv="/somewhere", kernelspec={"name": "mine", "display_name": "Mine", "language": "x"})
    nb.cells[0].update(execution_count=12)
    nb.cells[0].metadata["execution"] = {"iopub.execute_input": "now"}
    nb.cells[0].outputs = [
        nbformat.v4.new_output("display_data", {"text/plain": "Figure", "image/svg+xml": "<svg/>", execute.FIGURE: {}}),
        nbformat.v4.new_output("execute_result", {"text/plain": "1", "image/png": "AA=="}, execution_count=12),
        nbformat.v4.new_output("display_data", claim),
    ]
    nb.cells[1].outputs = [stream("stdout", "a"), stream("stdout", "b\n"), stream("stderr", "c"), stream("stdout", "d")]
    first, second = execute.clean(nb).cells
    assert [output.data for output in first.outputs] == [{"text/plain": "Figure"}, {"text/plain": "1"}, claim]
    assert first.execution_count == first.outputs[1].execution_count == 1 and second.execution_count == 2
    assert first.metadata == {}
    assert [(o.name, o.text) for o in second.outputs] == [("stdout", "ab\n"), ("stderr", "c"), ("stdout", "d")]
    assert nb.metadata.kernelspec == execute.KEPT_METADATA["kernelspec"]
    nbformat.validate(nb)


def test_a_failing_cell_is_loud_and_changes_nothing(tmp_path, capsys):
    path = tmp_path / "fails.ipynb"
    nbformat.write(notebook("1 + 1", "assert 1 == 2, 'no'", "print('after')"), path)
    before = path.read_bytes()
    assert execute.main([str(path)]) == 1
    assert path.read_bytes() == before
    assert "FAILED" in capsys.readouterr().err


def test_hidden_folders_hold_no_notebook_of_the_book(tmp_path):
    for name in ("02-b.ipynb", "01-a.ipynb", ".ipynb_checkpoints/01-a.ipynb", "_static/x.ipynb", "sub/03-c.ipynb"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    found = [path.relative_to(tmp_path).as_posix() for path in execute.notebooks(tmp_path)]
    assert found == ["01-a.ipynb", "02-b.ipynb", "sub/03-c.ipynb"]


# check_pages.py


@pytest.fixture
def site(tmp_path):
    """A faultless site of two pages, and a function that replaces text in the first and checks."""
    html = tmp_path / "html"
    (html / "_static").mkdir(parents=True)
    (html / "_static/a.svg").write_text("<svg/>")
    (html / "_static/a.css").write_text("b { background: url(a.svg) }")
    (html / "one.html").write_text(
        '<link rel="stylesheet" href="_static/a.css"><link rel="canonical" href="https://example.org/">'
        '<a href="two.html#there">x</a><a href="#here">y</a><a href="https://example.org/">z</a>'
        '<p id="here"><img src="_static/a.svg" alt="A drawing"><img src="_static/a.svg" alt="Dark"></p>'
        r'<span class="math notranslate">\(\alpha + \mathsf{N}(v) \\ x\)</span>'
        r'<div class="math"><span class="eqno">(1)</span>\[\begin{aligned}\langle x, y\rangle\end{aligned}\]</div>'
    )
    (html / "two.html").write_text('<h1 id="there">Two</h1><a name="old"></a><script src="_static/a.js"></script>')
    (tmp_path / "_toc.yml").write_text(
        yaml.safe_dump({"root": "one", "parts": [{"chapters": [{"file": "two", "sections": [{"file": "one"}]}]}]})
    )
    (tmp_path / "_config.yml").write_text("sphinx: {config: {mathjax3_config: {tex: {macros: {ours: x}}}}}")

    def check(old="", new=""):
        page = html / "one.html"
        text = page.read_text()
        assert old in text
        page.write_text(text.replace(old, new, 1) if old else text)
        return check_pages.check(html, tmp_path)

    return check


def test_a_faultless_site(site):
    assert site() == []
    assert site(r"\alpha", r"\ours \DeclareMathOperator{\mine}{m} \mine \newcommand{\my}{x}\my") == []


@pytest.mark.parametrize(
    "old, new, message",
    [
        ("two.html#there", "three.html", "link three.html leads to no file"),
        ("two.html#there", "two.html#their", "link two.html#their leads to no such anchor"),
        ("#here", "#hear", "link #hear leads to no such anchor"),
        ("two.html#there", "../_toc.yml", "leads out of the book"),
        ('alt="A drawing"', 'alt=""', "image _static/a.svg has no alt text"),
        ('alt="A drawing"', "", "image _static/a.svg has no alt text"),
        ('alt="A drawing"', 'alt="_static/a.svg"', "image _static/a.svg has no alt text"),
        ('src="_static/a.svg"', 'src="_static/b.svg"', "image _static/b.svg does not exist"),
        ('src="_static/a.svg"', 'src="https://example.org/a.svg"', "https://example.org/a.svg is loaded from another"),
        ('href="_static/a.css"', 'href="//example.org/a.css"', "//example.org/a.css is loaded from another host"),
        ("<p", '<script src="http://example.org/a.js"></script><p', "http://example.org/a.js is loaded from another"),
        ("<p", '<iframe src="https://example.org"></iframe><p', "https://example.org is loaded from another host"),
        (r"\alpha", r"\alpa", r"TeX macro \alpa is not defined"),
        (r"\mathsf", r"\length", r"TeX macro \length is not defined"),
        (r"\alpha", r"\bra{x}\qty", r"TeX macro \qty is not defined"),
        (r"\langle", r"\lange", r"TeX macro \lange is not defined"),
    ],
)
def test_each_fault_is_found(site, old, new, message):
    problems = site(old, new)
    assert any(message in problem for problem in problems), problems


def test_a_missing_page_and_a_style_from_elsewhere(site, tmp_path):
    (tmp_path / "html/_static/a.css").write_text("@import 'https://example.org/b.css'; a {b: url(//example.org/c.woff)}")
    (tmp_path / "html/two.html").unlink()
    problems = site()
    assert "_toc.yml: two has no page" in problems
    assert sum("another host" in problem for problem in problems) == 2
    assert check_pages.main([str(tmp_path / "html")]) == 1


def test_the_macros_are_those_of_mathjax():
    known = check_pages.known_macros()
    for macro in "frac langle lVert mathbb mathsf alpha operatorname text ldots iint xrightarrow bigl coloneqq sqrt " \
                 "limsup succeq nabla quad iff implies top dot substack underbrace lesssim".split():
        assert macro in known, macro
    for word in "length node children inner foo argmax qty dd norm abs R".split():
        assert word not in known, word


def test_vendored_files_keep_their_licence():
    assert "Apache License" in (ROOT / "book/_static/mathjax/LICENSE").read_text()
    assert len(list((ROOT / "book/_static/mathjax").rglob("*.woff"))) == 23


# The picture of the README


def test_the_glance_shows_what_it_says():
    spec = importlib.util.spec_from_file_location("glance", ROOT / "book/_tools/glance.py")
    glance = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(glance)
    plain, positions = glance.paths()
    assert (plain[-1] @ plain[-1].T).min() > 1 - 1e-9
    assert (positions[-1] @ positions[-1].T).min() < 0
    # Coordinates have one digit after the point: the same on every machine.
    assert (ROOT / "book/_static/glance.svg").read_text(encoding="utf-8") == glance.moving([plain, positions])
    assert glance.SECONDS < 5  # what moves for longer must have a button that stops it


def test_the_map_shows_the_stored_claims():
    claims = chapter_map.stored()
    for page, drawing in mf.plot.draw(lambda: chapter_map.figure(claims)).items():
        assert (ROOT / f"book/_static/map-{page}.svg").read_text(encoding="utf-8") == drawing, "draw the map again"
