"""What the tests of the package share."""

import os
import sys

# Marking needs the namespaces of Linux.
collect_ignore = [] if sys.platform == "linux" else ["test_course.py"]


def pytest_configure(config):
    config.addinivalue_line(
        "markers", "compiled: left out where the kernels are interpreted, for its meaning or its time (test_coverage)"
    )


def pytest_addoption(parser):
    parser.addoption(
        "--whole-course", action="store_true", default=bool(os.environ.get("CI")),
        help="mark every submission of the bank of assignments, as where CI is set",
    )
