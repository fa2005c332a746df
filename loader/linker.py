"""Linking: one program's final instruction stream, with every subprogram it needs."""

from __future__ import annotations

from . import insn as bpf
from .lean import TYPE_CHECKING, PlainData, field
from .spec import ExternReference, JumpTable, MapReference

if TYPE_CHECKING:
    from .btf.ext import CoreRelocation
    from .spec import ByteOrder, Function, ObjectSpec, ProgramSpec


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
    func_info: list[tuple[int, int]] = field(default_factory=list)
    """(instruction, type id of the FUNC) of each function; empty if any of them has none."""
    line_info: list[int] = field(default_factory=list)
    """The four numbers of each source line (`btf.ext.LineInfo`)."""
    exception_callback: int | None = None
    """Where the exception callback starts, if the program has one."""

    def function_at(self, index: int) -> str:
        """The name of the function that an instruction belongs to."""
        return next(name for start, name in reversed(self.functions) if start <= index)


def link(spec: ObjectSpec, program: ProgramSpec) -> LinkedProgram:
    """Link one program. The spec stays as it is; the result is the caller's own."""
    return _Linker(spec, program).link()


class _Linker:
    """Appends each function at its first use, depth first: the order that libbpf's streams have."""

    def __init__(self, spec: ObjectSpec, program: ProgramSpec) -> None:
        self.spec = spec
        self.program = program
        self.order = spec.byte_order
        self.linked = LinkedProgram(program.name, bytearray(), spec.byte_order)
        self.starts: dict[int, int] = {}
        """Index in `spec.functions` → where the function starts in the stream."""
        self._typed = True

    def link(self) -> LinkedProgram:
        linked = self.linked
        index = self._index_of(self.program.function)
        self._require(index)
        callback = self.program.exception_callback
        if callback is not None:
            self._require(callback)
            linked.exception_callback = self.starts[callback]
        for index in self.starts:
            self._resolve(index)
        if not self._typed:
            linked.func_info.clear()
        return linked

    def _index_of(self, entry: Function) -> int:
        """By identity: a comparison would look at all fields."""
        for number, function in enumerate(self.spec.functions):
            if function is entry:
                return number
        raise ValueError(f"function '{entry.name}' is of another object")

    def _require(self, index: int) -> None:
        """Append a function and all that it needs, unless they are there; a chain may be of any length."""
        waiting = [index]
        while waiting:
            index = waiting.pop()
            if index not in self.starts:
                self._append(index)
                needed = [reference.target for reference in self.spec.functions[index].functions]
                waiting += reversed(needed)

    def _append(self, index: int) -> None:
        """Copy a function to the end of the stream, with everything it refers to but other functions."""
        function, linked = self.spec.functions[index], self.linked
        start = len(linked.insns) // bpf.SIZE
        self.starts[index] = start
        linked.functions.append((start, function.name))
        linked.insns += function.insns
        for reference in function.maps:
            moved = MapReference(start + reference.insn, reference.map, reference.value_offset)
            linked.map_refs.append(moved)
            self._point_to_map(moved)
        for extern in function.externs:
            linked.externs.append(ExternReference(start + extern.insn, extern.name))
        for table in function.jump_tables:
            at, targets = start + table.insn, tuple([start + target for target in table.targets])
            linked.jump_tables.append(JumpTable(at, table.offset, targets))
            bpf.set_source(linked.insns, at, bpf.PSEUDO_MAP_VALUE, self.order)
        linked.core.extend((start + at, relocation) for at, relocation in function.core)
        lines = function.line_info
        if start:
            lines = lines[:]
            lines[::4] = [start + at for at in lines[::4]]
        linked.line_info += lines
        linked.func_info.append((start, function.type_id))
        self._typed = self._typed and function.type_id != 0

    def _point_to_map(self, reference: MapReference) -> None:
        """Make a 64-bit load one of a map, or of an address inside the map's value."""
        insns, at = self.linked.insns, reference.insn
        if reference.value_offset is None:
            bpf.set_source(insns, at, bpf.PSEUDO_MAP_FD, self.order)
        else:
            bpf.point_to_value(insns, at, reference.value_offset, self.order)

    def _resolve(self, index: int) -> None:
        """Point a function's calls and function addresses to where the others are."""
        function, start = self.spec.functions[index], self.starts[index]
        for reference in function.functions:
            target, at = self.starts[reference.target], start + reference.insn
            if not reference.is_call:
                bpf.set_source(self.linked.insns, at, bpf.PSEUDO_FUNC, self.order)
            bpf.set_number(self.linked.insns, at, target - at - 1, self.order)
