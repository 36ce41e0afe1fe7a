"""What pytest must know before it collects notebooks; at the root, for it reaches `book/` from here."""

import os
from pathlib import Path

FIGURE = "application/vnd.mfcore.figure+json"
ALLOWED_SKIPS = Path(__file__).with_name("tests") / "allowed_skips.txt"


def pytest_collectstart(collector):
    # A figure's drawing is not stored in the notebook, and so cannot be compared: its text is.
    if hasattr(collector, "skip_compare"):
        collector.skip_compare += ("image/svg+xml", FIGURE)


def pytest_sessionfinish(session, exitstatus):
    """A test that is skipped fails the run, unless it is listed; in CI nothing may be skipped."""
    reporter = session.config.pluginmanager.get_plugin("terminalreporter")
    if reporter is None or hasattr(session.config, "workerinput"):
        return
    lines = [line.split("#")[0].strip() for line in ALLOWED_SKIPS.read_text().splitlines()]
    allowed = () if os.environ.get("CI") else tuple(line for line in lines if line)
    unexpected = sorted(
        {report.nodeid for report in reporter.stats.get("skipped", []) if not report.nodeid.startswith(allowed or "\0")}
    )
    if unexpected:
        reporter.write_line(f"\nSkipped, and not in {ALLOWED_SKIPS.name}: {', '.join(unexpected)}", red=True)
        session.exitstatus = 1
