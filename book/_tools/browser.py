"""The browser that prints the book and that the tests of its pages drive: a Chromium that the system has."""

import shutil
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path

NAMES = ("google-chrome", "google-chrome-stable", "chromium", "chromium-browser")
MAC = Path("/Applications/Google Chrome.app/Contents/MacOS/Google Chrome")


def program():
    """The path of the browser; SystemExit, which says what to install, where something is missing."""
    path = next(filter(None, map(shutil.which, NAMES)), str(MAC) if MAC.exists() else None)
    if path is None:
        raise SystemExit("This needs a browser: Debian's package chromium, or Google Chrome.")
    if find_spec("playwright") is None:
        raise SystemExit("This needs the Python packages of the extra browser: run make extras.")
    return path


@contextmanager
def chromium():
    """A running browser, driven by Playwright."""
    path = program()
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        # A page of the book needs no sandbox of its own, and root may not have one.
        browser = playwright.chromium.launch(executable_path=path, args=["--no-sandbox"])
        yield browser
        browser.close()
