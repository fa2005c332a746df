"""What an object file says, as plain data for people and machines."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

from ...corpus.upstream import Upstream
from ...loader.btf import Btf
from ...loader.btf.type_name import type_name
from ...loader.enums import AttachType, MapFlags, MapType, ProgType
from ...loader.insn import SIZE
from ...loader.linker import link
from ...loader.spec import ExternSpec, MapSpec, ObjectSpec, ProgramSpec, VariableSpec
from .requirements import Requirements, requirements
from .resolution import Place, places


@dataclass(frozen=True)
class ProgramDescription:
    """One entry program; `instructions` counts its subprograms too."""

    name: str
    section: str
    type: str
    attach_type: str
    attach_to: str
    autoload: bool
    instructions: int
    subprograms: list[str]


@dataclass(frozen=True)
class MapDescription:
    """One map; sizes in bytes. `kind` is ``user``, or what the map holds (``rodata``, ``kconfig`` …)."""

    name: str
    kind: str
    type: str
    key_size: int
    value_size: int
    max_entries: int
    flags: list[str]
    pinned_by_name: bool
    inner: str
    initial_slots: list[tuple[int, str]]


@dataclass(frozen=True)
class VariableDescription:
    """One variable; bytes as hexadecimal text."""

    name: str
    map: str
    type: str
    size: int
    value: int | str


@dataclass(frozen=True)
class ExternDescription:
    """Something that the kernel has to provide."""

    name: str
    kind: str
    type: str
    weak: bool


@dataclass(frozen=True)
class Description:
    """All of one object."""

    name: str
    license: str
    byte_order: str
    has_btf: bool
    programs: list[ProgramDescription]
    maps: list[MapDescription]
    variables: list[VariableDescription]
    externs: list[ExternDescription]
    relocations: list[Place]
    requirements: Requirements

    def as_data(self) -> dict[str, Any]:
        """As JSON can hold it."""
        return asdict(self)


def describe(spec: ObjectSpec, upstream: Upstream) -> Description:
    """Everything about an object. Raises BtfError for malformed BTF."""
    return Description(
        name=spec.name,
        license=spec.license,
        byte_order="little" if spec.byte_order == "<" else "big",
        has_btf=spec.btf is not None,
        programs=[_program(spec, program) for program in spec.programs.values()],
        maps=[_map(one) for one in spec.maps.values()],
        variables=[_variable(one) for one in spec.variables.values()],
        externs=[_extern(spec.btf, one) for one in spec.externs.values()],
        relocations=places(spec),
        requirements=requirements(spec, upstream),
    )


def _program(spec: ObjectSpec, program: ProgramSpec) -> ProgramDescription:
    linked = link(spec, program)
    is_known = program.type != ProgType.UNSPEC
    return ProgramDescription(
        program.name,
        program.section,
        ProgType(program.type).name if is_known else "",
        AttachType(program.attach_type).name if program.attach_type else "",
        program.attach_to,
        program.autoload,
        len(linked.insns) // SIZE,
        [name for start, name in linked.functions if start],
    )


def _map(spec: MapSpec) -> MapDescription:
    flags = [flag.name or str(flag.value) for flag in MapFlags if spec.flags & flag]
    unnamed = spec.flags & ~sum(MapFlags)
    return MapDescription(
        spec.name,
        spec.kind,
        MapType(spec.type).name,
        spec.key_size,
        spec.value_size,
        spec.max_entries,
        flags + ([f"{unnamed:#x}"] if unnamed else []),
        bool(spec.pinning),
        f"{MapType(spec.inner.type).name} {spec.inner.key_size} → {spec.inner.value_size}"
        if spec.inner
        else "",
        list(spec.initial_slots),
    )


def _variable(spec: VariableSpec) -> VariableDescription:
    name = type_name(spec.btf, spec.type_id) if spec.btf and spec.type_id else ""
    value = spec.value
    number = int(value) if isinstance(value, int) else spec.read_bytes().hex()
    return VariableDescription(spec.name, spec.map, name, spec.size, number)


def _extern(btf: Btf | None, spec: ExternSpec) -> ExternDescription:
    name = type_name(btf, spec.type_id) if btf and spec.type_id else ""
    return ExternDescription(spec.name, spec.kind, name, spec.weak)
