"""CO-RE: fitting a program to the types of another kernel than the one it was compiled against.

All of libbpf's rules, with or without a kernel.
"""

from __future__ import annotations

from ..btf import Btf, essential_name
from ..btf.ext import CoreRelocation
from ..btf.kernel import VMLINUX, Candidate, KernelBtf
from ..btf.records import ENUMS
from ..errors import BtfError, RelocationError
from ..lean import NamedTuple, replace
from ..linker import LinkedProgram
from ..spec import ObjectSpec
from .access import Access, RelocationKind, match_access, parse_access
from .values import Value, can_change_width, patch, poison, value_of

__all__ = ["CoreResult", "RelocationKind", "relocate"]


class CoreResult(NamedTuple):
    """What became of one relocation."""

    insn: int
    """Index in the linked stream."""
    kind: RelocationKind
    local: Access
    """What it is about, in the object's own types."""
    value: int | None
    """The number written; None if the instruction was poisoned."""
    found: Access | None = None
    """The same in the kernel's types; None if they lack it."""
    reason: str = ""
    """Why the instruction was poisoned."""

    @property
    def access(self) -> str:
        """What it is about, in words: ``struct task_struct.pid (0:5 @ offset 20)``."""
        return str(self.local)

    @property
    def target(self) -> str:
        """The same of the kernel's types; empty if they lack it."""
        return str(self.found) if self.found else ""

    @property
    def poisoned(self) -> bool:
        """Whether the program is refused if it can reach this instruction."""
        return self.value is None


def relocate(
    linked: LinkedProgram, spec: ObjectSpec, targets: KernelBtf
) -> tuple[LinkedProgram, list[CoreResult]]:
    """A copy of the linked program with all its CO-RE relocations done, and what became of each.

    A field or enumerator that the kernel lacks is no error: its instruction is poisoned,
    and dead code may hold it. Raises RelocationError where libbpf refuses too: malformed
    or ambiguous relocations, and ones that the instruction cannot express.
    """
    if not linked.core:
        return linked, []
    if spec.btf is None:
        raise BtfError(f"program '{linked.name}' has CO-RE relocations but its object has no BTF")
    result = replace(linked, insns=bytearray(linked.insns))
    targets.expect(_root_names(spec, spec.btf))
    relocator = _Relocator(result, spec.btf, targets)
    return result, [relocator.apply(index, relocation) for index, relocation in linked.core]


def _root_names(spec: ObjectSpec, btf: Btf) -> set[str]:
    """The essential names of all types that the object's relocations start at."""
    roots = {relocation.type_id for function in spec.functions for _, relocation in function.core}
    return {essential_name(btf.type(root).name) for root in roots if btf.has(root)} - {""}


class _Relocator:
    def __init__(self, linked: LinkedProgram, local: Btf, targets: KernelBtf) -> None:
        self.linked = linked
        self.local = local
        self.targets = targets
        self._candidates: dict[int, list[Candidate]] = {}
        """Local type id → candidates; as in libbpf only those stay that matched before."""

    def apply(self, index: int, relocation: CoreRelocation) -> CoreResult:
        """Do one relocation. Raises RelocationError."""
        local: Access | None = None
        try:
            local = parse_access(self.local, relocation)
            return self._apply(index, local)
        except BtfError as error:
            access = str(local) if local else f"type {relocation.type_id} ({relocation.access})"
            raise RelocationError(self.linked.function_at(index), index, access, str(error)) from error

    def _apply(self, index: int, local: Access) -> CoreResult:
        kind = local.kind
        insns, order = self.linked.insns, self.linked.byte_order
        if kind == RelocationKind.TYPE_ID_LOCAL:
            value = Value(local.root_id, is_certain=False)
            patch(insns, index, order, value, value, True)
            return CoreResult(index, kind, local, value.number, local)
        target = self._find(local)
        ours, theirs = value_of(local, kind), value_of(target, kind)
        if ours is None or theirs is None:
            poison(insns, index, order)
            return CoreResult(index, kind, local, None, target, self._missing(local))
        fits = target is None or can_change_width(local, ours, target, theirs)
        if not patch(insns, index, order, ours, theirs, fits):
            return CoreResult(index, kind, local, None, target, _no_such_load(ours, theirs))
        return CoreResult(index, kind, local, theirs.number, target, "")

    def _find(self, local: Access) -> Access | None:
        """The path in the kernel's types; None if no candidate has it. All that have it must agree."""
        candidates = self._candidates_of(local)
        matching: list[Candidate] = []
        first: Access | None = None
        for candidate in candidates:
            found = match_access(local, candidate.btf, candidate.type_id)
            if found is None:
                continue
            matching.append(candidate)
            if first is None:
                first = found
            elif found.bit_offset != first.bit_offset:
                one, other = _words(first, matching[0]), _words(found, candidate)
                raise BtfError(f"the kernel has it in two places: {one} and {other}")
            elif _number(found) != _number(first):
                one = _words(first, matching[0])
                raise BtfError(f"the kernel has two answers: {_number(first)} ({one}) and {_number(found)}")
        if matching:
            self._candidates[local.root_id] = matching
        return first

    def _candidates_of(self, local: Access) -> list[Candidate]:
        if local.root_id not in self._candidates:
            root = self.local.type(local.root_id)
            if not root.name:
                raise BtfError("a type without a name cannot be found in the kernel")
            kinds = ENUMS if root.kind in ENUMS else (root.kind,)
            self._candidates[local.root_id] = self.targets.candidates(essential_name(root.name), kinds)
        return self._candidates[local.root_id]

    def _missing(self, local: Access) -> str:
        """Why nothing was found."""
        root = self.local.type(local.root_id)
        name = self.local.describe(local.root_id).replace(root.name, essential_name(root.name))
        if not self._candidates_of(local):
            return f"the kernel has no {name}"
        what = "enumerator" if local.kind.is_enumerator else "compatible field"
        path = ".".join(step.name for step in local.steps if step.name)
        return f"the kernel's {name} has no {what} '{path}'"


def _no_such_load(ours: Value, theirs: Value) -> str:
    if not (ours.size and theirs.size):
        return "one of the two is a bitfield, and no load or store can be changed from or to one"
    return (
        f"the field has {theirs.size} bytes instead of {ours.size}, and only pointers "
        "and unsigned integers can be read in another width"
    )


def _words(access: Access, candidate: Candidate) -> str:
    return f"{access}" if candidate.module == VMLINUX else f"{access} in module {candidate.module}"


def _number(access: Access) -> int | None:
    value = value_of(access, access.kind)
    return value.number if value else None
