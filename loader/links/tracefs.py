"""Tracefs: where it is, the number of an event in it, and events that are made in it."""

from __future__ import annotations

import errno
import itertools
import os
from collections.abc import Callable
from pathlib import Path
from typing import Literal

from .. import perf_event
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


def open_made_event(
    group: Literal["kprobes", "uprobes"], kind: str, place: str, what: str, hint: str, pid: int = -1
) -> tuple[int, Callable[[], None]]:
    """Make an event in tracefs, the way before there were PMUs for probes, and open it.

    `kind` is ``p`` (or ``r``, of a return) as `group`'s file takes it, `place` where. Gives the
    perf event, and what removes it from tracefs again. Raises KernelError.
    """
    action = f"attaching {what}"
    root = tracefs(action)
    file = root / f"{group[:-1]}_events"
    if not file.exists():
        option = f"CONFIG_{group[:-1].upper()}_EVENTS"
        raise KernelError(action, errno.ENOENT, f"the kernel has no {group} in tracefs ({option})")
    names = (f"bpflab_{os.getpid()}_{number}" for number in itertools.count())
    event = next(name for name in names if not (root / "events" / group / name).exists())
    append(file, f"{kind}:{group}/{event} {place}", action, hint)

    def remove() -> None:
        append(file, f"-:{group}/{event}", f"removing the event of {what}")

    try:
        number = event_id(group, event, action)
        cpu = 0 if pid < 0 else -1
        fd = perf_event.open_event(
            action, perf_event.TYPE_TRACEPOINT, number, pid=pid, cpu=cpu, sample_period=1
        )
    except BaseException:
        remove()
        raise
    return fd, remove


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
