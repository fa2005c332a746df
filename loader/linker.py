"""Linking: one program's final instruction stream, with every subprogram it needs."""

from __future__ import annotations

from . import insn as bpf
from .lean import TYPE_CHECKING, PlainData, field
from .spec import ExternReference, JumpTable, MapReference

if TYPE_CHECKING:
    from .btf.ext import CoreRelocation
    from .insn import ByteOrder
    from .spec import Function, ObjectSpec, ProgramSpec


class LinkedProgram(PlainData):
    """A program with its subprograms appended; every index is an instruction index in `insns`."""

    name: str
    insns: bytearray
    byte_order: ByteOrder = "<"
    functions: list[tuple[int, str]] = field(default_factory=list)
    """Where each function starts, the entry program first."""
    map_refs: list[MapReference] = field(default_factory=list)
    """Each names a 64-bit load whose first ``imm`` still wants the map's file descriptor;
    the kind of load and the offset in the value are in place."""
    externs: list[ExternReference] = field(default_factory=list)
    jump_tables: list[JumpTable] = field(default_factory=list)
    """Each names a 64-bit load that wants the descriptor of the table's map, as in `map_refs`."""
    core: list[tuple[int, CoreRelocation]] = field(default_factory=list)
    func_info: list[int] = field(default_factory=list)
    """Instruction and type id of the FUNC of each function, one behind the other; empty if any has none."""
    line_info: list[int] = field(default_factory=list)
    """The four numbers of each source line (`btf.ext.LineInfo`)."""
    exception_callback: int | None = None
    """Where the exception callback starts, if the program has one."""

    def function_at(self, index: int) -> str:
        """The name of the function that an instruction belongs to."""
        return next(name for start, name in reversed(self.functions) if start <= index)


def link(spec: ObjectSpec, program: ProgramSpec) -> LinkedProgram:
    """Link one program. The spec stays as it is; the result is the caller's own."""
    linked = LinkedProgram(program.name, bytearray(), spec.byte_order)
    entry = program.function
    _append(linked, entry)
    if entry.functions or program.exception_callback is not None:
        _Linker(spec, linked).add_subprograms(entry, program.exception_callback)
    if 0 in linked.func_info[1::2]:
        linked.func_info.clear()
    return linked


def _append(linked: LinkedProgram, function: Function) -> None:
    """Copy a function to the end of the stream, with everything it refers to but other functions."""
    insns, order = linked.insns, linked.byte_order
    start = len(insns) // bpf.SIZE
    linked.functions.append((start, function.name))
    insns += function.insns
    for at, name, value_offset in function.maps:
        linked.map_refs.append(tuple.__new__(MapReference, (start + at, name, value_offset)))
        bpf.point_to_map(insns, start + at, value_offset, order)
    for at, name in function.externs:
        linked.externs.append(ExternReference(start + at, name))
    for at, offset, targets in function.jump_tables:
        moved = tuple([start + target for target in targets])
        linked.jump_tables.append(JumpTable(start + at, offset, moved))
        bpf.set_source(insns, start + at, bpf.PSEUDO_MAP_VALUE, order)
    for at, relocation in function.core:
        linked.core.append((start + at, relocation))
    lines = function.line_info
    if start:
        lines = lines[:]
        lines[::4] = [start + at for at in lines[::4]]
    linked.line_info += lines
    linked.func_info += start, function.type_id


class _Linker:
    """Appends each function at its first use, depth first: the order that libbpf's streams have."""

    def __init__(self, spec: ObjectSpec, linked: LinkedProgram) -> None:
        """`linked` has the entry function."""
        self.functions = spec.functions
        self.linked = linked
        self.starts: dict[int, int] = {}
        """Index in `functions` → where the function starts in the stream."""

    def add_subprograms(self, entry: Function, callback: int | None) -> None:
        """Append what the entry function needs, and a callback with what that needs; resolve all calls."""
        self.starts[self._index_of(entry)] = 0
        self._require(*[reference.target for reference in entry.functions])
        if callback is not None:
            self._require(callback)
            self.linked.exception_callback = self.starts[callback]
        for index in self.starts:
            self._resolve(index)

    def _index_of(self, entry: Function) -> int:
        """By identity: a comparison would look at all fields."""
        for number, function in enumerate(self.functions):
            if function is entry:
                return number
        raise ValueError(f"function '{entry.name}' is of another object")

    def _require(self, *indexes: int) -> None:
        """Append functions and all that they need, unless they are there; a chain may be of any length."""
        waiting = [*reversed(indexes)]
        while waiting:
            index = waiting.pop()
            if index not in self.starts:
                function = self.functions[index]
                self.starts[index] = len(self.linked.insns) // bpf.SIZE
                _append(self.linked, function)
                waiting += [reference.target for reference in reversed(function.functions)]

    def _resolve(self, index: int) -> None:
        """Point a function's calls and function addresses to where the others are."""
        insns, order, start = self.linked.insns, self.linked.byte_order, self.starts[index]
        for insn, target, is_call in self.functions[index].functions:
            at = start + insn
            if not is_call:
                bpf.set_source(insns, at, bpf.PSEUDO_FUNC, order)
            bpf.set_number(insns, at, self.starts[target] - at - 1, order)
