"""CO-RE relocations on a terminal: a row for each, a column per kernel, and what is wrong in words."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from .resolution import Place, Resolution, Status
from .rows import Row, is_broken, rows

_STYLE = {Status.RESOLVED: "", Status.GUARDED: "dim", Status.BROKEN: "bold red"}
_KINDS = {
    "field_byte_offset": "byte_off",
    "field_byte_size": "byte_sz",
    "field_signed": "signed",
    "field_lshift_u64": "lshift_u64",
    "field_rshift_u64": "rshift_u64",
    "type_id_local": "local_type_id",
    "type_id_target": "target_type_id",
}
"""The short names that llvm-objdump and the kernel use; the others are short already."""
_KIND_WIDTH, _ACCESS_WIDTH, _LINE_WIDTH, _KERNEL_WIDTH = 16, 34, 24, 10
"""About what the columns take; accesses and lines wrap."""
_MOST_TABLES = 3


def show_relocations(
    places: Sequence[Place],
    by_kernel: Mapping[str, Sequence[Resolution]],
    errors: Mapping[str, str],
    console: Console,
) -> None:
    """Print a table, or several if the terminal is narrow, then every reason.

    With more kernels than that gives, they become rows. `errors` are kernels that have
    no types to hold the object against.
    """
    found = rows(places, by_kernel)
    labels = list(by_kernel)
    with_lines = len(labels) <= 1 or console.width >= 120
    taken = _KIND_WIDTH + _ACCESS_WIDTH + (_LINE_WIDTH if with_lines else 0)
    fitting = max(1, (console.width - taken) // _KERNEL_WIDTH)
    if len(labels) > fitting * _MOST_TABLES:
        console.print(_by_kernel(by_kernel))
    else:
        for start in range(0, len(labels) or 1, fitting):
            console.print(_by_relocation(found, labels[start : start + fitting], with_lines))
    for line in _reasons(found):
        console.print(line, soft_wrap=True, highlight=False)
    for label, error in errors.items():
        console.print(Text(f"{label}: {error}", _STYLE[Status.BROKEN]), soft_wrap=True)


def _by_relocation(found: list[Row], labels: list[str], with_lines: bool) -> Table:
    table = Table(box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0), pad_edge=False)
    table.add_column(Text("CO-RE"), no_wrap=True)
    for head in ("of", "in line") if with_lines else ("of",):
        table.add_column(Text(head), overflow="fold")
    for label in labels:
        table.add_column(Text(label), justify="right", no_wrap=True)
    for row in found:
        cells = [_cell(row.cells[label]) for label in labels]
        lines = [Text(row.where(), "dim")] if with_lines else []
        table.add_row(Text(_KINDS.get(row.kind, row.kind)), Text(row.what()), *lines, *cells)
    return table


def _cell(resolution: Resolution) -> Text:
    if resolution.status is not Status.RESOLVED:
        optional = " (optional)" if resolution.place.optional else ""
        return Text(resolution.status + optional, _STYLE[resolution.status])
    if resolution.place.kind.endswith(("_exists", "_matches")):
        return Text("yes" if resolution.value else "no")
    return Text(str(resolution.value))


def _by_kernel(by_kernel: Mapping[str, Sequence[Resolution]]) -> Table:
    table = Table(box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0), pad_edge=False)
    table.add_column("kernel")
    for status in Status:
        table.add_column(status, justify="right")
    for label, resolutions in by_kernel.items():
        counts = [sum(one.status is status for one in resolutions) for status in Status]
        style = _STYLE[Status.BROKEN] if is_broken(resolutions) else ""
        table.add_row(Text(label, style), *(str(count) for count in counts))
    return table


def _reasons(found: list[Row]) -> list[Text]:
    """For each thing that is not there: on which kernels, why, and what the source says."""
    lines = []
    for row in found:
        by_reason: dict[tuple[Status, str], list[str]] = {}
        for label, resolution in row.cells.items():
            if resolution.reason:
                by_reason.setdefault((resolution.status, resolution.reason), []).append(label)
        for (status, reason), labels in by_reason.items():
            line = Text(f"{status} on {', '.join(labels)}: ", _STYLE[status])
            line.append(f"{row.what()}: {reason}", "dim" if status is Status.GUARDED else "not bold default")
            lines.append(line)
            if status is Status.BROKEN:
                lines += [Text(f"    {text}", "dim") for text in _sources(row)]
    return lines


def _sources(row: Row) -> list[str]:
    """Each source line once, with the programs that have it."""
    programs: dict[str, list[str]] = {}
    for place in row.places:
        text = f"{place.source}: {place.source.text}" if place.source else f"instruction {place.insn}"
        names = programs.setdefault(text, [])
        if place.program not in names:
            names.append(place.program)
    return [f"{text}  (program {', '.join(names)})" for text, names in programs.items()]
