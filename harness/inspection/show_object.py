"""A description of an object on a terminal."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from ...corpus.data import version_order
from .description import Description
from .requirements import Need, Requirements


def show_object(description: Description, console: Console) -> None:
    """Print everything but the CO-RE relocations and the needs."""
    head = [f"{description.byte_order}-endian", f"license '{description.license}'"]
    head.append("with BTF" if description.has_btf else "without BTF")
    console.print(Text.assemble((description.name, "bold"), f": {', '.join(head)}"))
    _print(
        console,
        ("program", "SEC()", "type", "attach type", "instructions", "subprograms", "loaded"),
        (
            (
                one.name,
                one.section,
                one.type or "unknown section",
                one.attach_type,
                str(one.instructions),
                ", ".join(one.subprograms),
                "yes" if one.autoload else "only if asked for",
            )
            for one in description.programs
        ),
    )
    _print(
        console,
        ("map", "type", "key", "value", "entries", "flags", "more"),
        (
            (
                one.name,
                one.type,
                str(one.key_size),
                str(one.value_size),
                str(one.max_entries),
                ", ".join(one.flags),
                _more(one.pinned_by_name, one.inner, one.initial_slots),
            )
            for one in description.maps
        ),
    )
    _print(
        console,
        ("variable", "in", "type", "bytes", "value"),
        (
            (one.name, one.map, one.type, str(one.size), _short(str(one.value)))
            for one in description.variables
        ),
    )
    _print(
        console,
        ("extern", "kind", "type", "weak"),
        ((one.name, one.kind, one.type, "yes" if one.weak else "") for one in description.externs),
    )


def show_needs(found: Requirements, console: Console) -> None:
    """Print what the object needs, newest first, and the lowest release that has it."""
    needs = sorted(found.needs, key=lambda need: _order(need.since), reverse=True)
    _print(
        console,
        ("since", "needs", "", "for"),
        ((need.since or "unknown", need.kind, _named(need), ", ".join(need.users)) for need in needs),
    )
    console.print(_conclusion(found), soft_wrap=True)


def _conclusion(found: Requirements) -> Text:
    what = "; ".join(f"{need.kind} {need.name} ({', '.join(need.users)})" for need in found.raised_by)
    if found.minimum:
        kfuncs = any(need.kind == "kfunc" and not need.optional for need in found.needs)
        note = " Kernel functions are no stable interface: a later kernel may lack them." if kfuncs else ""
        return Text.assemble("Lowest upstream kernel: ", (found.minimum, "bold"), f", for {what}.{note}")
    if found.raised_by:
        return Text.assemble("Lowest upstream kernel: ", ("none known", "bold red"), f", for {what}.")
    return Text("Nothing here needs any particular kernel.")


def _named(need: Need) -> str:
    return f"{need.name} (does without)" if need.optional else need.name


def _order(since: str | None) -> tuple[float, ...]:
    return version_order("need", since) if since else (float("inf"),)


def _more(pinned: bool, inner: str, slots: Sequence[tuple[int, str]]) -> str:
    said = ["pinned by name"] if pinned else []
    said += [f"of {inner}"] if inner else []
    said += [f"[{index}] = {name}" for index, name in slots]
    return ", ".join(said)


def _short(text: str, limit: int = 32) -> str:
    return text if len(text) <= limit else text[: limit - 1] + "…"


def _print(console: Console, heads: Sequence[str], lines: Iterable[Sequence[str]]) -> None:
    """A table without the columns that are empty; nothing if there are no lines."""
    every = [list(line) for line in lines]
    if not every:
        return
    kept = [column for column in range(len(heads)) if any(line[column] for line in every)]
    table = Table(box=box.SIMPLE_HEAD, padding=(0, 2, 0, 0), pad_edge=False)
    for column in kept:
        is_number = all(line[column].lstrip("-").isdigit() for line in every)
        table.add_column(
            Text(heads[column]),
            justify="right" if is_number else "left",
            overflow="fold",
            no_wrap=column == 0,
        )
    for line in every:
        table.add_row(*(Text(line[column]) for column in kept))
    console.print(table)
