"""One set of pins for make, conda and Binder; the files around the package agree with each other."""

import os
import re
import shutil
import stat
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

import mfcore

ROOT = Path(__file__).parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
LOCK = [Requirement(line) for line in (ROOT / "requirements.lock").read_text().splitlines() if line.strip()]
ENVIRONMENT = yaml.safe_load((ROOT / "environment.yml").read_text())


def test_every_line_of_the_lock_is_an_exact_version():
    for requirement in LOCK:
        (specifier,) = requirement.specifier
        assert specifier.operator == "==" and not specifier.version.endswith("*"), requirement
        assert not requirement.url, requirement


@pytest.mark.parametrize("group", ["dependencies", "book", "sweep", "test"])
def test_the_lock_holds_what_the_project_asks_for(group):
    wanted = PROJECT["dependencies"] if group == "dependencies" else PROJECT["optional-dependencies"][group]
    pins = {}
    for requirement in LOCK:
        if requirement.marker is None or requirement.marker.evaluate():
            pins[canonicalize_name(requirement.name)] = next(iter(requirement.specifier)).version
    for requirement in map(Requirement, wanted):
        assert pins[canonicalize_name(requirement.name)] in requirement.specifier, requirement


@pytest.mark.parametrize("group", ["train", "models", "browser"])
def test_the_extras_have_a_lock_beside_it(group):
    """What `make extras` adds: exact versions, none of which the book needs or changes."""
    lines = (ROOT / "requirements-extras.lock").read_text().splitlines()
    pins = {}
    for requirement in map(Requirement, lines):
        (specifier,) = requirement.specifier
        assert specifier.operator == "==", requirement
        pins[canonicalize_name(requirement.name)] = specifier.version
    locked = {canonicalize_name(requirement.name): requirement for requirement in LOCK}
    assert not set(pins) & set(locked)
    for requirement in map(Requirement, PROJECT["optional-dependencies"][group]):
        name = canonicalize_name(requirement.name)
        assert (pins[name] if name in pins else next(iter(locked[name].specifier)).version) in requirement.specifier


def test_conda_and_binder_use_the_same_lock():
    *conda, pip = ENVIRONMENT["dependencies"]
    assert conda == ["python=3.11", "pip"]
    assert pip == {"pip": ["-r requirements.lock", "-e ."]}
    assert PROJECT["requires-python"] == ">=3.11"
    # Where either exists, Binder reads nothing else at the root.
    assert not (ROOT / ".binder").exists() and not (ROOT / "binder").exists()
    assert not (ROOT / "requirements.txt").exists()


def test_make_uses_the_same_lock():
    makefile = (ROOT / "Makefile").read_text()
    assert "install --disable-pip-version-check -r requirements.lock" in makefile
    assert "uv " not in makefile


@pytest.mark.parametrize("name", ["postBuild", ".ci/run"])
def test_scripts_run(name):
    path = ROOT / name
    assert path.stat().st_mode & stat.S_IXUSR
    assert path.read_text().startswith("#!/usr/bin/env bash\n")
    subprocess.run(["bash", "-n", path], check=True)


def test_post_build_compiles_the_kernels():
    environment = {**os.environ, "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"}
    subprocess.run([ROOT / "postBuild"], check=True, cwd=ROOT, env=environment)


def test_versions_agree():
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text())
    changelog = (ROOT / "CHANGELOG.md").read_text()
    assert citation["version"] == mfcore.__version__ == re.search(r"^## (.*)$", changelog, re.M)[1]
    assert citation["title"] == yaml.safe_load((ROOT / "_config.yml").read_text())["title"]
    entry = dict(re.findall(r"^  (\w+) *= \{+(.*?)\}+,?$", (ROOT / "book/intro.md").read_text(), re.M))
    assert entry.pop("year") == re.search(r"\d{4}", yaml.safe_load((ROOT / "_config.yml").read_text())["copyright"])[0]
    (author,) = citation["authors"]
    assert entry == {"author": author["name"], "title": citation["title"], "version": citation["version"]}


def test_licences():
    assert (ROOT / "LICENSE").read_text().startswith("MIT License")
    assert (ROOT / "LICENSE-TEXT").read_text().startswith("Attribution 4.0 International")
    assert PROJECT["license"] == "MIT"


def test_no_address_is_invented():
    config = yaml.safe_load((ROOT / "_config.yml").read_text())
    assert config["repository"]["url"] == "" or os.environ.get("GITHUB_REPOSITORY", "\0") in config["repository"]["url"]
    for name in ("README.md", "CITATION.cff", "CONTRIBUTING.md", "pyproject.toml", "book/intro.md"):
        assert not re.search(r"https?://(?!doi\.org|arxiv\.org|localhost)", (ROOT / name).read_text()), name


@pytest.mark.parametrize("name", ["ci.yml", "publish.yml"])
def test_workflows(name):
    text = (ROOT / ".github/workflows" / name).read_text()
    workflow = yaml.safe_load(text)
    assert workflow["permissions"] == {"contents": "read"}
    steps = [step for job in workflow["jobs"].values() for step in job["steps"]]
    assert {"make test", "make book"} <= {step.get("run") for step in steps}
    for use in (step["uses"] for step in steps if "uses" in step):
        assert re.fullmatch(r"[\w./-]+@[0-9a-f]{40}", use), use


def test_the_readme_s_examples_run(tmp_path):
    """One after the other, the sweep with six of its two thousand members."""
    blocks = re.findall(r"```python\n(.*?)```", (ROOT / "README.md").read_text(), re.S)
    assert len(blocks) == 6 and all(len(block.strip().splitlines()) <= 10 for block in blocks)
    code = "".join(blocks)
    for many, few in (("0.1, 10, 100", "0.1, 10, 3"), ("range(20)", "range(2)")):
        assert code.count(many) == 1
        code = code.replace(many, few)
    code += "\nprint(v.shape, mf.SelfAttention(beta=5.0).method_for(x))\n"
    code += "print(result.value.shape, run.method, mf.sphere.distance(run.x[1, 0], run.x[1, -1]).round(2))\n"
    code += "print(noisy.method, noisy.steps, many.density.shape)\n"
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=tmp_path)
    plain, positions, deep, many, long, noisy = (line.split(maxsplit=2) for line in result.stdout.splitlines())
    assert plain == ["1.0", "1.0", "True"]
    assert float(positions[0]) < 0.5 and float(positions[1]) < 0.5 and positions[2] == "True"
    assert deep[0] == "[4," and deep[2].endswith("0] True")  # five tokens become one
    assert many == ["(100000,", "3)", "harmonic"]
    assert long == ["(3,", "2)", "DOP853, 16 tokens in 2 clusters 1.56"]
    assert noisy == ["Strang", "splitting", "100 (2, 128)"]


def test_the_readme_names_what_exists():
    for target in re.findall(r"\]\(([^)#:]+)\)", (ROOT / "README.md").read_text()):
        assert (ROOT / target).exists(), target


def test_a_skipped_test_fails_unless_it_is_listed(tmp_path):
    (tmp_path / "tests").mkdir()
    (tmp_path / "conftest.py").write_text((ROOT / "conftest.py").read_text())
    (tmp_path / "test_x.py").write_text("import pytest\n\ndef test_a():\n    pytest.skip('no browser')\n")
    listed = tmp_path / "tests/allowed_skips.txt"

    def code(**environment):
        command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-c", os.devnull, f"--rootdir={tmp_path}"]
        clean = {key: value for key, value in os.environ.items() if key != "CI"}
        return subprocess.run([*command, tmp_path], env=clean | environment, capture_output=True).returncode

    listed.write_text("# none\n")
    assert code() == 1
    listed.write_text("test_x.py::test_a  # needs a browser\n")
    assert code() == 0
    assert code(CI="true") == 1


def make(*arguments, folder=ROOT):
    """Run make as from a shell, also when these tests are run by make."""
    clean = {key: value for key, value in os.environ.items() if not key.startswith(("MAKE", "MFLAGS"))}
    return subprocess.run(["make", *arguments], cwd=folder, env=clean, capture_output=True, text=True)


def test_make_alone_helps():
    shown = make().stdout
    assert shown == make("help").stdout and "make book" in shown


def old_python(folder, code):
    """A python that says no to the given import or check."""
    path = folder / "python3"
    path.write_text(f'#!/bin/sh\ncase "$*" in *"{code}"*) exit 1;; esac\nexit 0\n')
    path.chmod(0o755)
    return path


@pytest.mark.parametrize(
    "refuses, sentence",
    [
        ("version_info", "This needs Python 3.11 or newer"),
        ("ensurepip", "has no venv module: install it"),
    ],
)
def test_a_machine_that_lacks_something_gets_one_sentence(tmp_path, refuses, sentence):
    for name in ("Makefile", "requirements.lock", "pyproject.toml"):
        (tmp_path / name).write_text((ROOT / name).read_text())
    python = old_python(tmp_path, refuses)
    result = make("book", f"PYTHON={python}", folder=tmp_path)
    assert result.returncode != 0
    first, *rest = result.stderr.strip().splitlines()
    assert sentence in first and all(line.startswith("make: ***") for line in rest), result.stderr
    assert not (tmp_path / ".venv").exists()


def test_an_interrupted_or_broken_environment_is_made_anew(tmp_path):
    for name in ("Makefile", "requirements.lock", "pyproject.toml"):
        (tmp_path / name).write_text((ROOT / name).read_text())
    plan = lambda: make("-n", "test", folder=tmp_path).stdout
    assert "-m venv .venv" in plan()  # nothing there
    binary = tmp_path / ".venv/bin"
    binary.mkdir(parents=True)
    (binary / "python").symlink_to(sys.executable)
    assert "-m venv .venv" in plan()  # interrupted: no stamp
    stamp = re.search(r"touch (\S+)", plan())[1]
    (tmp_path / stamp).touch()
    assert "-m venv .venv" not in plan()  # whole
    moved = tmp_path.with_name(tmp_path.name + "-moved")
    shutil.copytree(tmp_path, moved, symlinks=True)
    assert "-m venv .venv" in make("-n", "test", folder=moved).stdout  # its scripts name the old place
    (binary / "python").unlink()
    (binary / "python").symlink_to("/nowhere/python3")
    assert "-m venv .venv" in plan()  # its Python is gone
    (binary / "python").unlink()
    (binary / "python").symlink_to(sys.executable)
    (tmp_path / "requirements.lock").write_text("numpy==2.0.0\n")
    assert "-m venv .venv" in plan()  # other pins
