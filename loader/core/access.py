"""What a CO-RE relocation is about: a path from a root type to a field, or an enumerator.

Found in the object's own types first, and then in a candidate type of the kernel.

The access string ``0:5:1`` has one number per level, anonymous members included; what
identifies a field in another kernel are the *steps*: named members and array indices.
"""

from __future__ import annotations

from ..btf import Array, Btf, BtfType, Kind, Member, essential_name
from ..btf.ext import CoreRelocation
from ..btf.records import COMPOSITES, ENUMS
from ..errors import BtfError
from ..lean import IntEnum, NamedTuple

MAX_DIGITS = 10
"""Of a number in an access string; clang writes 32 bits."""
MAX_LEVELS = 64
"""Longest access path, libbpf's limit."""
MAX_DEPTH = 32
"""How deep types are compared, libbpf's limit."""


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
    name: str = ""
    """Empty for an array element."""
    member: Member | None = None
    """None for an array element, and for an enumerator, which has a name."""


class Access:
    """A path in the types of one BTF."""

    def __init__(self, btf: Btf, kind: RelocationKind, root_id: int) -> None:
        self.btf = btf
        self.kind = kind
        self.root_id = root_id
        self.steps: list[Step] = []
        self.raw: list[int] = []
        """The numbers of the access string."""
        self.bit_offset = 0
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
    is_enumerator = kind.is_enumerator
    if not (kind.is_field or is_enumerator):
        if relocation.access != "0":
            raise BtfError(f"access string '{relocation.access}' of a whole type is not '0'")
        return access
    access.raw = _numbers(relocation.access)
    root = btf.resolve(relocation.type_id)
    if is_enumerator:
        _enter_enumerator(access, root)
    else:
        access.steps.append(Step(root.id, access.raw[0], "", None))
        access.bit_offset = access.raw[0] * btf.size_of(root.id) * 8
        type_id = root.id
        for index in access.raw[1:]:
            type_id = _enter(access, btf.resolve(type_id), index)
    return access


def _numbers(text: str) -> list[int]:
    parts = text.split(":")
    if not text.isascii() or not all(map(str.isdigit, parts)) or max(map(len, parts)) > MAX_DIGITS:
        raise BtfError(f"access string '{text[:40]}' is no list of numbers")
    if len(parts) > MAX_LEVELS:
        raise BtfError(f"access string '{text[:40]}…' has more than {MAX_LEVELS} levels")
    return [*map(int, parts)]


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
        member = btf.member(parent, index)
        access.bit_offset += member.bit_offset
        if member.name:
            access.steps.append(Step(parent.id, index, member.name, member))
        return member.type_id
    if parent.kind == Kind.ARRAY:
        array = btf.array(parent)
        if index >= array.length and not is_flexible(btf, access.steps[-1], array):
            raise BtfError(f"array of {array.length} elements has no element {index}")
        element = btf.resolve(array.type_id)
        access.steps.append(Step(element.id, index, "", None))
        access.bit_offset += index * btf.size_of(element.id) * 8
        return element.id
    raise BtfError(f"{btf.describe(parent.id)} has nothing inside")


def is_flexible(btf: Btf, step: Step, array: Array) -> bool:
    """Whether an array is a struct's last member without a length, so that any index is good."""
    return bool(step.name) and array.length == 0 and step.number == btf.type(step.type_id).vlen - 1


# The same in the kernel's types


def match_access(local: Access, btf: Btf, type_id: int) -> Access | None:
    """The same path in another type; None if it is not there. Raises BtfError for malformed types."""
    target = Access(btf, local.kind, type_id)
    if local.kind.is_enumerator:
        return _match_enumerator(local, target)
    if not local.kind.is_field:
        if local.kind == RelocationKind.TYPE_MATCHES:
            from .shape import types_match as compare  # here and below, as most are about fields
        else:
            from .compat import types_compatible as compare
        return target if compare(local.btf, local.root_id, btf, type_id) else None
    for position, step in enumerate(local.steps):
        found = (
            _match_member(local.btf, step.member, target, type_id)
            if step.member
            else _match_element(step, target, type_id, is_root=position == 0)
        )
        if found is None:
            return None
        type_id = found
    return target


def _match_enumerator(local: Access, target: Access) -> Access | None:
    """By name without flavor; the value does not count."""
    found = target.btf.resolve(target.root_id)
    if found.kind not in ENUMS:
        return None
    wanted = essential_name(local.steps[0].name)
    for index, (name, _) in enumerate(target.btf.enumerators(found)):
        if essential_name(name) == wanted:
            target.steps.append(Step(found.id, index, name))
            target.raw.append(index)
            return target
    return None


def _match_element(step: Step, target: Access, type_id: int, is_root: bool) -> int | None:
    """Enter an array element; gives its type. The first step indexes the root pointer itself."""
    btf = target.btf
    found = btf.resolve(type_id)
    if not is_root:
        if found.kind != Kind.ARRAY:
            return None
        array = btf.array(found)
        if step.number >= array.length and not is_flexible(btf, target.steps[-1], array):
            return None
        found = btf.resolve(array.type_id)
    if len(target.raw) == MAX_LEVELS:
        raise BtfError(f"the path in the kernel's type has more than {MAX_LEVELS} levels")
    target.steps.append(Step(found.id, step.number, "", None))
    target.raw.append(step.number)
    target.bit_offset += step.number * btf.size_of(found.id) * 8
    return found.id


def _match_member(local: Btf, member: Member, target: Access, type_id: int) -> int | None:
    """Enter the member of that name; gives its type, None if there is none or it is incompatible."""
    path = find_member(target.btf, type_id, member.name, len(target.raw))
    if path is None:
        return None
    for step, found in path:
        target.raw.append(step.number)
        target.bit_offset += found.bit_offset
    # The first member of that name decides, even if a later one would be compatible.
    if not fields_compatible(local, member.type_id, target.btf, found.type_id):
        return None
    target.steps.append(step)
    return found.type_id


def find_member(
    btf: Btf, type_id: int, name: str, depth: int = 0, searched: set[int] | None = None
) -> list[tuple[Step, Member]] | None:
    """The steps down to the member, through anonymous structs and unions, and what each leads to.

    None if there is no such member. `depth` and `searched` are of the levels above. Raises BtfError.
    """
    searched = set() if searched is None else searched
    parent = btf.resolve(type_id)
    if parent.kind not in COMPOSITES or parent.id in searched:
        return None
    if depth == MAX_LEVELS and parent.vlen:
        raise BtfError(f"the path in the kernel's type has more than {MAX_LEVELS} levels")
    for index in btf.members_called(parent, name):
        member = btf.member(parent, index)
        below = [] if member.name else find_member(btf, member.type_id, name, depth + 1, searched)
        if below is not None:
            return [(Step(parent.id, index, member.name, member), member), *below]
    # Remembered, so that types that share many parts are not searched over and over.
    searched.add(parent.id)
    return None


def kinds_compatible(local: int, target: int) -> bool:
    """Same kind; a 32-bit and a 64-bit enum count as one."""
    return local == target or (local in ENUMS and target in ENUMS)


def fields_compatible(local: Btf, local_id: int, target: Btf, target_id: int) -> bool:
    """Whether a field may have changed from one type to the other.

    Modifiers and typedefs do not count, nor do size and sign of integers, nor what a
    pointer points to; a struct may become any other struct or union.
    """
    for _ in range(MAX_DEPTH):
        ours, theirs = local.resolve(local_id), target.resolve(target_id)
        if ours.kind in COMPOSITES and theirs.kind in COMPOSITES:
            return True
        if not kinds_compatible(ours.kind, theirs.kind):
            return False
        match ours.kind:
            case Kind.PTR | Kind.FLOAT:
                return True
            case Kind.FWD | Kind.ENUM | Kind.ENUM64:
                names = essential_name(ours.name), essential_name(theirs.name)
                return not all(names) or names[0] == names[1]
            case Kind.INT:
                # An INT with an offset is a bitfield of the old style.
                return local.integer(ours)[1] == target.integer(theirs)[1] == 0
            case Kind.ARRAY:
                local_id = local.array(ours).type_id
                target_id = target.array(theirs).type_id
            case _:
                return False
    raise BtfError(f"arrays are nested more than {MAX_DEPTH} levels deep")
