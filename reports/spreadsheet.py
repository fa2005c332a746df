"""The results as CSV: a line per cell."""

from __future__ import annotations

import csv
import io

from .clean import one_line
from .model import Report

HEAD = (
    "kernel",
    "release",
    "subject",
    "subject version",
    "check",
    "area",
    "object",
    "minimum",
    "outcome",
    "verdict",
    "seconds",
    "reason",
)


def results_csv(report: Report) -> str:
    """Every result of the matrix, row by row."""
    stream = io.StringIO()
    writer = csv.writer(stream, lineterminator="\n")
    writer.writerow(HEAD)
    for row, column, cell in report.results():
        check = row.check
        texts = (
            column.kernel,
            " ".join(column.releases),
            column.subject,
            " ".join(column.versions),
            check.id,
            check.area,
            check.object,
            check.minimum,
            cell.outcome,
            cell.verdict,
            f"{cell.seconds:.3f}",
            cell.reason,
        )
        writer.writerow([_inert(text) for text in texts])
    return stream.getvalue()


def _inert(text: str) -> str:
    """A spreadsheet takes text that begins like this for a formula, and a guest could have written it."""
    text = one_line(text)
    return f"'{text}" if text.startswith(("=", "+", "-", "@")) else text
