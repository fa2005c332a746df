"""Reading files without `pathlib`, whose import takes as long as a load."""

from __future__ import annotations

import os

from .lean import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

_PAGE = 1 << 16


def read_file(path: str | Path) -> bytes:
    """All of a file, also of one in /proc or /sys that does not say its size. Raises OSError."""
    fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        # One byte more than it should have: the read that is short is the last.
        wanted = (os.fstat(fd).st_size or _PAGE) + 1
        data = os.read(fd, wanted)
        if len(data) == wanted or wanted > _PAGE:
            parts = [data]
            while data := os.read(fd, _PAGE):
                parts.append(data)
            return b"".join(parts)
        return data
    finally:
        os.close(fd)
