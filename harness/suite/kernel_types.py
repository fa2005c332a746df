"""Where the running kernel keeps things, by its own BTF: what relocated programs are compared with.

Works the numbers out anew, by names and offsets alone, not with the code that relocates.
"""

from __future__ import annotations

from typing import NamedTuple

from ...loader.btf import Btf, BtfType, Kind, Member
from ...loader.btf.kernel import KernelBtf


class Place(NamedTuple):
    """Where a member lies in its type; `bits` is its width, of bitfields as of others."""

    bit_offset: int
    bits: int
    is_signed: bool
    kind: int


class KernelTypes:
    """The types of the running kernel, modules left out."""

    def __init__(self) -> None:
        """Raises what `KernelBtf.running` raises."""
        self.btf: Btf = KernelBtf.running().vmlinux

    def find(self, name: str, kind: Kind = Kind.STRUCT) -> BtfType | None:
        """The type of this name and kind; None if there is none."""
        found = [self.btf.type(number) for number in self.btf.named(name)]
        return next((each for each in found if each.kind == kind), None)

    def place(self, name: str, *path: str) -> Place | None:
        """A member of ``struct name`` by the names on the way to it; None if it is not there."""
        owner, at = self.find(name), 0
        found: Member | None = None
        for step in path:
            found = self._member(owner, step) if owner else None
            if found is None:
                return None
            at += found.bit_offset
            owner = self.btf.resolve(found.type_id)
        assert found is not None and owner is not None, "a place needs a path"
        bits = found.bit_size or self.btf.size_of(owner.id) * 8
        return Place(at, bits, bool(self.btf.signedness(owner.id)), owner.kind)

    def size(self, name: str, kind: Kind = Kind.STRUCT) -> int:
        """The size of a type in bytes; 0 if there is none."""
        found = self.find(name, kind)
        return self.btf.size_of(found.id) if found else 0

    def enumerators(self, name: str) -> dict[str, int]:
        """Names and values of ``enum name``; empty if there is no such enum."""
        found = self.find(name, Kind.ENUM) or self.find(name, Kind.ENUM64)
        return dict(self.btf.enumerators(found)) if found else {}

    def parameters(self, typedef: str) -> int:
        """How many parameters the functions take that a typedef points to; 0 if there is none."""
        found = self.find(typedef, Kind.TYPEDEF)
        return self.btf.resolve(self.btf.resolve(found.id).size_or_type).vlen if found else 0

    def _member(self, owner: BtfType, name: str) -> Member | None:
        """A member, also one inside anonymous members; its offset is from the owner's start."""
        for member in self.btf.members(owner) if owner.kind in (Kind.STRUCT, Kind.UNION) else ():
            if member.name == name:
                return member
            found = None if member.name else self._member(self.btf.resolve(member.type_id), name)
            if found is not None:
                return found._replace(bit_offset=member.bit_offset + found.bit_offset)
        return None
