"""Finding in a candidate type of the kernel what a relocation is about in the object's own."""

from __future__ import annotations

from ..btf import Btf, Kind, essential_name
from ..btf.records import COMPOSITES, ENUMS
from ..errors import BtfError
from .access import MAX_LEVELS, Access, RelocationKind, Step, is_flexible

MAX_DEPTH = 32
"""How deep types are compared, libbpf's limit."""


def match_access(local: Access, btf: Btf, type_id: int) -> Access | None:
    """The same path in another type; None if it is not there. Raises BtfError for malformed types."""
    target = Access(btf, local.kind, type_id)
    if local.kind.is_type:
        if local.kind == RelocationKind.TYPE_MATCHES:
            from .shape import types_match as compare  # here and below, as most are about fields
        else:
            from .compat import types_compatible as compare
        return target if compare(local.btf, local.root_id, btf, type_id) else None
    if local.kind.is_enumerator:
        return _match_enumerator(local, target)
    for position, step in enumerate(local.steps):
        found = (
            _match_member(local.btf, step, target, type_id)
            if step.name
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
    target.steps.append(Step(found.id, step.number, ""))
    target.raw.append(step.number)
    target.bit_offset += step.number * btf.size_of(found.id) * 8
    return found.id


def _match_member(local: Btf, step: Step, target: Access, type_id: int) -> int | None:
    """Enter the member of that name; gives its type, None if there is none or it is incompatible."""
    member = local.members(local.type(step.type_id))[step.number]
    path = find_member(target.btf, type_id, member.name, len(target.raw))
    if path is None:
        return None
    for parent_id, index in path:
        found = target.btf.members(target.btf.type(parent_id))[index]
        target.raw.append(index)
        target.bit_offset += found.bit_offset
    # The first member of that name decides, even if a later one would be compatible.
    if not fields_compatible(local, member.type_id, target.btf, found.type_id):
        return None
    target.steps.append(Step(parent_id, index, found.name))
    return found.type_id


def find_member(
    btf: Btf, type_id: int, name: str, depth: int = 0, searched: set[int] | None = None
) -> list[tuple[int, int]] | None:
    """(struct, index) at each level down to the member, through anonymous structs and unions.

    None if there is no such member. `depth` and `searched` are of the levels above. Raises BtfError.
    """
    searched = set() if searched is None else searched
    parent = btf.resolve(type_id)
    if parent.kind not in COMPOSITES or parent.id in searched:
        return None
    for index, member in enumerate(btf.members(parent)):
        if depth == MAX_LEVELS:
            raise BtfError(f"the path in the kernel's type has more than {MAX_LEVELS} levels")
        if not member.name:
            below = find_member(btf, member.type_id, name, depth + 1, searched)
            if below is not None:
                return [(parent.id, index), *below]
        elif member.name == name:
            return [(parent.id, index)]
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
