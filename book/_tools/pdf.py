"""Print the built pages as one book, with contents, bookmarks and references that lead to their places.

    python book/_tools/pdf.py [folder with the HTML [file to write]]
"""

import posixpath
import re
import sys
import tempfile
from html import escape
from pathlib import Path
from urllib.parse import unquote, urlsplit

import yaml
from browser import chromium
from bs4 import BeautifulSoup
from check_pages import entries

from mfcore._version import __version__

ROOT = Path(__file__).parents[2]
# What has no meaning on paper, or shows everything a second time.
LEFT_OUT = ["book/gallery"]
NOT_PRINTED = (
    ".headerlink, .copybtn, .toggle-button, script, .tag_hide-input > details, .tag_remove-input, .prev-next-footer, .only-dark, "
    ".claim-ledger"
)
STYLE = """
@page { size: A4; margin: 18mm 19mm 20mm; }
html { font-size: 10pt; }
body { background: #fff; color: #000; font-family: Georgia, "DejaVu Serif", serif; line-height: 1.38; margin: 0; }
h1, h2, h3, h4, .sd-card-title, .claim, .prf-title, figcaption, table { font-family: "Helvetica Neue", "DejaVu Sans", sans-serif; }
h1 { font-size: 20pt; line-height: 1.2; margin: 0 0 1.2rem; }
h2 { font-size: 14pt; margin: 1.6rem 0 0.6rem; }
h3 { font-size: 11.5pt; margin: 1.2rem 0 0.4rem; }
h1, h2, h3, h4 { break-after: avoid; color: #000; }
article { break-before: page; padding: 0 !important; }
article + article { margin: 0; }
a { color: #0d3f8f; text-decoration: none; }
p { margin: 0 0 0.6rem; orphans: 3; widows: 3; }
pre { font-size: 7.6pt !important; line-height: 1.35; overflow-wrap: anywhere; padding: 2pt 5pt; white-space: pre-wrap !important; }
div.cell { margin: 0.6rem 0; }
figure { margin: 1rem 0 !important; text-align: center; }
figure img { margin: 0 auto; max-height: 9cm; max-width: 100% !important; }
figcaption { font-size: 8.5pt; text-align: left; }
figure, .claim, .explore, pre, tr { break-inside: avoid; }
table { font-size: 8pt; width: 100%; }
table.ledger-table td { min-width: 0 !important; }
table.ledger-table td:first-child { width: 58%; }
table.ledger-table :is(td, th):nth-child(2) { white-space: nowrap; }
td, th { overflow-wrap: anywhere; padding: 0.15rem 0.35rem !important; }
.claim { font-size: 8.5pt; }
.explore { border: 0; display: block; }
.explore img { width: 80% !important; }
.explore p { color: #444; font-size: 8.5pt; }
mjx-container[display="true"] { margin: 0.6rem 0 !important; }
.admonition, .proof, .exercise, .solution { box-shadow: none !important; font-size: 9.5pt; margin: 0.8rem 0; }
.admonition, details { border-left: 2.5pt solid #c5ccd6; padding: 0.1rem 0 0.1rem 0.8rem; }
.proof, .exercise { break-inside: avoid; }
.admonition-title::before, .admonition-title::after, summary::before, summary::after { content: none !important; }
.admonition-title, summary { break-after: avoid; font-weight: bold; margin: 0 0 0.3rem; }
summary svg, summary i, summary .sd-summary-state-marker { display: none !important; }
summary { list-style: none; }
tr { border-bottom: 0.4pt solid #ddd; }
#title { align-content: center; height: 240mm; text-align: center; }
#title h1 { font-size: 34pt; }
#contents { break-before: page; }
#contents p { display: flex; gap: 0.5rem; margin: 0 0 0.35rem; }
#contents p span:nth-child(2) { border-bottom: 1px dotted #999; flex: 1; transform: translateY(-0.3rem); }
#contents .part { font-weight: bold; margin-top: 1rem; }
"""
# To a screen reader a formula is a picture whose text is its TeX, instead of a hundred letters that a PDF tags one by one.
FORMULAS = """() => {
  for (const { math, typesetRoot } of MathJax.startup.document.math) {
    typesetRoot.querySelector('mjx-assistive-mml')?.remove();
    typesetRoot.setAttribute('role', 'img');
    typesetRoot.setAttribute('aria-label', math);
  }
}"""
DANGLING = """() => [...document.querySelectorAll('a[href^="#"]')].map((a) => decodeURIComponent(a.hash.slice(1)))
  .filter((id) => !document.getElementById(id))"""
FOOTER = """<div style="font: 8px sans-serif; width: 100%; text-align: center"><span class="pageNumber"></span></div>"""


def book(html, only=None):
    """The text of one page that holds the pages of the book, or `only` some."""
    toc = yaml.safe_load((ROOT / "_toc.yml").read_text(encoding="utf-8"))
    names = [name for name in entries(toc) if name not in LEFT_OUT and (only is None or name in only)]
    pages = {name: BeautifulSoup((html / f"{name}.html").read_text(encoding="utf-8"), "html.parser") for name in names}
    head = pages[names[0]].head
    title = yaml.safe_load((ROOT / "_config.yml").read_text(encoding="utf-8"))["title"]
    styles = [
        f'<link rel="stylesheet" href="{(html / names[0]).parent.joinpath(unquote(urlsplit(link["href"]).path)).resolve().as_uri()}">'
        for link in head.select('link[rel~="stylesheet"]') if not re.search("sphinx-book-theme|pydata|theme.css", link["href"])
    ]
    parts = [(None, [toc["root"]])] + [(part["caption"], entries(part)) for part in toc["parts"]]
    contents, articles = [], []
    for caption, listed in parts:
        if caption:
            contents.append(f'<p class="part">{caption}</p>')
        for name in listed:
            if name not in names:
                continue
            article = pages[name].select_one("article.bd-article")
            prepare(article, name, html, set(names))
            articles.append(f'<article id="{anchor(name)}">{article.decode_contents()}</article>')
            heading = escape(article.h1.get_text().strip())
            contents.append(f'<p><a href="#{anchor(name)}">{heading}</a><span></span><span data-page="{anchor(name)}"></span></p>')
    mathjax = (html / "_static/mathjax/tex-chtml-full.js").as_uri()
    return (
        f"<!doctype html><html lang='en' data-theme='light'><meta charset='utf-8'><title>{title}</title>{''.join(styles)}"
        f"<style>{STYLE}</style><script>window.MathJax = {{ options: {{ processHtmlClass: 'tex2jax_process|mathjax_process|math"
        f"|output_area', ignoreHtmlClass: 'tex2jax_ignore|mathjax_ignore' }} }};</script><script defer src='{mathjax}'></script>"
        f"<body><section id='title'><h1>{title}</h1><p>An executable book on mean-field transformers</p>"
        f"<p>the mfcore developers</p><p>Version {__version__}</p><p>Code: MIT licence. Text and figures: CC BY 4.0.</p></section>"
        f"<nav id='contents'><h2>Contents</h2>{''.join(contents)}</nav>{''.join(articles)}</body></html>"
    )


def anchor(name, fragment=""):
    """The anchor of a page, or of a place in it, on the one page: many pages have the same anchors."""
    return f"{Path(name).name}--{fragment}" if fragment else Path(name).name


def prepare(article, name, html, names):
    """Make an article fit to stand beside the others: own anchors, addresses that hold anywhere, nothing folded."""
    for part in article.select(NOT_PRINTED):
        part.decompose()
    for part in article.select("[id]"):
        part["id"] = anchor(name, part["id"])
    for image in article.select("img"):
        image["src"] = (html / name).parent.joinpath(unquote(image["src"])).resolve().as_uri()
        image.attrs.pop("loading", None)
    for fold in article.select("details"):
        fold["open"] = ""
    for fold in article.select(".toggle, .dropdown"):
        fold["class"] = [kind for kind in fold["class"] if not kind.startswith(("toggle", "dropdown"))]
    for link in article.select("a[href]"):
        parts = urlsplit(link["href"])
        if parts.scheme or parts.netloc:
            continue
        page = posixpath.normpath(posixpath.join(posixpath.dirname(name), unquote(parts.path))) if parts.path else f"{name}.html"
        if page.removesuffix(".html") in names:
            link["href"] = "#" + anchor(page.removesuffix(".html"), unquote(parts.fragment))
        else:
            link.unwrap()


def write(browser, html, file, only=None):
    """Print the pages in a folder into a file."""
    with tempfile.TemporaryDirectory() as folder:
        source = Path(folder, "book.html")
        source.write_text(book(html, only), encoding="utf-8")
        page = browser.new_page(reduced_motion="reduce")
        page.set_default_timeout(300_000)
        page.goto(source.as_uri())
        page.evaluate("() => MathJax.startup.promise.then(() => true)")
        page.evaluate(FORMULAS)
        missing = page.evaluate(DANGLING)
        if missing:
            raise SystemExit(f"references to nothing: {sorted(set(missing))}")
        options = {
            "path": file, "prefer_css_page_size": True, "print_background": True, "outline": True, "tagged": True,
            "display_header_footer": True, "header_template": "<span></span>", "footer_template": FOOTER,
        }
        page.pdf(**options)
        numbers = page_numbers(file)  # only the printed pages tell them
        page.evaluate(
            "(numbers) => document.querySelectorAll('[data-page]').forEach((n) => (n.textContent = numbers[n.dataset.page]))",
            numbers,
        )
        page.pdf(**options)
        if page_numbers(file) != numbers:
            raise SystemExit("The numbers in the contents have moved what they count.")
        headings = page.evaluate("() => [...document.querySelectorAll('h1, h2, h3, h4, h5, h6')].map((h) => h.innerText)")
    mend(file, headings)


def page_numbers(file):
    """The number of the page of each place that a reference leads to."""
    import pikepdf

    with pikepdf.open(file) as printed:
        return {str(name).removeprefix("/"): pikepdf.Page(place[0]).index + 1 for name, place in printed.Root.Dests.items()}


def mend(file, headings):
    """Give bookmarks the words of their headings (where a line ends, Chromium forgets the space), and pack the file."""
    import pikepdf

    words = {re.sub(r"\s", "", heading): " ".join(heading.split()) for heading in headings}
    with pikepdf.open(file, allow_overwriting_input=True) as printed:
        with printed.open_outline() as outline:
            waiting = list(outline.root)
            while waiting:
                item = waiting.pop()
                waiting += item.children
                item.title = words.get(re.sub(r"\s", "", item.title), item.title)
        printed.docinfo["/Author"] = "the mfcore developers"
        printed.save(file, object_stream_mode=pikepdf.ObjectStreamMode.generate)
        print(f"{file}: {len(printed.pages)} pages, {Path(file).stat().st_size / 1e6:.1f} MB")


def main(arguments):
    """Command line."""
    html = Path(arguments[0] if arguments else ROOT / "_build/html").resolve()
    if not (html / "book/intro.html").exists():
        raise SystemExit(f"There are no pages in {html}: run make book first.")
    with chromium() as browser:
        write(browser, html, arguments[1] if len(arguments) > 1 else ROOT / "_build/attention-against-collapse.pdf")


if __name__ == "__main__":
    main(sys.argv[1:])
