"""What becomes of an object's CO-RE relocations on one kernel, without loading anything."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from ...loader.btf.ext import CoreRelocation
from ...loader.btf.kernel import KernelBtf
from ...loader.core import CoreResult, RelocationKind, relocate
from ...loader.core.access import parse_access
from ...loader.core.explain import explain
from ...loader.errors import BtfError, RelocationError
from ...loader.lean import replace
from ...loader.linker import LinkedProgram, link
from ...loader.programs.source_line import SourceLine, line_of_use
from ...loader.spec import ObjectSpec, ProgramSpec
from .reachability import reachable


class Status(StrEnum):
    """What a relocation comes to."""

    RESOLVED = "resolved"
    GUARDED = "guarded"
    """The kernel lacks it, and the instruction cannot be reached there."""
    BROKEN = "broken"
    """The kernel lacks it, and the program is refused; at the latest if it can reach the instruction."""


@dataclass(frozen=True)
class Place:
    """One relocation of one program, wherever it is to be resolved."""

    program: str
    function: str
    insn: int
    """Index in the program's linked stream."""
    kind: str
    access: str
    """In the object's own types: ``struct task_struct.pid (0:5 @ offset 20)``."""
    source: SourceLine | None
    optional: bool
    """Of a program that is not loaded unless asked for (``SEC("?…")``)."""


@dataclass(frozen=True)
class Resolution:
    """What became of a relocation on one kernel."""

    place: Place
    status: Status
    value: int | None = None
    """The number written into the instruction."""
    target: str = ""
    """The access in the kernel's types; empty if they lack it."""
    reason: str = ""
    """Why it is guarded or broken."""


def places(spec: ObjectSpec) -> list[Place]:
    """All CO-RE relocations of all programs. Raises BtfError if there is no BTF to read them with."""
    found = []
    for program in spec.programs.values():
        linked = link(spec, program)
        found += [_place(spec, program, linked, index, one) for index, one in linked.core]
    return found


def resolve(spec: ObjectSpec, targets: KernelBtf) -> list[Resolution]:
    """All of `places`, in the same order, on one kernel.

    Raises BtfError for malformed BTF, or types of a machine of the other byte order.
    """
    if spec.byte_order != targets.vmlinux.byte_order:
        orders = {"<": "little-endian", ">": "big-endian"}
        raise BtfError(
            f"{spec.name} is {orders[spec.byte_order]}, the kernel's types are "
            f"{orders[targets.vmlinux.byte_order]}"
        )
    return [
        resolution for program in spec.programs.values() for resolution in _resolve(spec, program, targets)
    ]


def entries(spec: ObjectSpec, linked: LinkedProgram) -> list[int]:
    """Where the verifier starts: at the program, and at global functions, called or not (until 6.8)."""
    known = {function.name for function in spec.functions if function.is_global}
    found = [start for start, name in linked.functions if start == 0 or name in known]
    # Where an indirect jump leads is up to what it is given.
    found += [target for table in linked.jump_tables for target in table.targets]
    return found if linked.exception_callback is None else [*found, linked.exception_callback]


def _resolve(spec: ObjectSpec, program: ProgramSpec, targets: KernelBtf) -> list[Resolution]:
    linked = link(spec, program)
    if not linked.core:
        return []
    relocated, results, refused = _relocate(linked, spec, targets)
    unknown = {extern.insn for extern in linked.externs} | refused.keys()
    reached = reachable(relocated.insns, relocated.byte_order, entries(spec, linked), unknown)
    by_insn = {result.insn: result for result in results}
    resolutions = []
    for index, one in linked.core:
        place = _place(spec, program, linked, index, one)
        if index in refused:
            resolutions.append(Resolution(place, Status.BROKEN, reason=refused[index]))
        else:
            resolutions.append(_judge(spec, place, one, by_insn[index], index in reached, targets))
    return resolutions


def _relocate(
    linked: LinkedProgram, spec: ObjectSpec, targets: KernelBtf
) -> tuple[LinkedProgram, list[CoreResult], dict[int, str]]:
    """Relocate all that can be; of those that a loader refuses, why, by instruction."""
    refused: dict[int, str] = {}
    while True:
        core = [(index, one) for index, one in linked.core if index not in refused]
        try:
            return *relocate(replace(linked, core=core), spec, targets), refused
        except RelocationError as error:
            if error.insn in refused:
                raise
            refused[error.insn] = error.problem


def _judge(
    spec: ObjectSpec,
    place: Place,
    relocation: CoreRelocation,
    result: CoreResult,
    is_reached: bool,
    targets: KernelBtf,
) -> Resolution:
    if not result.poisoned:
        return Resolution(place, Status.RESOLVED, result.value, result.target)
    assert spec.btf is not None, "relocations were read with it"
    reason = result.reason if result.target else explain(spec.btf, relocation, targets)
    if is_reached:
        return Resolution(place, Status.BROKEN, None, result.target, f"poisoned (fails if reached): {reason}")
    return Resolution(place, Status.GUARDED, None, result.target, reason)


def _place(
    spec: ObjectSpec, program: ProgramSpec, linked: LinkedProgram, index: int, relocation: CoreRelocation
) -> Place:
    if spec.btf is None:
        raise BtfError(f"program '{program.name}' has CO-RE relocations but its object has no BTF")
    try:
        access = str(parse_access(spec.btf, relocation))
    except BtfError as error:
        access = f"type {relocation.type_id} ({relocation.access}): {error}"
    return Place(
        program.name,
        linked.function_at(index),
        index,
        _kind(relocation.kind),
        access,
        line_of_use(linked, spec.btf, index),
        not program.autoload,
    )


def _kind(number: int) -> str:
    try:
        return RelocationKind(number).name.lower()
    except ValueError:
        return f"kind {number}"
