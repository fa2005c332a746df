"""The kinds of BTF records and how long each is."""

from __future__ import annotations

from ..lean import IntEnum


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
