"""Decoded pieces of BTF."""

from __future__ import annotations

from ..lean import NamedTuple


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
