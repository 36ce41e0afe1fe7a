"""Check the built pages: none missing, no dead link, no bare image, nothing from elsewhere, no unknown TeX, no solution
of an assignment.

    python book/_tools/check_pages.py [folder with the HTML]
"""

import re
import sys
from functools import lru_cache
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

import leaks
import yaml

ROOT = Path(__file__).parents[2]
MATHJAX = ROOT / "book/_static/mathjax/tex-chtml-full.js"
# Extensions that the bundle holds but does not switch on.
DORMANT = re.compile(r"Physics|Braket-characters|colorv2|autoload|require|text-|setoptions")
# What TeX itself reads with an escape that is no letter, and what MathJax treats outside its maps.
BUILT_IN = {"begin", "end", "left", "right", "middle", "label", "tag", "notag", "nonumber"}


class Page(HTMLParser):
    """Anchors, links, images, requests and formulas of one page."""

    def __init__(self, text):
        super().__init__(convert_charrefs=True)
        self.anchors, self.links, self.images, self.requests, self.formulas = set(), [], [], [], []
        self._open, self._math = [], None
        self.feed(text)
        self.close()

    def handle_starttag(self, tag, attributes):
        values = {name: value or "" for name, value in attributes}
        self.anchors.update(values[name] for name in ("id", "name") if name in values)
        if tag == "a" and "href" in values:
            self.links.append(values["href"])
        if tag == "img":
            self.images.append(values)
        if tag in ("script", "img", "iframe", "source", "video", "audio", "embed") and "src" in values:
            self.requests.append(values["src"])
        if tag == "object" and "data" in values:
            self.requests.append(values["data"])
        if tag == "link" and set(values.get("rel", "").split()) & {
            "stylesheet", "icon", "shortcut", "preload", "prefetch", "preconnect", "dns-prefetch", "manifest"
        }:
            self.requests.append(values.get("href", ""))
        if self._math is None and tag in ("span", "div") and "math" in values.get("class", "").split():
            self._math, self._open = [], []
        if self._math is not None:
            self._open.append(tag)

    def handle_endtag(self, tag):
        if self._math is not None and tag in self._open:
            while self._open.pop() != tag:
                pass
            if not self._open:
                self.formulas.append("".join(self._math))
                self._math = None

    def handle_data(self, data):
        if self._math is not None:
            self._math.append(data)


@lru_cache
def known_macros():
    """Names of all macros that the vendored MathJax knows."""
    source = MATHJAX.read_text(encoding="utf-8")
    names = set(BUILT_IN)
    for start in re.finditer(r'(?:Command|Character|Delimiter|Macro)Map\)?\("([^"]+)",', source):
        if not DORMANT.match(start[1]):
            names.update(_keys(source, source.index("{", start.end())))
    return frozenset(name.lstrip("\\") for name in names)


def _keys(source, position):
    """The keys of the JavaScript object literal that opens at `position`."""
    token = re.compile(r'"(?:[^"\\]|\\.)*"|\'(?:[^\'\\]|\\.)*\'|[{}\[\](),:]|[\w$]+|.', re.S)
    depth, expecting, keys, last = 0, True, [], ""
    for match in token.finditer(source, position):
        text = match[0]
        if text in "{[(":
            depth += 1
        elif text in "}])":
            depth -= 1
            if depth == 0:
                return keys
        elif depth == 1 and text == ",":
            expecting = True
        elif depth == 1 and text == ":" and expecting:
            keys.append(last.strip("\"'").replace("\\\\", "\\"))
            expecting = False
        last = text
    raise ValueError("object literal without an end")


def undefined_macros(formula, known):
    """The macros of a formula that are neither known nor defined in it."""
    defined = set(re.findall(r"\\(?:re|provide)?newcommand\*?\{?\\([A-Za-z]+)", formula))
    defined |= set(re.findall(r"\\(?:def|let)\\([A-Za-z]+)", formula))
    defined |= set(re.findall(r"\\DeclareMathOperator\*?\{\\([A-Za-z]+)\}", formula))
    # A macro ends where its letters end; "\\" is a line break, and what follows it is text.
    used = re.findall(r"\\([A-Za-z]+)", formula.replace("\\\\", " "))
    return sorted(set(used) - known - defined)


def entries(toc):
    """Names of all files in a table of contents."""
    if isinstance(toc, list):
        return [name for item in toc for name in entries(item)]
    names = [toc[key] for key in ("root", "file") if key in toc]
    return names + [name for key in ("parts", "chapters", "sections", "subtrees", "entries")
                    for name in entries(toc.get(key, []))]


def check(html, root=ROOT):
    """Return what is wrong with the pages in a folder, one sentence each."""
    html = Path(html).resolve()
    problems = []
    for entry in entries(yaml.safe_load((root / "_toc.yml").read_text(encoding="utf-8"))):
        if not (html / f"{entry}.html").is_file():
            problems.append(f"_toc.yml: {entry} has no page")

    config = yaml.safe_load((root / "_config.yml").read_text(encoding="utf-8"))
    tex = ((config["sphinx"]["config"].get("mathjax3_config") or {}).get("tex") or {})
    known = known_macros() | set(tex.get("macros", {}))
    pages = {
        path: Page(path.read_text(encoding="utf-8"))
        for path in sorted(html.rglob("*.html"))
        if not {"_static", "_sources"} & set(path.relative_to(html).parts)
    }
    for path, page in pages.items():
        name = path.relative_to(html).as_posix()
        for link in page.links:
            fault = _dead(link, path, pages, html)
            if fault:
                problems.append(f"{name}: link {link} {fault}")
        for image in page.images:
            # Sphinx puts the address where no alt text was given.
            alt = image.get("alt", "").strip()
            if not alt or alt.endswith((".svg", ".png", ".jpg")):
                problems.append(f"{name}: image {image.get('src', '')} has no alt text")
            if not _elsewhere(image.get("src", "")) and not _file(image.get("src", ""), path).is_file():
                problems.append(f"{name}: image {image.get('src', '')} does not exist")
        for request in page.requests:
            if _elsewhere(request):
                problems.append(f"{name}: {request} is loaded from another host")
        for formula in page.formulas:
            for macro in undefined_macros(formula, known):
                problems.append(f"{name}: TeX macro \\{macro} is not defined, in {formula.strip()}")
    for style in sorted(html.rglob("*.css")):
        for address in re.findall(r"(?:url\(\s*[\"']?|@import\s+[\"'])((?:https?:)?//[^\"')]+)",
                                  style.read_text(encoding="utf-8")):
            problems.append(f"{style.relative_to(html)}: {address} is loaded from another host")
    return problems


def _elsewhere(address):
    return bool(urlsplit(address).netloc)


def _file(address, page):
    return page.parent / unquote(urlsplit(address).path)


def _dead(link, path, pages, html):
    """What is wrong with a link of a page, or None."""
    parts = urlsplit(link)
    if parts.scheme or parts.netloc or link == "#":
        return None
    target = (path.parent / unquote(parts.path)).resolve() if parts.path else path
    if target.is_dir():
        target /= "index.html"
    if not target.is_relative_to(html):
        return "leads out of the book"
    if not target.is_file():
        return "leads to no file"
    anchor = unquote(parts.fragment)
    if anchor and target in pages and anchor not in pages[target].anchors:
        return "leads to no such anchor"
    return None


def main(arguments=None):
    """Command line."""
    arguments = sys.argv[1:] if arguments is None else arguments
    html = Path(arguments[0]) if arguments else ROOT / "_build/html"
    problems = check(html) + leaks.found(html)
    for problem in problems:
        print(problem, file=sys.stderr)
    if not problems:
        print(f"checked {len(list(html.rglob('*.html')))} pages: no fault")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
