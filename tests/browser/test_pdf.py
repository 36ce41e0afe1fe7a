"""The printed book, for some of its pages."""

import re

import pdf
import pikepdf
import pytest
from bs4 import BeautifulSoup
from conftest import ROOT

HTML = ROOT / "_build/html"
PAGES = ["book/intro", "book/01-collapse", "book/02-pushforward", "book/references"]


@pytest.fixture(scope="module")
def printed(browser, tmp_path_factory):
    file = tmp_path_factory.mktemp("pdf") / "book.pdf"
    pdf.write(browser, HTML, file, PAGES)
    with pikepdf.open(file) as opened:
        yield opened


def titles(items):
    for item in items:
        yield item.title
        yield from titles(item.children)


def test_bookmarks_are_the_headings(printed):
    with printed.open_outline() as outline:
        top = [item.title for item in outline.root]
        every = set(titles(outline.root))
    page = BeautifulSoup((HTML / "book/02-pushforward.html").read_text(), "html.parser").select_one("article")
    headings = [" ".join(h.get_text().rstrip("#").split()) for h in page.select("h1, h2, h3") if not h.select(".math")]
    assert len(headings) > 8 and headings[0] in top and set(headings) <= every


def test_references_lead_to_their_places(printed):
    # A link inside the book has a destination by name; dangling ones stop the printing.
    names = set(printed.Root.Dests.keys())
    inside = [
        str(link.Dest) for page in printed.pages for link in page.get("/Annots", []) if link.get("/Dest") is not None
    ]
    assert len(inside) > 50 and set(inside) <= names
    assert "/01-collapse--claim-collapse-late-rate-softmax" in names
    elsewhere = [str(link.A.URI) for page in printed.pages for link in page.get("/Annots", []) if "/A" in link]
    assert all(re.match("https?://", address) for address in elsewhere)


def test_contents_lead_to_their_pages(printed):
    (start,) = {pikepdf.Page(printed.Root.Dests["/02-pushforward"][0]).index}
    contents = [page.index for page in printed.pages if any(
        str(link.get("/Dest")) == "/02-pushforward" for link in page.get("/Annots", []))]
    assert min(contents) == 1 < start
    assert printed.Root.Lang == "en" and printed.Root.MarkInfo.Marked


def test_nothing_dark_and_nothing_folded_is_printed():
    page = BeautifulSoup(pdf.book(HTML, PAGES), "html.parser")
    assert not page.select(".only-dark, script[src*=explore], details:not([open]), .toggle")
    assert len(page.select("figure img.only-light")) >= 10 and len(page.select(".explore img")) == 4


def test_references_of_the_whole_book_have_a_place():
    page = BeautifulSoup(pdf.book(HTML), "html.parser")
    places = {part["id"] for part in page.select("[id]")}
    references = {link["href"][1:] for link in page.select('a[href^="#"]')}
    assert len(references) > 500 and references <= places
