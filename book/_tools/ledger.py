"""Write book/claims.md, the ledger of every claim, from what the notebooks store.

    python book/_tools/ledger.py            write it
    python book/_tools/ledger.py --check    exit with 1 if it is not what it should be
"""

import argparse
import sys
from collections import Counter
from pathlib import Path

import nbformat
from execute import BOOK, notebooks

from mfcore import claims

HEAD = """\
# Claims

Everything that the book asserts with a number in it, in the order of the chapters. Each row was checked
when its notebook ran: what is measured must stand to what is predicted as the sign says, within the
tolerance, or the book is not built. The id of a claim leads to the cell that makes it (search this page for one). Numbers are shown to
the power of ten below their tolerance, and a rerun must give the same again.

"""


def stored_claims(path):
    """The claims that a notebook stores, as (cell number, record)."""
    notebook = nbformat.read(path, as_version=4)
    return [
        (number, output.data[claims.MIME])
        for number, cell in enumerate(notebook.cells)
        for output in cell.get("outputs", [])
        if claims.MIME in output.get("data", {})
    ]


def ledger(folder=BOOK):
    """The text of the ledger; ValueError when an id is not unique or a stored claim does not hold."""
    rows, seen, kinds = [], {}, Counter()
    for path in notebooks(folder):
        for number, cell in enumerate(nbformat.read(path, as_version=4).cells):
            if cell.cell_type == "code" and cell.source.strip() and cell.execution_count is None:
                raise ValueError(f"{path.name}, cell {number} was not executed: run make execute first")
        for number, record in stored_claims(path):
            where = f"{path.name}, cell {number}"
            if record["id"] in seen:
                raise ValueError(f"claim {record['id']!r} is made in {seen[record['id']]} and in {where}")
            if not record["passed"]:
                raise ValueError(f"claim {record['id']!r} in {where} does not hold")
            seen[record["id"]] = where
            kinds[record["provenance"]] += 1
            text = claims.numbers_of(record)
            sign = {"==": "=", "<=": "≤", ">=": "≥"}[record["relation"]]
            cells = [
                f"{record['sentence']} {{ref}}`{record['id']} <claim-{record['id']}>`",
                record["provenance"],
                f"{sign} {text['predicted']}",
                text["measured"],
                text["tolerance"],
            ]
            rows.append("| " + " | ".join(cell.replace("|", r"\|") for cell in cells) + " |")
    meanings = "\n".join(
        f"* **{kind}** ({kinds[kind]}): {meaning}." for kind, meaning in claims.PROVENANCES.items()
    )
    table = "\n".join(
        [
            ":::{table}",
            ":class: ledger-table",
            "",
            "| Claim | Mark | Predicted | Measured | Tolerance |",
            "|---|---|---|---|---|",
            *rows,
            ":::",
        ]
    )
    return f"{HEAD}{len(rows)} claims, by where they come from:\n\n{meanings}\n\n{table}\n"


def main(arguments=None):
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--check", action="store_true", help="compare, write nothing")
    parser.add_argument("--book", type=Path, default=BOOK, help="folder of the notebooks")
    options = parser.parse_args(arguments)
    page = options.book / "claims.md"
    try:
        text = ledger(options.book.resolve())
    except ValueError as error:
        print(error, file=sys.stderr)
        return 1
    if not options.check:
        page.write_text(text, encoding="utf-8")
        print(f"wrote {page}")
        return 0
    if page.exists() and page.read_text(encoding="utf-8") == text:
        return 0
    print(f"{page} is not what the notebooks store: run `make ledger`", file=sys.stderr)
    return 1


if __name__ == "__main__":
    sys.exit(main())
