"""Distilled base BTF (6.11): a module that is built on its own brings a few types to stand for vmlinux's.

Its ``.BTF`` continues those in ``.BTF.base``: integers and floats as they are, enums, structs and unions
by name and size, without what is in them. For the kernel that the module is loaded into each is
looked up by its name, and the module's types get the kernel's numbers.
"""

from __future__ import annotations

from array import array

from ..errors import BtfError
from . import Btf
from .records import COMPOSITES, ENUMS, HEADER_WORDS, MODIFIERS, REFERENCES, BtfType, Kind, is_known

_EXTRA = {
    Kind.ARRAY: "tt-",
    Kind.STRUCT: "nt-",
    Kind.UNION: "nt-",
    Kind.ENUM: "n-",
    Kind.ENUM64: "n--",
    Kind.FUNC_PROTO: "nt",
    Kind.DATASEC: "t--",
}
"""What the words behind a record's header are, for each element: a name, a type or a number."""

_DISTILLED = frozenset({Kind.INT, Kind.FLOAT, Kind.ENUM, Kind.STRUCT, Kind.UNION, Kind.FWD})


def onto_base(split: Btf, base: Btf) -> Btf:
    """Types that continue a distilled base, as types that continue `base`, in the same order.

    Raises BtfError if `base` lacks a type that is stood for, or has several that fit.
    """
    if split.base is None:
        raise BtfError("this BTF continues no other, so it has no distilled base")
    return _Move(split, split.base, base).finish()


class _Move:
    def __init__(self, split: Btf, distilled: Btf, base: Btf) -> None:
        self.split = split
        self.distilled = distilled
        self.base = base
        self.words = array("I", split.words.tobytes())
        self.strings = bytearray(split.strings)
        self.first_string = base.first_string + len(base.strings)
        self.names: dict[int, int] = {0: 0}
        """Offsets of strings of the distilled base → where they are now."""

    def finish(self) -> Btf:
        split = self.split
        self.ids = self._stood_for()
        for found in split.types():
            if not is_known(found.kind):
                raise BtfError(f"{split.describe(found.id)} cannot be moved to another base")
            at = split.word_offset(found.id)
            self._set_name(at)
            if found.kind in REFERENCES:
                self._set_type(at + 2)
            extra = _EXTRA.get(Kind(found.kind), "")
            count = found.vlen if found.kind != Kind.ARRAY else 1
            for word, what in enumerate(extra * count, at + HEADER_WORDS):
                if what == "n":
                    self._set_name(word)
                elif what == "t":
                    self._set_type(word)
        return Btf(self.words, bytes(self.strings), split.byte_order, self.base, layout=split.layout)

    def _set_name(self, at: int) -> None:
        """A string of the module moves with its section; one of the distilled base becomes the module's."""
        offset = self.words[at]
        if offset >= self.split.first_string:
            self.words[at] = offset - self.split.first_string + self.first_string
            return
        if offset not in self.names:
            self.names[offset] = self.first_string + len(self.strings)
            self.strings += self.distilled.string(offset).encode() + b"\0"
        self.words[at] = self.names[offset]

    def _set_type(self, at: int) -> None:
        type_id = self.words[at]
        if not self.split.has(type_id):
            raise BtfError(f"BTF has no type {type_id} (types 1…{self.split.end_id - 1})")
        first = self.split.first_id
        self.words[at] = self.ids[type_id] if type_id < first else type_id - first + self.base.end_id

    def _stood_for(self) -> dict[int, int]:
        """Type id in the distilled base → in the base."""
        embedded = self._embedded()
        found = {0: 0}
        self.base.expect({wanted.name for wanted in self.distilled.types()})
        for wanted in self.distilled.types():
            what = f"the module's {self.distilled.describe(wanted.id)}"
            if not wanted.name or wanted.kind not in _DISTILLED:
                raise BtfError(f"{what} ({wanted.id}) cannot stand for a type of the kernel")
            fitting = self._fitting(wanted, wanted.id in embedded)
            if len(fitting) != 1:
                having = "several that fit" if fitting else "none that fits"
                raise BtfError(f"{what} of {wanted.size_or_type} bytes: the kernel has {having}")
            found[wanted.id] = fitting[0]
        return found

    def _fitting(self, wanted: BtfType, is_embedded: bool) -> list[int]:
        """A struct may have grown, unless one of the module's own has it inside or there are several."""
        named = [self.base.type(type_id) for type_id in self.base.named(wanted.name)]
        composites = [candidate for candidate in named if candidate.kind in COMPOSITES]
        by_size = is_embedded or len(composites) > 1
        return [candidate.id for candidate in named if self._fits(wanted, candidate, by_size)]

    def _fits(self, wanted: BtfType, candidate: BtfType, by_size: bool) -> bool:
        same_size = wanted.size_or_type == candidate.size_or_type
        match wanted.kind:
            case Kind.FWD:
                # The flag of a FWD says union; that of a struct (it has bitfields) says nothing here.
                kind = Kind.UNION if wanted.kflag else Kind.STRUCT
                return candidate.kind == kind or (candidate.kind, candidate.kflag) == (Kind.FWD, wanted.kflag)
            case Kind.STRUCT | Kind.UNION:
                return candidate.kind == wanted.kind and (same_size or not by_size)
            case Kind.ENUM:
                return candidate.kind in ENUMS and same_size
            case Kind.INT:
                ours = self.distilled.integer(wanted)[0]
                return candidate.kind == Kind.INT and same_size and self.base.integer(candidate)[0] == ours
        return candidate.kind == wanted.kind and same_size

    def _embedded(self) -> set[int]:
        """Structs and unions that are part of one of the module's own: their size must be the same."""
        split, found = self.split, set()
        transparent = {*MODIFIERS, Kind.TYPEDEF, Kind.ARRAY}
        known: set[int] = set()
        for owner in split.types():
            for member in split.members(owner) if owner.kind in COMPOSITES else ():
                type_id = member.type_id
                while type_id not in known and (part := split.type(type_id)).kind in transparent:
                    known.add(type_id)
                    type_id = split.array(part).type_id if part.kind == Kind.ARRAY else part.size_or_type
                if type_id < split.first_id and split.type(type_id).kind in COMPOSITES:
                    found.add(type_id)
        return found
