"""Run notebooks in place and leave in them what is committed: text and claims, no drawings.

    python book/_tools/execute.py                       every notebook under book/
    python book/_tools/execute.py book/01-collapse.ipynb
"""

import argparse
import sys
import time
from pathlib import Path

import nbformat
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError

BOOK = Path(__file__).parents[1]
FIGURE = "application/vnd.mfcore.figure+json"
KEPT_METADATA = {
    "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
    "language_info": {"name": "python", "pygments_lexer": "ipython3"},
}


def notebooks(folder=BOOK):
    """All notebooks of the book, in reading order; those of the course are run by its own tests."""
    hidden = lambda path: any(part.startswith((".", "_", "assignments")) for part in path.relative_to(folder).parts)
    return sorted(path for path in folder.rglob("*.ipynb") if not hidden(path))


def clean(notebook):
    """Take out of an executed notebook what would differ from run to run, and the drawings."""
    notebook.metadata = nbformat.from_dict({**notebook.metadata, **KEPT_METADATA})
    count = 0
    for cell in notebook.cells:
        for key in ("execution", "collapsed", "ExecuteTime"):
            cell.metadata.pop(key, None)
        if cell.cell_type != "code":
            continue
        # IPython leaves the count of an empty cell at null.
        count += bool(cell.source.strip())
        cell.execution_count = count if cell.source.strip() else None
        outputs = []
        for output in cell.outputs:
            if output.output_type == "execute_result":
                output.execution_count = count
            data = output.get("data", {})
            for mime in [m for m in data if m.startswith("image/") or m == FIGURE]:
                del data[mime]
            # How a stream is cut into messages is a matter of timing.
            if (
                output.output_type == "stream"
                and outputs
                and outputs[-1].output_type == "stream"
                and outputs[-1].name == output.name
            ):
                outputs[-1].text += output.text
            else:
                outputs.append(output)
        cell.outputs = outputs
    return notebook


def execute(path, timeout=300):
    """Run one notebook in its own folder and write it back, or raise at the first failing cell."""
    notebook = nbformat.read(path, as_version=4)
    client = NotebookClient(
        notebook,
        timeout=timeout,
        kernel_name="python3",
        record_timing=False,
        allow_errors=False,
        resources={"metadata": {"path": str(Path(path).parent)}},
    )
    client.execute()
    nbformat.write(clean(notebook), path)


def main(arguments=None):
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("notebooks", nargs="*", type=Path, help="default: every notebook of the book")
    parser.add_argument("--timeout", type=int, default=300, help="seconds for a cell")
    options = parser.parse_args(arguments)
    failed = 0
    for path in options.notebooks or notebooks():
        start = time.perf_counter()
        try:
            execute(path, options.timeout)
        except CellExecutionError as error:
            failed += 1
            print(f"FAILED {path}: the notebook is left as it was\n{error}", file=sys.stderr)
        else:
            print(f"{time.perf_counter() - start:6.1f} s  {path}")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
