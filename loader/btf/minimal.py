"""Small BTF: of all of a kernel's types those that are wanted, with what they are made of."""

from __future__ import annotations

from ..errors import BtfError
from ..lean import TYPE_CHECKING, NamedTuple, as_words
from . import Btf
from .edit import BtfEdit
from .records import COMPOSITES, REFERENCES, BtfType, Kind, is_known, make_info

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    Wanted = Mapping[int, Collection[int] | None]
    """Type id → the numbers of the members to keep; None for all of them, in full."""

WORD = 0xFFFFFFFF


class MinimalBtf(NamedTuple):
    """The small BTF, and what became of the types."""

    btf: Btf
    ids: dict[int, int]
    """Id in the whole BTF → id in the small one."""


def minimal(btf: Btf, wanted: Wanted) -> MinimalBtf:
    """The wanted types and all that are reached from them, numbered anew, as BTF without a base.

    A struct or union that is reached but not wanted itself keeps name and size but no
    members, unless it is part of one that is wanted in full (behind a pointer nothing is a
    part any more). What is kept stays at its offset. Raises BtfError for malformed types
    and members that do not exist.
    """
    kept = _Kept(btf, wanted)
    ids = {old: new for new, old in enumerate(sorted(kept.types), 1)} | {0: 0}
    edit = BtfEdit(Btf(as_words(b""), b"\0"))
    for type_id in sorted(kept.types):
        _copy(edit, btf, btf.type(type_id), kept, ids)
    return MinimalBtf(edit.finish(), ids)


class _Kept:
    """Which types are reached, and which of them are kept in full."""

    def __init__(self, btf: Btf, wanted: Wanted) -> None:
        self.btf = btf
        self.wanted = wanted
        self.types: set[int] = set()
        self.full: set[int] = set()
        self._reach(wanted)

    def _reach(self, roots: Collection[int]) -> None:
        pending = [(type_id, self.wanted[type_id] is None) for type_id in roots]
        while pending:
            type_id, in_full = pending.pop()
            if type_id == 0 or (type_id in self.types and (type_id in self.full or not in_full)):
                continue
            self.types.add(type_id)
            if in_full:
                self.full.add(type_id)
            found = self.btf.type(type_id)
            pending += [(child, in_full and found.kind != Kind.PTR) for child in self._parts(found)]

    def _parts(self, found: BtfType) -> list[int]:
        match found.kind:
            case Kind.STRUCT | Kind.UNION:
                members = self.btf.members(found)
                return [members[number].type_id for number in self.members(found)]
            case Kind.ARRAY:
                return list(self.btf.array(found)[:2])
            case Kind.FUNC_PROTO:
                return [found.size_or_type, *(type_id for _, type_id in self.btf.parameters(found))]
            case Kind.DATASEC:
                return [entry.type_id for entry in self.btf.section_variables(found)]
            case kind if kind in REFERENCES:
                return [found.size_or_type]
        return []

    def members(self, found: BtfType) -> list[int]:
        """The numbers of the members that a struct or union keeps, in order."""
        if found.id in self.full:
            return list(range(found.vlen))
        numbers = sorted(self.wanted.get(found.id) or ())
        if numbers and not 0 <= numbers[0] <= numbers[-1] < found.vlen:
            raise BtfError(f"{self.btf.describe(found.id)} has no member {numbers[-1]}")
        return numbers


def _copy(edit: BtfEdit, btf: Btf, found: BtfType, kept: _Kept, ids: Mapping[int, int]) -> None:
    """Append one type; what it refers to is already numbered."""
    if not is_known(found.kind):
        raise BtfError(f"{btf.describe(found.id)} cannot be copied")
    extra, vlen = _extra(edit, btf, found, kept, ids)
    target = ids[found.size_or_type] if found.kind in REFERENCES else found.size_or_type
    edit.append(found.name, make_info(found.kind, vlen, found.kflag), target, *extra)


def _extra(
    edit: BtfEdit, btf: Btf, found: BtfType, kept: _Kept, ids: Mapping[int, int]
) -> tuple[list[int], int]:
    """The words behind the header, and the number of elements they are."""

    def name(text: str) -> int:
        return edit.add_string(text) if text else 0

    extra: list[int] = []
    match found.kind:
        case kind if kind in COMPOSITES:
            numbers = kept.members(found)
            members = btf.members(found)
            for member in (members[number] for number in numbers):
                extra += name(member.name), ids[member.type_id], member.bit_offset | member.bit_size << 24
            return extra, len(numbers)
        case Kind.ENUM:
            for text, value in btf.enumerators(found):
                extra += name(text), value & WORD
        case Kind.ENUM64:
            for text, value in btf.enumerators(found):
                extra += name(text), value & WORD, value >> 32 & WORD
        case Kind.FUNC_PROTO:
            for text, type_id in btf.parameters(found):
                extra += name(text), ids[type_id]
        case Kind.DATASEC:
            for entry in btf.section_variables(found):
                extra += ids[entry.type_id], entry.offset, entry.size
        case Kind.ARRAY:
            array = btf.array(found)
            extra += ids[array.type_id], ids[array.index_type_id], array.length
        case Kind.INT:
            encoding, offset, bits = btf.integer(found)
            extra.append(encoding << 24 | offset << 16 | bits)
        case Kind.VAR:
            extra.append(btf.linkage(found))
        case Kind.DECL_TAG:
            extra.append(btf.component(found) & WORD)
    return extra, found.vlen
