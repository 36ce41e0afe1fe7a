"""Every line of the package is reached by its tests, the bodies of the kernels included."""

import json
import os
import subprocess
import sys
from pathlib import Path

TESTS = Path(__file__).parent
CORE = ["kernels", "masks", "prompts", "properties", "inputs", "flow", "noise", "harmonics", "maximize", "sweep",
        "closed_forms", "clusters", "measures", "meanfield", "networks", "rank", "sphere", "claims", "plot"]  # fmt: skip


def test_lines_of_the_package(tmp_path):
    """The same tests with interpreted kernels: the same results, and at least 95 % of the lines.

    `_book.py` runs inside Sphinx only; the tests of the book hold it.
    """
    files = [str(path) for name in CORE if (path := TESTS / f"test_{name}.py").exists()]
    report = tmp_path / "coverage.json"
    (tmp_path / "rc").write_text("[run]\nsource = mfcore\nomit = */_book.py\n")
    environment = {k: v for k, v in os.environ.items() if not k.startswith(("COV_", "COVERAGE", "PYTEST"))}
    environment |= {"NUMBA_DISABLE_JIT": "1", "COVERAGE_FILE": str(tmp_path / "data"), "OMP_NUM_THREADS": "1"}
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-o", "addopts=", "-p", "no:cacheprovider", "-q", "-n", "2", "-m", "not compiled",
         "--cov=mfcore", f"--cov-config={tmp_path / 'rc'}", f"--cov-report=json:{report}", *files],
        cwd=TESTS.parent, env=environment, capture_output=True, text=True, timeout=600,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout[-5000:]
    found = json.loads(report.read_text())
    missing = {name: data["missing_lines"] for name, data in found["files"].items() if data["missing_lines"]}
    assert found["totals"]["percent_covered"] >= 95, missing
    kernels = next(data for name, data in found["files"].items() if name.endswith("_kernels.py"))
    assert kernels["missing_lines"] == []
