"""Reading files without `pathlib`, whose import takes as long as a load."""

from __future__ import annotations

import os

from .lean import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

_SMALL, _LARGE = 1 << 16, 1 << 20


def read_file(path: str | Path) -> bytes:
    """All of a file, also of one in /proc or /sys that does not say its size. Raises OSError."""
    fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        parts, size = list[bytes](), _SMALL
        # Only an empty read is the end: /sys gives a page at a time, whatever is asked for.
        while part := os.read(fd, size):
            parts.append(part)
            size = _LARGE if len(part) == size else _SMALL
        return b"".join(parts)
    finally:
        os.close(fd)
