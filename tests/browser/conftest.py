"""The pages and their simulations in a real browser: `make browser`."""

import json
import sys
from pathlib import Path
from urllib.parse import urlencode

import pytest

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT / "book/_tools"))

from browser import chromium, program  # noqa: E402
from pages import page_of  # noqa: E402

# A typed array of the page arrives as a list, a number that JSON has not as None.
PLAIN = "(key, value) => ArrayBuffer.isView(value) ? Array.from(value) : value"


def pytest_configure(config):
    try:
        program()
    except SystemExit as error:
        pytest.exit(str(error), returncode=1)


@pytest.fixture(scope="session")
def browser():
    with chromium() as running:
        yield running


class Stage:
    """A simulation on a page of its own, paused, which tests drive as a reader does."""

    def __init__(self, page):
        self.page = page

    def js(self, expression):
        """The value of an expression, or of a function body with `return`, over `stage` and `simulation`."""
        body = expression if "return" in expression else f"return {expression}"
        found = self.page.evaluate(
            "(body) => { const [stage] = Explore.stages;"
            f"return JSON.stringify(Function('stage', 'simulation', body)(stage, stage.simulation), {PLAIN}) ?? 'null'; }}",
            body,
        )
        return json.loads(found)

    def set(self, **values):
        """Move controls."""
        for name, value in values.items():
            if self.js(f"'options' in simulation.controls.find(({{ name }}) => name === {name!r})"):
                self.page.locator(f".explore input[type=radio][value={json.dumps(str(value))}]").check()
            else:
                self.js(f"stage.set({name!r}, {value})")
                self.page.locator(f".explore input[name={name}]").dispatch_event("input")

    def advance(self, span):
        """Let it go on for a time, as long as it needs."""
        self.js(f"const end = stage.time + {span}; while (stage.time < end) stage.advance(end - stage.time); return null")

    def click(self, text):
        """Press a button."""
        self.page.get_by_role("button", name=text, exact=True).click()

    @property
    def text(self):
        """What a reader who does not see is told now."""
        return self.js("simulation.report().text")


@pytest.fixture
def stage(browser, tmp_path):
    """A function that opens the simulation of a name, with values of its controls and its seed."""
    opened = []

    def open_one(name, data=(), **values):
        attributes = " ".join(f"data-{key}='{value}'" for key, value in dict(data).items())
        file = tmp_path / f"{name}.html"
        file.write_text(page_of(f"<div class='explore' data-explore='{name}' {attributes}><p>Needs JavaScript.</p></div>"))
        page = browser.new_page(viewport={"width": 900, "height": 700}, reduced_motion="reduce")
        faults = []
        page.on("pageerror", lambda error: faults.append(str(error)))
        page.on("console", lambda message: faults.append(message.text) if message.type in ("error", "warning") else None)
        opened.append((page, faults))
        page.goto(f"{file.as_uri()}?{urlencode({'explore': name, **values})}")
        return Stage(page)

    yield open_one
    for page, faults in opened:
        page.close()
        assert not faults, faults
