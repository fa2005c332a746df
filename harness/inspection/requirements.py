"""What an object needs from a kernel, and the lowest upstream release that has all of it.

Needs are read from the object alone: the types of its programs and maps, the helpers and
kernel functions that its code calls, and the instructions that it is made of.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from ...corpus.data import version_order
from ...corpus.upstream import Since, Upstream
from ...loader import insn as bpf
from ...loader.core import RelocationKind
from ...loader.enums import MapFlags, MapType, ProgType
from ...loader.insn import Insn
from ...loader.linker import LinkedProgram, link
from ...loader.spec import ExternSpec, MapReference, MapSpec, ObjectSpec, ProgramSpec
from ...loader.spec.sections import find_section
from .reachability import ATOMIC, CALL, JMP, JMP32, MAY_GOTO, OPERATION, U64, reachable
from .resolution import entries

OLD_PROGRAM_LIMIT = 4096
"""Instructions that a program could have before 5.2."""

_EXISTENCE = (
    RelocationKind.FIELD_EXISTS,
    RelocationKind.TYPE_EXISTS,
    RelocationKind.TYPE_MATCHES,
    RelocationKind.ENUMVAL_EXISTS,
)
_FETCHING = frozenset({0x01, 0x41, 0x51, 0xA1, 0xE1, 0xF1, 0x40, 0x50, 0xA0})
"""Atomic operations but the plain addition that every kernel has."""
_ORDERED = frozenset({0x100, 0x110})


@dataclass
class Need:
    """Something that a kernel must have for the object to load."""

    kind: str
    """``program type``, ``section``, ``map type``, ``map flag``, ``helper``, ``kfunc`` or ``feature``."""
    name: str
    since: str | None
    """First upstream release with it; None if none is known."""
    users: list[str] = field(default_factory=list)
    """Programs or maps that need it."""
    optional: bool = True
    """The object can do without: its users are not loaded by themselves, or are weak, or before
    every use stands a check of what exists, of the configuration or of a read-only variable."""


@dataclass(frozen=True)
class Requirements:
    """All needs, and what follows from them."""

    needs: list[Need]
    minimum: str | None
    """The lowest upstream release that has all but what is optional; None if no known one has."""
    raised_by: list[Need]
    """Those without which an older release would do; with no minimum, those that no release has."""


def requirements(spec: ObjectSpec, upstream: Upstream) -> Requirements:
    """What an object needs. Raises BtfError for malformed BTF."""
    collector = _Collector(spec, upstream)
    for program in spec.programs.values():
        collector.add_program(program)
    for map_spec in spec.maps.values():
        collector.add_map(map_spec)
    needs = list(collector.needs.values())
    firm = [need for need in needs if not need.optional]
    unknown = [need for need in firm if need.since is None]
    if unknown:
        return Requirements(needs, None, unknown)
    minimum = max((need.since or "" for need in firm), key=_order, default="")
    raised_by = [need for need in firm if need.since == minimum]
    return Requirements(needs, minimum or None, raised_by)


def _order(release: str) -> tuple[float, ...]:
    return version_order("need", release)


class _Collector:
    def __init__(self, spec: ObjectSpec, upstream: Upstream) -> None:
        self.spec = spec
        self.upstream = upstream
        self.needs: dict[tuple[str, str], Need] = {}

    def _add(self, kind: str, since: Since | None, name: str, user: str, optional: bool) -> None:
        need = self.needs.setdefault((kind, name), Need(kind, name, since.release if since else None))
        if user not in need.users:
            need.users.append(user)
        need.optional = need.optional and optional

    def _add_feature(self, feature: str, user: str, optional: bool) -> None:
        since = self.upstream.features[feature]
        self._add("feature", since, since.name, user, optional)

    def add_map(self, spec: MapSpec) -> None:
        optional = not spec.autocreate
        if spec.kind in ("data", "rodata", "bss", "kconfig"):
            self._add_feature("global_data", spec.name, optional)
            return
        name = MapType(spec.type).name
        self._add("map type", self.upstream.map_types.get(name), name, spec.name, optional)
        for flag in MapFlags:
            if spec.flags & flag and flag.name:
                self._add("map flag", self.upstream.map_flags[flag.name], flag.name, spec.name, optional)
        if spec.map_extra:
            self._add_feature("map_extra", spec.name, optional)
        if spec.inner:
            self.add_map(spec.inner)

    def add_program(self, program: ProgramSpec) -> None:
        user, optional = program.name, not program.autoload
        name = ProgType(program.type).name
        if program.type != ProgType.UNSPEC:
            self._add("program type", self.upstream.program_types.get(name), name, user, optional)
        section = find_section(program.section)
        name = f'SEC("{section.pattern.removesuffix("+") if section else program.section}")'
        self._add("section", Since(name, section.kernel) if section else None, name, user, optional)
        linked = link(self.spec, program)
        if len(linked.insns) // bpf.SIZE > OLD_PROGRAM_LIMIT:
            self._add_feature("long_program", user, optional)
        if any(one.kind != RelocationKind.TYPE_ID_LOCAL for _, one in linked.core):
            self._add_feature("kernel_btf", user, optional)
        self._add_code(linked, user, optional)

    def _add_code(self, linked: LinkedProgram, user: str, optional: bool) -> None:
        externs = {reference.insn: self.spec.externs[reference.name] for reference in linked.externs}
        unchecked = self._unchecked(linked)
        for index in sorted(self._reachable(linked, None)):
            insn = bpf.read(linked.insns, index, linked.byte_order)
            avoidable = optional or index not in unchecked
            if index in externs:
                self._add_extern(externs[index], insn, user, avoidable)
            elif insn.code == bpf.CALL and insn.src == 0:
                helper = self.upstream.helper(insn.imm)
                helper_name = helper.name if helper else f"number {insn.imm}"
                self._add("helper", helper, helper_name, user, avoidable)
            else:
                for feature in _features(insn):
                    self._add_feature(feature, user, avoidable)

    def _add_extern(self, extern: ExternSpec, insn: Insn, user: str, optional: bool) -> None:
        optional = optional or extern.weak
        if extern.kind == "kfunc":
            # Which release has a kernel function is nowhere promised: they are no stable interface.
            self._add("kfunc", self.upstream.features["kfuncs"], extern.name, user, optional)
        elif extern.kind == "ksym" and extern.type_id:
            self._add_feature("typed_ksyms", user, optional)

    def _unchecked(self, linked: LinkedProgram) -> set[int]:
        """Instructions that are reached whether all checks of the kernel say yes or all say no."""
        return self._reachable(linked, 0) & self._reachable(linked, 1)

    def _reachable(self, linked: LinkedProgram, answer: int | None) -> set[int]:
        """Instructions reached when every check of the kernel has this answer; None for either."""
        insns = bytearray(linked.insns)
        unknown = {index for index, _ in linked.core} | {extern.insn for extern in linked.externs}
        for index, one in linked.core:
            if one.kind in _EXISTENCE and answer is not None:
                insn = bpf.read(insns, index, linked.byte_order)
                if insn.code & bpf.CLASS_MASK in (bpf.ALU, bpf.ALU64) or insn.code == bpf.LD_IMM64:
                    bpf.write(insns, index, insn._replace(imm=answer), linked.byte_order)
                    unknown.discard(index)
        frozen = {one.insn for one in linked.map_refs if self._is_frozen(one)}
        frozen |= {one.insn for one in linked.externs if self.spec.externs[one.name].kind == "kconfig"}
        # Versions and numbers are compared with others, so yes is as large as it can be.
        held = None if answer is None else -answer & U64
        return reachable(insns, linked.byte_order, entries(self.spec, linked), unknown, frozen, held)

    def _is_frozen(self, reference: MapReference) -> bool:
        return reference.value_offset is not None and self.spec.maps[reference.map].kind == "rodata"


def _features(insn: Insn) -> Iterator[str]:
    """What an instruction is newer than BPF itself for, by the names in ``upstream.toml``."""
    match insn.code & bpf.CLASS_MASK:
        case 0x00 if insn.code == bpf.LD_IMM64:
            yield from _of_wide_load(insn)
        case kind if kind in (JMP, JMP32):
            yield from _of_jump(insn)
        case bpf.LDX if insn.code & bpf.MODE_MASK == bpf.MODE_MEMSX:
            yield "mcpu_v4"
        case bpf.STX if insn.code & bpf.MODE_MASK == ATOMIC:
            if insn.imm in _FETCHING:
                yield "atomics"
            elif insn.imm in _ORDERED:
                yield "load_acquire"
        case bpf.ALU | bpf.ALU64:
            yield from _of_arithmetic(insn)


def _of_wide_load(insn: Insn) -> Iterator[str]:
    if insn.src == bpf.PSEUDO_MAP_VALUE:
        yield "global_data"
    elif insn.src == bpf.PSEUDO_FUNC:
        yield "function_pointers"


def _of_jump(insn: Insn) -> Iterator[str]:
    operation = insn.code & OPERATION
    is_wide = insn.code & bpf.CLASS_MASK == JMP
    if operation == CALL:
        if insn.src == bpf.PSEUDO_CALL:
            yield "subprograms"
        return
    if operation == MAY_GOTO:
        yield "may_goto"
        return
    if operation == 0x00 and insn.code & bpf.SOURCE_REGISTER:
        yield "indirect_jump"
    elif operation == 0x00 and not is_wide:
        yield "mcpu_v4"
    elif not is_wide:
        yield "jump32"
    elif operation in (0xA0, 0xB0, 0xC0, 0xD0):
        yield "jump_less"
    distance = insn.imm if operation == 0x00 and not is_wide else insn.offset
    if distance < 0:
        yield "loops"


def _of_arithmetic(insn: Insn) -> Iterator[str]:
    operation = insn.code & OPERATION
    is_wide = insn.code & bpf.CLASS_MASK == bpf.ALU64
    if operation == 0xB0 and insn.offset == 1:
        yield "address_spaces"
    elif (operation in (0x30, 0x90, 0xB0) and insn.offset) or (operation == 0xD0 and is_wide):
        yield "mcpu_v4"
