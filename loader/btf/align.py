"""Alignment of types, as a compiler lays them out."""

from __future__ import annotations

from ..errors import BtfError
from .btf import MAX_CHAIN, Btf
from .kinds import COMPOSITES, Kind
from .records import BtfType


def align_of(btf: Btf, type_id: int, depth: int = 0) -> int:
    """Alignment of a type in bytes; 1 for what has none. Raises BtfError for a type inside itself."""
    if depth > MAX_CHAIN:
        raise BtfError(f"BTF type {type_id} contains itself")
    found = btf.resolve(type_id)
    match found.kind:
        case Kind.INT | Kind.ENUM | Kind.ENUM64 | Kind.FLOAT:
            return max(1, min(8, found.size_or_type))
        case Kind.PTR:
            return 8
        case Kind.ARRAY:
            return align_of(btf, btf.array(found).type_id, depth + 1)
        case kind if kind in COMPOSITES:
            return _composite_align(btf, found, depth)
    return 1


def _composite_align(btf: Btf, of: BtfType, depth: int) -> int:
    """Largest alignment of a member; 1 for a packed struct (a member or the size out of step)."""
    largest = 1
    for member in btf.members(of):
        align = align_of(btf, member.type_id, depth + 1)
        if not member.bit_size and member.bit_offset % (8 * align):
            return 1
        largest = max(largest, align)
    return 1 if of.size_or_type % largest else largest
