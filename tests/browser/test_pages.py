"""Every page of the built book in a real browser, from the disk: `make browser`."""

import gzip
import json
import re
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from urllib.parse import unquote, urlsplit

import axe_playwright_python
import pytest
import yaml
from conftest import ROOT

from mfcore import claims

HTML = ROOT / "_build/html"
PAGES = sorted(
    path.relative_to(HTML).as_posix() for path in HTML.rglob("*.html") if "_static" not in path.parts and path.name != "index.html"
)
CHAPTERS = [name for name in PAGES if re.match(r"book/\d\d-", name)]
AXE = Path(axe_playwright_python.__file__).with_name("axe.min.js").read_text(encoding="utf-8")
DESKTOP, PHONE = {"width": 1280, "height": 900}, {"width": 390, "height": 844}
# What is folded away must be as good as what is not.
UNFOLD = """() => {
  document.querySelectorAll('details').forEach((fold) => (fold.open = true));
  document.querySelectorAll('.toggle-button').forEach((button) => button.ariaExpanded !== 'true' && button.click());
}"""
TYPESET = "() => window.MathJax?.startup?.promise?.then(() => true) ?? true"
FAULTS = """(options) => axe.run(document, { preload: false, resultTypes: ['violations'], ...options }).then(
  ({ violations }) => violations.flatMap(({ id, nodes }) => nodes.map(({ html, target }) => `${id}: ${target} ${html}`)))"""
# Contrast hangs on the theme and takes most of the time, the rest on the width.
CONTRAST = ["color-contrast", "link-in-text-block"]
LOOKS = [
    (DESKTOP, "light", {"rules": {name: {"enabled": False} for name in CONTRAST}}),
    (PHONE, "light", {"rules": {name: {"enabled": False} for name in CONTRAST}}),
    (PHONE, "light", {"runOnly": CONTRAST}),
    (DESKTOP, "dark", {"runOnly": CONTRAST}),
]
# Before contrast is measured: a formula has the colour of the text around it, and of each kind of word in code one is enough.
ONE_OF_EACH = """() => {
  document.querySelectorAll('mjx-container').forEach((formula) => formula.remove());
  const seen = new Set();
  document.querySelectorAll('pre span[class]').forEach((word) => {
    if (seen.has(word.className)) word.replaceWith(...word.childNodes);
    seen.add(word.className);
  });
  document.querySelectorAll('pre').forEach((code) => code.normalize());
}"""
# What is wider than the page, unless it scrolls in a box of its own.
WIDER = """() => {
  const room = document.documentElement.clientWidth;
  if (document.documentElement.scrollWidth <= room) return [];
  return [...document.querySelectorAll('main *')].filter((part) => part.getBoundingClientRect().right > room + 1)
    .map((part) => `${part.tagName} ${part.className} ${part.textContent.slice(0, 60)}`);
}"""


class Visit:
    """A page as a reader has it, who has no network."""

    def __init__(self, browser, name, **options):
        self.context = browser.new_context(viewport=DESKTOP, reduced_motion="reduce", **options)
        self.page = self.context.new_page()
        self.requests, self.faults = set(), []
        self.page.on("request", lambda request: self.requests.add(request.url))
        self.page.on("requestfailed", lambda request: self.faults.append(f"not loaded: {request.url}"))
        self.page.on("pageerror", lambda error: self.faults.append(str(error)))
        self.page.on("console", self._console)
        self.page.goto(name if ":" in name else (HTML / name).as_uri())
        if options.get("java_script_enabled", True):
            self.page.evaluate(TYPESET)

    def _console(self, message):
        if message.type in ("error", "warning"):
            self.faults.append(message.text)

    def __enter__(self):
        return self

    def __exit__(self, *error):
        self.context.close()

    def files(self):
        """The files that it has asked for."""
        return {Path(unquote(urlsplit(url).path)) for url in self.requests if url.startswith("file:")}


def weight(path):
    """Bytes on the wire: fonts and pictures as they are, the rest gzipped."""
    content = path.read_bytes()
    return len(content) if path.suffix in (".woff", ".woff2", ".png") else len(gzip.compress(content))


def test_there_are_pages():
    assert len(CHAPTERS) == len(list((ROOT / "book").glob("[0-9]*.ipynb"))) > 20, "run make book first"


@pytest.mark.parametrize("name", PAGES)
def test_page(browser, name):
    """Nothing from elsewhere, a clean console, no fault of accessibility in both themes and widths, nothing too wide, not too heavy."""
    with Visit(browser, name) as visit:
        page = visit.page
        assert not visit.faults
        # An unknown macro is no error to MathJax, but a word in red.
        assert page.locator("mjx-merror, [data-mjx-error], mjx-mtext[style*=red]").all_inner_texts() == []
        # Each formula is there for screen readers, too.
        formulas = page.locator("mjx-container").count()
        assert page.locator("mjx-assistive-mml math").count() == formulas
        assert formulas or not page.locator(".math").count()
        elsewhere = [url for url in visit.requests if not url.startswith(("file:", "data:", "blob:"))]
        assert not elsewhere
        own = [path for path in visit.files() if {"_images", "explore"} & set(path.parts) or path.suffix == ".html"]
        assert sum(map(weight, own)) <= 600e3
        assert sum(map(weight, visit.files())) <= 1.8e6

        page.evaluate(AXE)
        page.evaluate(UNFOLD)
        for size, theme, options in LOOKS:
            if "runOnly" in options:
                page.evaluate(ONE_OF_EACH)
            page.set_viewport_size(size)
            page.evaluate("(theme) => (document.documentElement.dataset.theme = theme)", theme)
            # Until what listens to the size has acted; transitions of colours are off.
            page.wait_for_timeout(100 if "runOnly" in options else 500)
            assert not page.evaluate(WIDER), (size, theme)
            assert not page.evaluate(FAULTS, options), (size, theme)
        assert not visit.faults


@pytest.mark.parametrize("name", [name for name in PAGES if 'data-explore="' in (HTML / name).read_text(encoding="utf-8")])
def test_simulations_in_their_pages(browser, name):
    """Each starts, plays, pauses, steps by keyboard alone, and draws; without scripts there is a picture of it."""
    with Visit(browser, name) as visit:
        page = visit.page
        places = page.locator("[data-explore]")
        assert page.evaluate("() => Explore.stages.length") == places.count() > 0
        for number in range(places.count()):
            place = places.nth(number)
            place.scroll_into_view_if_needed()
            play = place.get_by_role("button", name="Play", exact=True)
            play.focus()
            time = f"() => Explore.stages[{number}].time"
            before = page.evaluate(time)
            page.keyboard.press("Enter")
            page.wait_for_function(f"(before) => ({time})() > before", arg=before)
            page.keyboard.press("Space")
            assert place.get_by_role("button", name="Play", exact=True).count() == 1
            for picture in place.locator("canvas").all():
                assert picture.get_attribute("aria-label").strip()
                colors = picture.evaluate(
                    "(c) => new Set(new Uint32Array(c.getContext('2d').getImageData(0, 0, c.width, c.height).data.buffer)).size"
                )
                assert colors > 3
            # Tab reaches every control (of radio buttons the chosen one), and arrows move the sliders.
            play.focus()
            reached = page.evaluate_handle("() => new Set()")
            while place.evaluate("(place) => place.contains(document.activeElement)"):
                reached.evaluate("(set) => set.add(document.activeElement)")
                page.keyboard.press("Tab")
            missed = place.evaluate(
                "(place, reached) => [...place.querySelectorAll('button, summary, input:not([type=radio]), input:checked')]"
                ".filter((part) => part.checkVisibility() && !reached.has(part)).map((part) => part.outerHTML)", reached,
            )
            assert not missed
            for slider in place.locator("input[type=range]:visible").all():
                value = slider.input_value()
                slider.focus()
                page.keyboard.press("ArrowRight")
                if slider.input_value() == value:
                    page.keyboard.press("ArrowLeft")
                assert slider.input_value() != value
        assert not visit.faults
    with Visit(browser, name, java_script_enabled=False) as visit:
        for picture in visit.page.locator("[data-explore] img").all():
            picture.scroll_into_view_if_needed()
            # It is loaded when it is near.
            assert picture.evaluate("(image) => image.decode().then(() => image.naturalWidth)") > 300
            assert picture.get_attribute("alt")
        assert visit.page.locator("[data-explore] img").count() == visit.page.locator("[data-explore]").count() > 0


def stored_claims():
    for path in sorted((ROOT / "book").glob("*.ipynb")):
        for cell in json.loads(path.read_text(encoding="utf-8"))["cells"]:
            for output in cell.get("outputs", []):
                if claims.MIME in output.get("data", {}):
                    yield output["data"][claims.MIME]["id"], f"book/{path.stem}.html"


def test_the_first_page_leads_into_the_book(browser):
    with browser.new_page(java_script_enabled=False) as page:
        page.goto((HTML / "index.html").as_uri())
        page.wait_for_url("**/book/intro.html")


def test_search_finds_a_claim_by_its_id(browser):
    for id, name in list(stored_claims())[::60]:
        with Visit(browser, f"{(HTML / 'search.html').as_uri()}?q={id}") as visit:
            first = visit.page.locator("#search-results li a").first
            first.wait_for()
            assert first.get_attribute("href").startswith(f"{name}#claim-"), id
            first.click()
            visit.page.wait_for_url(f"**/{name}*")
            anchor = urlsplit(visit.page.url).fragment
            assert id in visit.page.locator(f"[id='{anchor}']").inner_text()
            assert not visit.faults


def test_ledger_and_claims_lead_to_each_other(browser):
    for id, name in list(stored_claims())[::90]:
        with Visit(browser, "book/claims.html") as visit:
            page = visit.page
            page.get_by_role("link", name=id, exact=True).click()
            page.wait_for_url(f"**/{name}#claim-*")
            box = page.locator(f"[id='{urlsplit(page.url).fragment}']")
            assert id in box.inner_text()
            box.get_by_role("link", name="ledger", exact=True).click()
            page.wait_for_url("**/claims.html#ledger-*")
            assert id in page.locator(f"[id='{urlsplit(page.url).fragment}']").inner_text()


@pytest.fixture(scope="module")
def served():
    """The address of the pages on this machine: from the disk a browser shows a file that a link offers, and saves it not."""
    handler = partial(SimpleHTTPRequestHandler, directory=HTML)
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


def test_every_notebook_can_be_downloaded(browser, served):
    for name in CHAPTERS:
        source = ROOT / name.replace(".html", ".ipynb")
        assert (HTML / "_sources/book" / source.name).read_bytes() == source.read_bytes()
    with Visit(browser, f"{served}/{name}", accept_downloads=True) as visit:
        visit.page.get_by_role("button", name="Download this page").click()
        with visit.page.expect_download() as download:
            visit.page.get_by_role("link", name="Notebook").click()
        assert download.value.suggested_filename == source.name
        assert Path(download.value.path()).read_bytes() == source.read_bytes()


def test_previous_and_next_go_through_the_whole_book():
    toc = yaml.safe_load((ROOT / "_toc.yml").read_text())
    entries = [toc["root"], *(chapter["file"] for part in toc["parts"] for chapter in part["chapters"])]
    for before, name, after in zip([None, *entries], entries, [*entries[1:], None]):
        page = (HTML / f"{name}.html").read_text(encoding="utf-8")
        for side, other in (("left-prev", before), ("right-next", after)):
            found = re.findall(rf'<a class="{side}"\s+href="(.*?)"', page)
            assert found == ([] if other is None else [f"{Path(other).name}.html"]), (name, side)


def test_proofs_and_solutions_open_by_keyboard(browser):
    with Visit(browser, CHAPTERS[0]) as visit:
        button = visit.page.locator(".toggle-button").first
        button.focus()
        folded = visit.page.locator(".admonition.toggle-hidden").count()
        visit.page.keyboard.press("Enter")
        assert visit.page.locator(".admonition.toggle-hidden").count() == folded - 1


def test_code_can_be_copied(browser):
    with Visit(browser, CHAPTERS[0], permissions=["clipboard-read", "clipboard-write"]) as visit:
        cell = visit.page.locator("div.cell_input:visible").first
        cell.hover()
        cell.locator("button.copybtn").click()
        assert visit.page.evaluate("() => navigator.clipboard.readText()").strip() == cell.locator("pre").inner_text().strip()
