"""The browser that prints the book and that the tests of its pages drive: a Chromium that the system has."""

import shutil
from contextlib import contextmanager
from pathlib import Path

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
MAC = Path("/Applications/Google Chrome.app/Contents/MacOS/Google Chrome")
MISSING = (
    "This needs a Chromium of the system (Debian's package chromium, or Google Chrome) and the Python package playwright, "
    "which `make extras` installs."
)


@contextmanager
def chromium():
    """A running Chromium, driven by Playwright; RuntimeError, which says what to install, where there is none."""
    program = next(filter(None, map(shutil.which, NAMES)), str(MAC) if MAC.exists() else None)
    try:
        from playwright.sync_api import sync_playwright
    except ImportError:
        program = None
    if program is None:
        raise RuntimeError(MISSING)
    with sync_playwright() as playwright:
        # A page of the book needs no sandbox of its own, and root may not have one.
        browser = playwright.chromium.launch(executable_path=program, args=["--no-sandbox"])
        yield browser
        browser.close()
