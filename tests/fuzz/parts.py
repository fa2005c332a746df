"""Several byte strings in one input, for targets that read more than one thing."""

from __future__ import annotations

import struct
from collections.abc import Sequence


def pack(parts: Sequence[bytes]) -> bytes:
    """The parts, each but the last behind its length in 4 bytes."""
    return b"".join(struct.pack("<I", len(part)) + part for part in parts[:-1]) + parts[-1]


def unpack(data: bytes, count: int) -> list[bytes]:
    """`count` parts of any bytes at all: a length beyond the end takes what there is."""
    parts = []
    for _ in range(count - 1):
        length = int.from_bytes(data[:4], "little")
        parts.append(data[4 : 4 + length])
        data = data[4 + length :]
    return [*parts, data]
