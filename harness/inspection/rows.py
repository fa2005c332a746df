"""Relocations that say the same, as one row with a cell per kernel."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import PurePath

from .resolution import Place, Resolution, Status

_SEVERITY = {Status.RESOLVED: 0, Status.GUARDED: 1, Status.BROKEN: 2}


@dataclass
class Row:
    """One access of one kind, wherever the object has it."""

    kind: str
    access: str
    places: list[Place] = field(default_factory=list)
    cells: dict[str, Resolution] = field(default_factory=dict)
    """By kernel; of several places the one that fares worst, those of optional programs last."""

    def what(self) -> str:
        """The access without its offset in the object's own types: ``struct task_struct.pid (0:5)``."""
        return re.sub(r" @ offset [\d.]+\)$", ")", self.access)

    def where(self) -> str:
        """The first source line, without its folders, and how many more there are."""
        lines = list(dict.fromkeys(_where(place) for place in self.places))
        return lines[0] + (f" +{len(lines) - 1}" if len(lines) > 1 else "")


def rows(places: Iterable[Place], by_kernel: Mapping[str, Sequence[Resolution]]) -> list[Row]:
    """Group relocations, in the order of their first place."""
    found: dict[tuple[str, str], Row] = {}
    for place in places:
        row = found.setdefault((place.kind, place.access), Row(place.kind, place.access))
        row.places.append(place)
    for label, resolutions in by_kernel.items():
        for resolution in resolutions:
            row = found[resolution.place.kind, resolution.place.access]
            known = row.cells.get(label)
            if known is None or _severity(resolution) > _severity(known):
                row.cells[label] = resolution
    return list(found.values())


def is_broken(resolutions: Iterable[Resolution]) -> bool:
    """Whether the object as it is would be refused; optional programs do not count."""
    return any(one.status is Status.BROKEN and not one.place.optional for one in resolutions)


def lacks_type(resolution: Resolution) -> bool:
    """Whether a relocation about a whole type came to nothing, or was left out for want of the type."""
    about_type = resolution.place.kind.startswith("type_") and not resolution.target
    return about_type or "(without its modules)" in resolution.reason


def _severity(resolution: Resolution) -> tuple[bool, int]:
    return not resolution.place.optional, _SEVERITY[resolution.status]


def _where(place: Place) -> str:
    if place.source is None:
        return f"{place.function}+{place.insn}"
    return f"{PurePath(place.source.file).name}:{place.source.line}"
