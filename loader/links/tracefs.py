"""Where tracefs is, and the number of a tracepoint in it."""

from __future__ import annotations

import errno
import os
from pathlib import Path

from ..errors import KernelError

_MOUNTS = (Path("/sys/kernel/tracing"), Path("/sys/kernel/debug/tracing"))


def tracefs(action: str) -> Path:
    """The mount point. Raises KernelError, with `action` as what was tried, if there is none."""
    for path in _MOUNTS:
        if (path / "events").is_dir():
            return path
    hint = "there is no tracefs: mount -t tracefs tracefs /sys/kernel/tracing (needs CONFIG_FTRACE)"
    raise KernelError(action, errno.ENOENT, hint)


def event_id(category: str, name: str, action: str) -> int:
    """The number of a tracepoint for perf_event_open. Raises KernelError."""
    path = tracefs(action) / "events" / category / name / "id"
    try:
        return int(path.read_text())
    except OSError as error:
        raise KernelError(action, error.errno or 0, f"see {path.parent.parent}") from None


def append(path: Path, line: str, action: str, hint: str = "") -> None:
    """Write one command to a tracefs file, which must not be truncated. Raises KernelError."""
    try:
        fd = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CLOEXEC)
        try:
            os.write(fd, line.encode())
        finally:
            os.close(fd)
    except OSError as error:
        raise KernelError(action, error.errno or 0, hint) from None
