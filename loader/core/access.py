"""What a CO-RE relocation is about: a path from a root type to a field, or an enumerator.

The access string ``0:5:1`` has one number per level, anonymous members included; what
identifies a field in another kernel are the *steps*: named members and array indices.
"""

from __future__ import annotations

from ..btf import Array, Btf, BtfType, Kind
from ..btf.ext import CoreRelocation
from ..btf.records import COMPOSITES, ENUMS
from ..errors import BtfError
from ..lean import IntEnum, NamedTuple, dataclass, field

MAX_DIGITS = 10
"""Of a number in an access string; clang writes 32 bits."""
MAX_LEVELS = 64
"""Longest access path, libbpf's limit."""


class RelocationKind(IntEnum):
    """enum bpf_core_relo_kind."""

    FIELD_BYTE_OFFSET = 0
    FIELD_BYTE_SIZE = 1
    FIELD_EXISTS = 2
    FIELD_SIGNED = 3
    FIELD_LSHIFT_U64 = 4
    FIELD_RSHIFT_U64 = 5
    TYPE_ID_LOCAL = 6
    TYPE_ID_TARGET = 7
    TYPE_EXISTS = 8
    TYPE_SIZE = 9
    ENUMVAL_EXISTS = 10
    ENUMVAL_VALUE = 11
    TYPE_MATCHES = 12

    @property
    def is_field(self) -> bool:
        """About a field of a struct or union."""
        return self <= RelocationKind.FIELD_RSHIFT_U64

    @property
    def is_enumerator(self) -> bool:
        """About an enumerator."""
        return RelocationKind.ENUMVAL_EXISTS <= self <= RelocationKind.ENUMVAL_VALUE

    @property
    def is_type(self) -> bool:
        """About a type as a whole."""
        between = RelocationKind.TYPE_ID_LOCAL <= self <= RelocationKind.TYPE_SIZE
        return between or self == RelocationKind.TYPE_MATCHES


class Step(NamedTuple):
    """A named member (`number` in the struct `type_id`), or an array element of type `type_id`."""

    type_id: int
    number: int
    name: str
    """Empty for an array element."""


@dataclass(slots=True)
class Access:
    """A path in the types of one BTF."""

    btf: Btf
    kind: RelocationKind
    root_id: int
    steps: list[Step] = field(default_factory=list)
    raw: list[int] = field(default_factory=list)
    """The numbers of the access string."""
    bit_offset: int = 0
    """From the start of the root type."""

    def __str__(self) -> str:
        """In the user's words: ``struct task_struct.pid (0:5 @ offset 1234)``."""
        root = self.btf.describe(self.root_id)
        if self.kind.is_type:
            return root
        if self.kind.is_enumerator:
            return f"{root}::{self.steps[0].name}" if self.steps else root
        path = ""
        for step in self.steps[1:]:
            path += f".{step.name}" if step.name else f"[{step.number}]"
        # The first number indexes the pointer itself: p[2].x
        first = f"[{self.raw[0]}]" if self.raw and self.raw[0] else ""
        offset, bits = divmod(self.bit_offset, 8)
        place = f"{offset}.{bits}" if bits else f"{offset}"
        return f"{root}{first}{path} ({':'.join(map(str, self.raw))} @ offset {place})"


def parse_access(btf: Btf, relocation: CoreRelocation) -> Access:
    """The path of a relocation in the object's own BTF. Raises BtfError if it leads nowhere."""
    try:
        kind = RelocationKind(relocation.kind)
    except ValueError:
        raise BtfError(f"CO-RE relocation kind {relocation.kind} is not known") from None
    access = Access(btf, kind, relocation.type_id)
    if kind.is_type:
        if relocation.access != "0":
            raise BtfError(f"access string '{relocation.access}' of a whole type is not '0'")
        return access
    access.raw = _numbers(relocation.access)
    root = btf.resolve(relocation.type_id)
    if kind.is_enumerator:
        _enter_enumerator(access, root)
    else:
        access.steps.append(Step(root.id, access.raw[0], ""))
        access.bit_offset = access.raw[0] * btf.size_of(root.id) * 8
        type_id = root.id
        for index in access.raw[1:]:
            type_id = _enter(access, btf.resolve(type_id), index)
    return access


def _numbers(text: str) -> list[int]:
    parts = text.split(":")
    if not all(part.isascii() and part.isdigit() and len(part) <= MAX_DIGITS for part in parts):
        raise BtfError(f"access string '{text[:40]}' is no list of numbers")
    if len(parts) > MAX_LEVELS:
        raise BtfError(f"access string '{text[:40]}…' has more than {MAX_LEVELS} levels")
    return [int(part) for part in parts]


def _enter_enumerator(access: Access, root: BtfType) -> None:
    index = access.raw[0]
    if root.kind not in ENUMS or len(access.raw) != 1 or index >= root.vlen:
        raise BtfError(f"access string '{':'.join(map(str, access.raw))}' names no enumerator")
    name = access.btf.enumerators(root)[index][0]
    access.steps.append(Step(root.id, index, name))


def _enter(access: Access, parent: BtfType, index: int) -> int:
    """Go one level down; gives the type of what is there."""
    btf = access.btf
    if parent.kind in COMPOSITES:
        if index >= parent.vlen:
            raise BtfError(f"{btf.describe(parent.id)} has no member {index}")
        member = btf.members(parent)[index]
        access.bit_offset += member.bit_offset
        if member.name:
            access.steps.append(Step(parent.id, index, member.name))
        return member.type_id
    if parent.kind == Kind.ARRAY:
        array = btf.array(parent)
        if index >= array.length and not is_flexible(btf, access.steps[-1], array):
            raise BtfError(f"array of {array.length} elements has no element {index}")
        element = btf.resolve(array.type_id)
        access.steps.append(Step(element.id, index, ""))
        access.bit_offset += index * btf.size_of(element.id) * 8
        return element.id
    raise BtfError(f"{btf.describe(parent.id)} has nothing inside")


def is_flexible(btf: Btf, step: Step, array: Array) -> bool:
    """Whether an array is a struct's last member without a length, so that any index is good."""
    return bool(step.name) and array.length == 0 and step.number == btf.type(step.type_id).vlen - 1
