"""Where tracefs is, and the number of a tracepoint in it."""

from __future__ import annotations

import os
from pathlib import Path

from ..errors import KernelError

_MOUNTS = (Path("/sys/kernel/tracing"), Path("/sys/kernel/debug/tracing"))


def tracefs() -> Path:
    """The mount point. Raises KernelError if there is none."""
    for path in _MOUNTS:
        if (path / "events").is_dir():
            return path
    hint = "mount -t tracefs tracefs /sys/kernel/tracing (needs a kernel with CONFIG_FTRACE)"
    raise KernelError("looking for tracefs", 2, hint)


def event_id(category: str, name: str) -> int:
    """The number of a tracepoint for perf_event_open. Raises KernelError."""
    path = tracefs() / "events" / category / name / "id"
    try:
        return int(path.read_text())
    except OSError as error:
        raise KernelError(
            f"looking up tracepoint '{category}/{name}'", error.errno or 0, "see /sys/kernel/tracing/events"
        ) from None


def append(path: Path, line: str, action: str) -> None:
    """Write one command to a tracefs file, which must not be truncated. Raises KernelError."""
    fd = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CLOEXEC)
    try:
        os.write(fd, line.encode())
    except OSError as error:
        raise KernelError(action, error.errno or 0) from None
    finally:
        os.close(fd)
