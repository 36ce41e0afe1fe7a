"""Run chapters with mutated copies of mfcore, claims recorded and not raised.

    python tests/mutants/run.py             run all, write killed.json: which mutant turns which claim red
    python tests/mutants/run.py NAME        run one and say what became of each claim

A claim that is not reached, because its cell stopped with an error, does not count as turned red.
"""

import contextlib
import io
import json
import os
import shutil
import subprocess
import sys
import tempfile
import tomllib
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
KILLED = HERE / "killed.json"
CLAIM = "application/vnd.mfcore.claim+json"


def mutants():
    """The mutants by name."""
    return tomllib.loads((HERE / "mutants.toml").read_text())


def runs():
    """All pairs of a mutant and a chapter that it is run with."""
    return [(name, chapter) for name, mutant in mutants().items() for chapter in mutant["chapters"]]


def mutate(mutant, folder):
    """Copy mfcore into `folder` with the substitutions; an error unless each text occurs exactly once.

    Compiled code goes along where the kernels are not touched: to compile them anew takes most of a run.
    """
    package = Path(folder) / "mfcore"
    touched = {change["file"] for change in mutant["changes"]} & {"_kernels.py", "_jit.py"}
    shutil.copytree(ROOT / "mfcore", package, ignore=shutil.ignore_patterns("__pycache__" if touched else "*.pyc"))
    for change in mutant["changes"]:
        path = package / change["file"]
        text = path.read_text()
        found = text.count(change["old"])
        if found != 1:
            raise ValueError(f"the text {change['old']!r} occurs {found} times in {change['file']}, not once")
        path.write_text(text.replace(change["old"], change["new"]))


def fates(name, chapter):
    """What becomes of each claim of a chapter under a mutant, {id: held or not}, from a process of its own."""
    with tempfile.TemporaryDirectory() as folder:
        mutate(mutants()[name], folder)
        settings = {"PYTHONPATH": folder, "MPLBACKEND": "agg"}
        environment = {k: v for k, v in os.environ.items() if k != "NUMBA_CACHE_DIR"}
        command = [sys.executable, __file__, "--cells", folder, chapter]
        done = subprocess.run(command, env=environment | settings, cwd=folder, capture_output=True, text=True, timeout=900)
        if done.returncode:
            raise RuntimeError(f"mutant {name} could not be run with {chapter}:\n{done.stderr}")
        return json.loads(done.stdout)


def turned_red(name, chapter):
    """The claims of a chapter that fail under a mutant."""
    return sorted(claim for claim, held in fates(name, chapter).items() if not held)


def claims_of_the_book():
    """The ids of all claims that the notebooks store."""
    for path in sorted((ROOT / "book").glob("[0-9]*.ipynb")):
        for cell in json.loads(path.read_text())["cells"]:
            for output in cell.get("outputs", []):
                if CLAIM in output.get("data", {}):
                    yield output["data"][CLAIM]["id"]


def complaints(table):
    """What is wrong with a table of killed claims, a sentence each."""
    for name, row in table.items():
        for chapter, red in row.items():
            if not red:
                yield f"mutant {name} turns no claim of {chapter} red"
    killed = {claim for row in table.values() for red in row.values() for claim in red}
    for claim in claims_of_the_book():
        if claim not in killed:
            yield f"claim {claim} is turned red by no mutant"


def run_cells(folder, chapter):
    """Inside the mutant's process: execute the chapter's code cells; the claims' fates."""
    import mfcore as mf

    assert Path(mf.__file__).is_relative_to(Path(folder).resolve()), f"{mf.__file__} is not the mutated copy"
    mf.plot.show = lambda *_: None  # drawing decides no claim
    os.chdir(ROOT / "book")  # where a chapter finds its data
    names, found = {"__name__": "__main__"}, {}
    for cell in json.loads((ROOT / "book" / f"{chapter}.ipynb").read_text())["cells"]:
        if cell["cell_type"] == "code":
            with mf.claims.recording() as records, contextlib.redirect_stdout(io.StringIO()):
                try:
                    exec("".join(cell["source"]), names)
                except Exception as error:
                    print(f"{type(error).__name__}: {error}", file=sys.stderr)
            found |= {record["id"]: record["passed"] for record in records}
    return found


def main(arguments):
    """Command line."""
    if arguments[:1] == ["--cells"]:
        print(json.dumps(run_cells(*arguments[1:])))
    elif arguments:
        if arguments[0] not in mutants():
            sys.exit(f"there is no mutant {arguments[0]!r}: choose from {', '.join(mutants())}")
        for chapter in mutants()[arguments[0]]["chapters"]:
            for claim, held in fates(arguments[0], chapter).items():
                print("held" if held else "RED ", claim)
    else:
        with ThreadPoolExecutor(os.cpu_count()) as pool:
            rows = list(pool.map(lambda run: turned_red(*run), runs()))
        table = {}
        for (name, chapter), row in zip(runs(), rows, strict=True):
            table.setdefault(name, {})[chapter] = row
        KILLED.write_text(json.dumps(table, indent=1) + "\n")
        print(f"wrote {KILLED}", *complaints(table), sep="\n")


if __name__ == "__main__":
    main(sys.argv[1:])
