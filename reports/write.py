"""Writes every report of a run into a folder."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from ..harness.outcomes import Run
from .badge import badge_json
from .html import benchmarks_html, matrix_html
from .junit import junit
from .markdown import markdown
from .model import Report
from .spreadsheet import results_csv
from .summary import summary_json


def write_reports(run: Run, directory: Path, earlier: Sequence[Run] = ()) -> list[Path]:
    """Write all reports of a run and return their paths, the page to open first.

    A run of benchmarks alone has benchmarks.html and no matrix.html. `earlier` are runs of
    benchmarks before this one, oldest first. Raises `OSError`.
    """
    report = Report.of(run, earlier)
    pages = {}
    if report.columns or run.checks or not report.benchmarks:
        pages["matrix.html"] = matrix_html(report)
    if report.benchmarks:
        pages["benchmarks.html"] = benchmarks_html(report)
    pages |= {
        "summary.md": markdown(report),
        "summary.json": summary_json(report),
        "junit.xml": junit(report),
        "results.csv": results_csv(report),
        "badge.json": badge_json(report),
    }
    directory.mkdir(parents=True, exist_ok=True)
    paths = []
    for name, text in pages.items():
        path = directory / name
        path.write_text(text, encoding="utf-8")
        paths.append(path)
    return paths
