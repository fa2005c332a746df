"""The GNU build id: what the linker computed from everything it put into a kernel or module."""

from __future__ import annotations

import struct

from ..lean import TYPE_CHECKING

if TYPE_CHECKING:
    from typing import Literal

_GNU_BUILD_ID = 3


def find_build_id(notes: bytes, byte_order: Literal["<", ">", "="] = "=") -> str:
    """The build id in hexadecimal digits, from ELF notes; empty if they hold none."""
    at = 0
    while at + 12 <= len(notes):
        name_size, size, kind = struct.unpack_from(byte_order + "III", notes, at)
        name_at = at + 12
        at = name_at + _padded(name_size)
        if kind == _GNU_BUILD_ID and notes[name_at : name_at + name_size] == b"GNU\0":
            return notes[at : at + size].hex()
        at += _padded(size)
    return ""


def _padded(size: int) -> int:
    return (size + 3) & ~3
