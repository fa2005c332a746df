"""Numbers as the kernel keeps them in maps and variables: bytes in native order."""

from __future__ import annotations

import sys


def u16(value: int) -> bytes:
    """A ``__u16``."""
    return value.to_bytes(2, sys.byteorder)


def u32(value: int) -> bytes:
    """A ``__u32``."""
    return value.to_bytes(4, sys.byteorder)


def u64(value: int) -> bytes:
    """A ``__u64``."""
    return value.to_bytes(8, sys.byteorder)


def unsigned(raw: bytes) -> int:
    """The number that bytes hold."""
    return int.from_bytes(raw, sys.byteorder)


def signed(raw: bytes) -> int:
    """The signed number that bytes hold."""
    return int.from_bytes(raw, sys.byteorder, signed=True)
