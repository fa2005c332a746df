"""Linking: one program's final instruction stream, with every subprogram it needs."""

from __future__ import annotations

from dataclasses import dataclass, field

from .btf.ext import CoreRelocation, LineInfo
from .spec import ExternReference, MapReference


@dataclass(slots=True)
class LinkedProgram:
    """A program with its subprograms appended; every index is an instruction index in `insns`."""

    name: str
    insns: bytearray
    functions: list[tuple[int, str]] = field(default_factory=list)
    """Where each function starts, the entry program first."""
    map_refs: list[MapReference] = field(default_factory=list)
    """Each names a 64-bit load whose first ``imm`` still wants the map's file descriptor;
    the kind of load and the offset in the value are in place."""
    externs: list[ExternReference] = field(default_factory=list)
    core: list[tuple[int, CoreRelocation]] = field(default_factory=list)
    func_info: list[tuple[int, int]] = field(default_factory=list)
    """(instruction, type id of the FUNC) of each function; empty if any of them has none."""
    line_info: list[tuple[int, LineInfo]] = field(default_factory=list)
