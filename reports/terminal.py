"""The run on a terminal: the matrix, what is not as expected and why, and one sentence."""

from __future__ import annotations

from collections.abc import Iterator

from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from ..harness.outcomes import CheckResult, Run
from .benchmarks import BASELINE, BenchmarkRow, duration, times
from .clean import one_line, shortened
from .kind import Kind, Tally, as_expected
from .model import Area, Report, Row
from .sentence import sentence, warnings
from .statistics import Ratio

FEW = 24
"""Up to so many checks every one has a line; with more, areas where all is well have one line each."""

WIDE = 140
"""Columns of a terminal from which a table of benchmarks has all its own."""

LISTED, LONGEST_REASON = 40, 400

_STYLE = {
    Kind.PASS: "green",
    Kind.UNSUPPORTED: "bright_black",
    Kind.KNOWN: "yellow",
    Kind.SURPRISE: "bold magenta",
    Kind.UNEXPECTED: "bold red",
    Kind.INFRA: "bold blue",
}


def print_matrix(run: Run, console: Console) -> None:
    """Print the matrix and the benchmarks of a run."""
    report = Report.of(run)
    if report.columns:
        console.print(_matrix(report, console.width))
        console.print(_legend(report))
        for line in _reasons(report):
            console.print(line, soft_wrap=True, highlight=False)
    for kernel in report.benchmarks:
        console.print(Text(f"\n{kernel.title}", "bold"))
        console.print(_benchmarks(kernel.rows, console.width))
        if kernel.aims:
            console.print(Text(f"{kernel.aims}."))
    for warning in warnings(report):
        console.print(Text(warning, "yellow"))
    alarming = any(kind.alarming for kind in report.tally)
    console.print(Text(f"{sentence(report)}.", "bold red" if alarming else "bold"))


def _matrix(report: Report, width: int) -> Table:
    """A column per kernel and subject with words, or where that is too wide, per kernel with symbols."""
    rows = list(report.rows)
    names = max((len(row.name) for row in rows), default=0) + 2
    wide = names + 10 * len(report.columns) <= width
    groups = _groups(report, wide)
    table = Table(box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0), pad_edge=False)
    table.add_column(Text("" if wide else f"columns: {', '.join(report.subjects)}", "dim"), overflow="fold")
    for header in groups:
        table.add_column(Text(header), no_wrap=True)
    for area in report.areas:
        table.add_row(Text(area.name, "bold"), *(_counts(area, group) for group in groups.values()))
        for row in area.rows:
            if len(rows) <= FEW or _noteworthy(row):
                cells = (_cells(row, group, wide) for group in groups.values())
                table.add_row(Text(f"  {row.name}"), *cells)
    return table


def _groups(report: Report, wide: bool) -> dict[str, list[int]]:
    """The heads of the table's columns, with the numbers of the report's columns under each."""
    groups: dict[str, list[int]] = {}
    for index, column in enumerate(report.columns):
        head = f"{column.kernel}\n{column.subject}" if wide else column.kernel
        groups.setdefault(head, []).append(index)
    return groups


def _noteworthy(row: Row) -> bool:
    return row.differs or any(kind is not Kind.PASS for kind in row.kinds)


def _counts(area: Area, group: list[int]) -> Text:
    counts = sum((area.tallies[index] for index in group), Tally())
    good, total = as_expected(counts), counts.total()
    return Text(f"{good}/{total}" if total else "—", "dim" if good == total else "yellow")


def _cells(row: Row, group: list[int], words: bool) -> Text:
    return Text(" ").join(_cell(row.cells[index], row.kinds[index], words) for index in group)


def _cell(cell: CheckResult | None, kind: Kind | None, words: bool) -> Text:
    if cell is None or kind is None:
        return Text("—", "dim")
    word = "unsup." if kind is Kind.UNSUPPORTED else str(cell.outcome)
    return Text(f"{kind.symbol} {word}" if words else kind.symbol, _STYLE[kind])


def _legend(report: Report) -> Text:
    counted = [(kind, report.tally[kind]) for kind in reversed(Kind) if report.tally[kind]]
    return Text("  ").join(
        Text.assemble((kind.symbol, _STYLE[kind]), f" {number:,} {kind.title}") for kind, number in counted
    )


def _reasons(report: Report) -> Iterator[Text]:
    """A line for each cell that is not as expected, then the command that shows it again.

    What alarms comes last: the end of the output is what a person sees, and a log of CI keeps.
    """
    found = [
        (row, column, cell, kind)
        for row in report.rows
        for column, cell, kind in zip(report.columns, row.cells, row.kinds, strict=True)
        if cell and kind and (kind.alarming or kind is Kind.KNOWN)
    ]
    found.sort(key=lambda each: list(Kind).index(each[3]))
    if len(found) > LISTED:
        yield Text(f"… and {len(found) - LISTED:,} more in matrix.html", "dim")
    for row, column, cell, kind in reversed(found[:LISTED]):
        why = shortened(one_line(str(cell.detail.get("deviation") or cell.reason)), LONGEST_REASON)
        where = f" {row.check.id} on {column.name}: {cell.outcome}"
        yield Text.assemble((kind.symbol, _STYLE[kind]), where, (f", {why}" if why else "", "dim"))
        if kind.alarming and cell.detail.get("reproduce"):
            yield Text(f"    {one_line(str(cell.detail['reproduce']))}", "cyan")


def _benchmarks(rows: tuple[BenchmarkRow, ...], width: int) -> Table:
    """Where there is no room for all, the benchmark, its ratio with the interval, and the aim."""
    aims, wide = any(row.aim for row in rows), width >= WIDE
    figures = ["median", BASELINE, "ratio", "95 % interval", f"{BASELINE} twice", "n"]
    table = Table(box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0), pad_edge=False)
    for name in ("benchmark", "subject") if wide else ("benchmark",):
        table.add_column(name)
    for name in figures if wide else figures[2:4]:
        table.add_column(name, justify="right", no_wrap=True)
    if aims:
        table.add_column("aim", no_wrap=True)
    if wide:
        table.add_column("in words")
    for row in rows:
        aim = [row.aim_text] if aims else []
        middle = [times(row.ratio.median) if row.ratio else "—", _interval(row.ratio)]
        if wide:
            before = [row.title, row.subject, duration(row.time, row.unit), duration(row.baseline, row.unit)]
            after = [_interval(row.floor), str(row.ratio.rounds if row.ratio else 0), *aim, row.sentence]
        else:
            before, after = [row.benchmark], aim
        table.add_row(*map(Text, (*before, *middle, *after)))
    return table


def _interval(ratio: Ratio | None) -> str:
    return f"{times(ratio.low)} – {times(ratio.high)}" if ratio else "—"
