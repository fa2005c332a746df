"""Reading files without `pathlib`, whose import takes as long as a load."""

from __future__ import annotations

import os

from .lean import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

_MOST = 1 << 16


def read_file(path: str | Path) -> bytes:
    """All of a file, also of one in /proc or /sys that does not say its size. Raises OSError."""
    fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        # Only an empty read is the end: /sys gives a page at a time, whatever is asked for.
        parts = [os.read(fd, (os.fstat(fd).st_size or _MOST) + 1)]
        while parts[-1]:
            parts.append(os.read(fd, _MOST))
        return b"".join(parts)
    finally:
        os.close(fd)
