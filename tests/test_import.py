"""Importing: fast, compiling nothing, wherever the package lies; and what is packaged."""

import ctypes
import importlib.metadata
import json
import os
import shutil
import stat
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

import mfcore as mf

ROOT = Path(__file__).parent.parent
PACKAGE = Path(mf.__file__).parent


def python(code, *, env=None, preexec=None, cwd=None):
    done = subprocess.run(
        [sys.executable, "-c", code], env=env, preexec_fn=preexec, cwd=cwd, capture_output=True, text=True, timeout=300
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_version():
    assert mf.__version__ == importlib.metadata.version("mfcore")


def test_import_takes_under_two_seconds():
    # The processor's time, for the clock would count what else the machine is doing. The first run warms the disk.
    code = "import time; start = time.process_time(); import mfcore; print(time.process_time() - start)"
    assert min(float(python(code)) for _ in range(3)) < 2.0


def test_import_compiles_nothing_and_leaves_the_rest_alone():
    code = """
import json, sys
from numba.core import event
with event.install_recorder("numba:compile") as compiled:
    import mfcore
from mfcore import _kernels
from numba.core.dispatcher import Dispatcher
import numba
with event.install_recorder("numba:compile") as control:  # the recorder does record
    numba.njit(lambda: 1)()
kernels = [k for k in vars(_kernels).values() if isinstance(k, Dispatcher)]
print(json.dumps({
    "kernels": len(kernels),
    "signatures": sum(len(k.signatures) for k in kernels),
    "compiled": len(compiled.buffer),
    "control": len(control.buffer),
    "uninvited": [m for m in ("matplotlib", "IPython", "sphinx", "docutils", "mpmath", "pandas", "xarray", "h5netcdf",
                              "h5py", "tqdm", "cloudpickle", "threadpoolctl", "dask", "distributed")
                  if m in sys.modules],
}))
"""
    environment = {k: v for k, v in os.environ.items() if k != "NUMBA_DISABLE_JIT"}
    found = json.loads(python(code, env=environment))
    assert found["kernels"] >= 8 and found["control"] > 0
    assert (found["signatures"], found["compiled"], found["uninvited"]) == (0, 0, [])


def obey_permissions():
    """In the child: not even root may write where the permissions forbid it (no CAP_DAC_OVERRIDE after exec)."""
    if os.geteuid() == 0 and sys.platform == "linux":
        libc = ctypes.CDLL(None, use_errno=True)
        if libc.prctl(24, 1, 0, 0, 0):  # PR_CAPBSET_DROP, CAP_DAC_OVERRIDE
            raise OSError(ctypes.get_errno(), "cannot give up the right to write everywhere")


USE = """
import os, sys
for folder in sys.argv[1:] or os.environ["READ_ONLY"].split(os.pathsep):
    try:
        open(os.path.join(folder, "probe"), "w")
    except PermissionError:
        continue
    sys.exit(f"{folder} can be written: this test would show nothing")
import mfcore as mf
assert mf.__file__.startswith(os.environ["PYTHONPATH"]), mf.__file__
model = mf.SelfAttention(2.0)
print(model.velocity([[1.0, 0.0], [0.6, 0.8]]).tobytes().hex(), model.log_energy([[1.0, 0.0], [0.6, 0.8]]).hex())
"""


@pytest.fixture
def sealed(tmp_path):
    """A copy of the package, a home and a warm cache that cannot be written."""
    folders = {name: tmp_path / name for name in ("site", "home", "cache")}
    shutil.copytree(PACKAGE, folders["site"] / "mfcore", ignore=shutil.ignore_patterns("__pycache__"))
    folders["home"].mkdir()
    folders["cache"].mkdir()
    (tmp_path / "tmp").mkdir()
    inside = [tmp_path, *(p for p in tmp_path.rglob("*") if p != tmp_path / "tmp")]
    for path in inside:
        path.chmod(path.stat().st_mode & ~(stat.S_IWUSR | stat.S_IWGRP | stat.S_IWOTH))
    yield folders
    for path in inside:
        path.chmod(path.stat().st_mode | stat.S_IWUSR)


@pytest.mark.parametrize("home", ["read-only", "absent", "unset", "read-only cache"])
def test_read_only_everywhere(home, sealed):
    temporary = sealed["site"].parent / "tmp"
    environment = {
        "PATH": os.environ["PATH"],
        "PYTHONPATH": str(sealed["site"]),
        "TMPDIR": str(temporary),
        "READ_ONLY": os.pathsep.join([str(sealed["site"] / "mfcore"), str(sealed["home"])]),
        "XDG_CACHE_HOME": str(sealed["home"] / "cache"),
    }
    if home != "unset":
        environment["HOME"] = str(sealed["home"] if home != "absent" else sealed["home"] / "gone")
    if home == "read-only cache":
        environment["NUMBA_CACHE_DIR"] = str(sealed["cache"])
    for name in ("NUMBA_DISABLE_JIT", "COVERAGE_PROCESS_START"):
        if name in os.environ:
            environment[name] = os.environ[name]
    printed = python(USE, env=environment, preexec=obey_permissions, cwd=temporary).split()
    x = [[1.0, 0.0], [0.6, 0.8]]
    model = mf.SelfAttention(2.0)
    assert printed == [model.velocity(x).tobytes().hex(), model.log_energy(x).hex()]
    assert list(temporary.iterdir()) == []  # the private cache went with its process


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    """Built by the backend itself, from a copy: no network, nothing left behind in the checkout."""
    folder = tmp_path_factory.mktemp("wheel")
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        if (ROOT / name).exists():
            shutil.copy(ROOT / name, folder)
    for name in ("mfcore", "book", "tests"):  # the last two to see that they stay out
        shutil.copytree(ROOT / name, folder / name, ignore=shutil.ignore_patterns("__pycache__", "*.ipynb"))
    code = "from setuptools import build_meta; print(build_meta.build_wheel('.'))"
    name = python(code, cwd=folder).split()[-1]
    with zipfile.ZipFile(folder / name) as archive:
        yield archive


def test_the_wheel_holds_the_package_alone(wheel):
    names = wheel.namelist()
    modules = {p.relative_to(ROOT).as_posix() for p in (ROOT / "mfcore").glob("*.py")}
    assert {n for n in names if ".dist-info/" not in n} == modules | {"mfcore/py.typed"}


def test_the_wheel_s_requirements(wheel):
    (path,) = [n for n in wheel.namelist() if n.endswith(".dist-info/METADATA")]
    lines = wheel.read(path).decode().splitlines()
    core = sorted(line.split()[1] for line in lines if line.startswith("Requires-Dist") and "extra ==" not in line)
    assert [name.partition(">")[0] for name in core] == ["numba", "numpy", "scipy"]
    assert f"Version: {mf.__version__}" in lines


def test_typed():
    assert (PACKAGE / "py.typed").exists()
