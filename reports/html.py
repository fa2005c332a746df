"""The HTML pages: each one file that needs no network, and no JavaScript to be read."""

from __future__ import annotations

import base64
import hashlib
import json
from collections import defaultdict
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from ..harness.outcomes import CheckResult
from . import distribution, histogram, history
from .benchmarks import BASELINE, duration, times
from .detail import Section, guest_sections, sections
from .kind import Kind, as_expected
from .model import Column, Report, Row
from .sentence import exceptions, headline, warnings
from .statistics import MINIMUM_ROUNDS, THRESHOLD

TEMPLATES = Path(__file__).parent / "templates"

PAGE_BUDGET = 16 << 20
MOST_TEXT, LEAST_TEXT = 64 << 10, 4 << 10
"""Characters of logs in a page, and in one text of it: a page has to open in any browser."""


@dataclass(frozen=True)
class Finding:
    """A cell that is not a plain pass; `anchor` is where its details are."""

    anchor: str
    row: Row
    column: Column
    result: CheckResult
    kind: Kind
    sections: list[Section]


def matrix_html(report: Report) -> str:
    """The kernel compatibility matrix, with benchmarks if the run has some."""
    findings = _findings(report)
    anchors = {(each.row.check.id, *each.column.key): each.anchor for each in findings}
    groups: dict[Kind, list[Finding]] = defaultdict(list)
    for each in findings:
        groups[each.kind].append(each)
    return _page(
        "matrix.html",
        report,
        headline=headline(report),
        exceptions=exceptions(report),
        script=_asset("copy.js") + _asset("matrix.js"),
        data=_data(report, anchors),
        anchors=anchors,
        groups=[(kind, groups[kind]) for kind in Kind if groups[kind]],
    )


def benchmarks_html(report: Report) -> str:
    """The benchmarks alone."""
    alone = replace(report, columns=(), areas=())
    return _page(
        "benchmarks.html",
        alone,
        headline=headline(alone),
        exceptions="",
        script=_asset("copy.js"),
    )


def _page(template: str, report: Report, script: str, **values: Any) -> str:
    environment = Environment(
        loader=FileSystemLoader(TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {"duration": duration, "times": times, "described": distribution.described}
    environment.filters |= {"percent": history.percent}
    environment.globals |= {"Kind": Kind, "plot": distribution, "curves": histogram, "history": history}
    return environment.get_template(template).render(
        report=report,
        run=report.run,
        warnings=warnings(report),
        as_expected=as_expected,
        guest_sections=guest_sections,
        axis=distribution.Axis.over(report.benchmarks),
        baseline=BASELINE,
        threshold=f"{THRESHOLD:.0%}",
        minimum_rounds=MINIMUM_ROUNDS,
        style=_asset("style.css"),
        script=script,
        script_hash=base64.b64encode(hashlib.sha256(script.encode()).digest()).decode(),
        **values,
    )


def _asset(name: str) -> str:
    return (TEMPLATES / name).read_text(encoding="utf-8")


def _findings(report: Report) -> list[Finding]:
    noteworthy = [
        (row, column, cell, kind)
        for row in report.rows
        for column, cell, kind in zip(report.columns, row.cells, row.kinds, strict=True)
        if cell is not None and kind is not None and kind is not Kind.PASS
    ]
    limit = max(LEAST_TEXT, min(MOST_TEXT, PAGE_BUDGET // max(1, len(noteworthy))))
    return [
        Finding(f"f{number}", row, column, cell, kind, sections(cell, row.check, limit))
        for number, (row, column, cell, kind) in enumerate(noteworthy, 1)
    ]


def _data(report: Report, anchors: dict[tuple[str, str, str], str]) -> str:
    """What the panel of a cell shows, as JSON that is safe inside a script element.

    A cell that has a finding names it; the page holds its texts already.
    """
    cells: dict[str, str | list[dict[str, str]]] = {}
    for row, column, cell in report.results():
        anchor = anchors.get((row.check.id, *column.key))
        texts = [asdict(each) for each in sections(cell, row.check, LEAST_TEXT)]
        cells["\n".join((row.check.id, *column.key))] = anchor or texts
    guests = {
        "\n".join(column.key): [asdict(each) for each in guest_sections(column.guests[-1])]
        for column in report.columns
        if column.guests
    }
    text = json.dumps({"cells": cells, "guests": guests}, ensure_ascii=False, separators=(",", ":"))
    return text.replace("&", "\\u0026").replace("<", "\\u003c").replace(">", "\\u003e")
