"""The run as Markdown that fits into a comment on a pull request."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from ..harness.outcomes import CheckResult
from .benchmarks import BASELINE, KernelBenchmarks, duration, times
from .clean import one_line
from .histogram import Distribution
from .history import Series, percent
from .kind import Kind, as_expected
from .model import Column, Report, Row
from .sentence import sentence, warnings
from .side_by_side import SideBySide
from .statistics import Ratio

LISTED = 40
"""Cells that are listed one by one: a comment may have 65,536 characters."""

LONGEST_REASON = 300


def markdown(report: Report) -> str:
    """Summary, totals per kernel and subject, what is not as expected, benchmarks."""
    parts = [f"### {_escaped(sentence(report))}"]
    parts += [f"> {_escaped(text)}" for text in warnings(report)]
    if report.columns:
        parts.append(_totals(report))
        parts += _exceptions(report)
    parts += [_benchmarks(kernel) for kernel in report.benchmarks]
    parts += [_side_by_side(table) for table in report.side_by_side]
    parts += [_distributions(report.distributions)] if report.distributions else []
    parts += [_steps(report.history)] if report.history else []
    return "\n\n".join(parts) + "\n"


def _totals(report: Report) -> str:
    kinds = [kind for kind in reversed(Kind) if report.tally[kind]]
    head = ["kernel", "subject", "as expected", *(f"{kind.symbol} {kind.title}" for kind in kinds)]
    rows = [
        [
            _escaped(column.kernel),
            _escaped(" ".join((column.subject, *column.versions))),
            f"{as_expected(column.tally)} of {column.tally.total()}",
            *(str(column.tally[kind] or "") for kind in kinds),
        ]
        for column in report.columns
    ]
    return _table(head, rows)


def _exceptions(report: Report) -> Iterable[str]:
    for kind in (Kind.UNEXPECTED, Kind.SURPRISE, Kind.INFRA, Kind.KNOWN):
        found = [
            (row, column, cell)
            for row in report.rows
            for column, cell, its in zip(report.columns, row.cells, row.kinds, strict=True)
            if cell and its is kind
        ]
        if found:
            yield _listed(kind, found)


def _listed(kind: Kind, found: Sequence[tuple[Row, Column, CheckResult]]) -> str:
    lines = [
        f"- {_code(row.check.id)} on {_escaped(column.name)}: **{cell.outcome}**{_why(cell)}"
        for row, column, cell in found[:LISTED]
    ]
    if len(found) > LISTED:
        lines.append(f"- … and {len(found) - LISTED:,} more")
    state = " open" if kind.alarming else ""
    title = f"{kind.symbol} {kind.title[0].upper()}{kind.title[1:]}: {len(found):,}"
    return "\n".join([f"<details{state}><summary>{title}</summary>", "", *lines, "", "</details>"])


def _why(cell: CheckResult) -> str:
    reason = one_line(str(cell.detail.get("deviation") or cell.reason))
    if len(reason) > LONGEST_REASON:
        reason = f"{reason[:LONGEST_REASON]}…"
    return f", {_code(reason)}" if reason else ""


def _benchmarks(kernel: KernelBenchmarks) -> str:
    head = ["benchmark", "subject", "median", BASELINE, "ratio", "95 % interval", f"{BASELINE} twice", "n"]
    head += ["aim", "in words"] if kernel.aims else ["in words"]
    rows = [
        [
            _escaped(row.title),
            _escaped(row.subject),
            duration(row.time, _escaped(row.unit)),
            duration(row.baseline, _escaped(row.unit)),
            times(row.ratio.median) if row.ratio else "—",
            _interval(row.ratio),
            _interval(row.floor),
            str(row.ratio.rounds if row.ratio else 0),
            *([row.aim_text] if kernel.aims else []),
            _escaped(row.sentence),
        ]
        for row in kernel.rows
    ]
    reasons = [f"- {_code(row.benchmark)}: {_escaped(row.aim.missed)}" for row in kernel.missed if row.aim]
    aims = f"{_escaped(kernel.aims)}.\n\n" if kernel.aims else ""
    return "\n".join([f"#### {_escaped(kernel.title)}\n\n{aims}{_table(head, rows)}", *reasons])


def _interval(ratio: Ratio | None) -> str:
    return f"{times(ratio.low)} – {times(ratio.high)}" if ratio else "—"


def _side_by_side(table: SideBySide) -> str:
    head = ["benchmark", "subject", *map(_escaped, table.kernels), "change"]
    rows = [
        [
            _escaped(row.title),
            _escaped(row.subject),
            *(duration(figure, _escaped(row.unit)) for figure in row.figures),
            percent(row.change),
        ]
        for row in table.rows
    ]
    return f"#### {_escaped(table.title)}\n\n{_table(head, rows)}"


def _distributions(distributions: Sequence[Distribution]) -> str:
    head = ["distribution", "kernel", "subject", "p50", "p99", "p99.9", "maximum", "n"]
    rows = [
        [
            _escaped(each.title),
            _escaped(each.kernel),
            _escaped(curve.subject),
            *(duration(value, _escaped(each.unit)) for value in curve.percentiles),
            f"{curve.count:,}",
        ]
        for each in distributions
        for curve in each.curves
    ]
    return f"#### Single operations\n\n{_table(head, rows)}"


def _steps(history: Sequence[Series]) -> str:
    runs = max(len(each.points) for each in history)
    steps = [
        f"- {_escaped(each.name)}: {percent(step.change)} on {_escaped(step.started)}"
        for each in history
        for step in each.steps
    ]
    return "\n".join([f"#### History of {runs} runs", "", *(steps or ["No step was detected."])])


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _escaped(text: str) -> str:
    return re.sub(r"([\\`*_{}\[\]<>|#~@&!])", r"\\\1", one_line(text))


def _code(text: str) -> str:
    """A code span: nothing in it is Markdown, HTML, or a person who would be notified."""
    fence = "`" * (max((len(run) for run in re.findall("`+", text)), default=0) + 1)
    return f"{fence} {text} {fence}" if "`" in text else f"`{text}`"
