"""BTF's records: their kinds, how long each is, and what is decoded of them."""

from __future__ import annotations

from ..lean import IntEnum, NamedTuple


class Kind(IntEnum):
    """BTF_KIND_*, from linux/btf.h."""

    VOID = 0
    INT = 1
    PTR = 2
    ARRAY = 3
    STRUCT = 4
    UNION = 5
    ENUM = 6
    FWD = 7
    TYPEDEF = 8
    VOLATILE = 9
    CONST = 10
    RESTRICT = 11
    FUNC = 12
    FUNC_PROTO = 13
    VAR = 14
    DATASEC = 15
    FLOAT = 16
    DECL_TAG = 17
    TYPE_TAG = 18
    ENUM64 = 19


class IntEncoding(IntEnum):
    """Bits of an INT's encoding."""

    SIGNED = 1
    CHAR = 2
    BOOL = 4


class Linkage(IntEnum):
    """Linkage of a VAR or a FUNC."""

    STATIC = 0
    GLOBAL = 1
    EXTERN = 2


MODIFIERS = frozenset({Kind.VOLATILE, Kind.CONST, Kind.RESTRICT, Kind.TYPE_TAG})
COMPOSITES = frozenset({Kind.STRUCT, Kind.UNION})
ENUMS = frozenset({Kind.ENUM, Kind.ENUM64})

REFERENCES = MODIFIERS | {Kind.PTR, Kind.TYPEDEF, Kind.FUNC, Kind.FUNC_PROTO, Kind.VAR, Kind.DECL_TAG}
"""Kinds whose third word is a type id; in the others it is a size or unused."""

KCONFIG, KSYMS = ".kconfig", ".ksyms"
"""The DATASECs of what the kernel provides."""

HEADER_WORDS = 3
"""Every record starts with name, info and size-or-type."""


def info_kind(info: int) -> int:
    """The kind in a record's info word (bits 24…30)."""
    return info >> 24 & 0x7F


def is_known(kind: int) -> bool:
    """Whether a record may have this kind."""
    return Kind.VOID < kind <= Kind.ENUM64


def info_vlen(info: int) -> int:
    """The number of elements in a record's info word; 16 bits until 7.x widened it to 24."""
    return info & 0xFFFFFF


def make_info(kind: int, vlen: int = 0, kflag: bool = False) -> int:
    """The info word of a record."""
    return kind << 24 | vlen | (1 << 31 if kflag else 0)


class BtfType(NamedTuple):
    """One decoded record."""

    id: int
    kind: int
    name: str
    size_or_type: int
    """Size in bytes, or the id of the type it refers to, by kind."""
    vlen: int
    kflag: bool
    at: int
    """Where its extra words start."""


class Member(NamedTuple):
    """A field of a struct or union."""

    name: str
    type_id: int
    bit_offset: int
    bit_size: int
    """0 unless it is a bitfield."""


class Array(NamedTuple):
    """Element type, index type and number of elements."""

    type_id: int
    index_type_id: int
    length: int


class SectionVariable(NamedTuple):
    """One entry of a DATASEC: a VAR or FUNC, its offset and size in bytes."""

    type_id: int
    offset: int
    size: int


def essential_name(name: str) -> str:
    """A name without its flavor: cut at the last ``___`` that has other characters on both sides."""
    at = name.rfind("___")
    while at > 0:
        if name[at - 1] != "_" and name[at + 3 : at + 4] not in ("_", ""):
            return name[:at]
        at = name.rfind("___", 0, at + 2)
    return name
