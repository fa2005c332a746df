"""Kprobes: the entry of (nearly) any kernel function, an offset in it, or its return."""

from __future__ import annotations

import errno
import itertools
import os
from pathlib import Path
from typing import TYPE_CHECKING

from .. import perf_event
from ..errors import KernelError
from ..native import native
from .link import Link
from .perf_link import attach_event
from .tracefs import append, event_id, tracefs

if TYPE_CHECKING:
    from ..program import Program

_PMU = Path("/sys/bus/event_source/devices/kprobe")
_MISSING = "is there such a function? see /proc/kallsyms; not every one can be probed"


def attach_kprobe(program: Program, function: str, *, offset: int = 0, returns: bool = False) -> Link:
    """Run a program at `function` + `offset`, or at its return. Raises KernelError.

    Through the kprobe PMU (4.17), else through an event made in tracefs.
    """
    kind = "kretprobe" if returns else "kprobe"
    place = f"{function}+{offset:#x}" if offset else function
    what = f"program '{program.name}' to {kind} '{place}'"
    if (_PMU / "type").exists():
        return attach_event(program.fd, _open_pmu(what, function, offset, returns), what)
    return _attach_tracefs(program, what, place, returns)


def _open_pmu(what: str, function: str, offset: int, returns: bool) -> int:
    bit = int((_PMU / "format/retprobe").read_text().removeprefix("config:"))
    name = function.encode() + b"\0"
    try:
        return perf_event.open_event(
            f"attaching {what}",
            int((_PMU / "type").read_text()),
            int(returns) << bit,
            config1=native.address(name),
            config2=offset,
        )
    except KernelError as error:
        # A return probe on a missing function is EINVAL up to 5.10.
        missing = error.errno in (errno.ENOENT, errno.EINVAL)
        raise KernelError(error.action, error.errno, _MISSING if missing else error.hint) from None


def _attach_tracefs(program: Program, what: str, place: str, returns: bool) -> Link:
    action = f"attaching {what}"
    root = tracefs(action)
    if not (root / "kprobe_events").exists():
        raise KernelError(action, errno.ENOENT, "the kernel has no kprobes (CONFIG_KPROBE_EVENTS)")
    names = (f"bpflab_{os.getpid()}_{number}" for number in itertools.count())
    event = next(name for name in names if not (root / "events/kprobes" / name).exists())
    append(root / "kprobe_events", f"{'r' if returns else 'p'}:kprobes/{event} {place}", action, _MISSING)

    def remove() -> None:
        append(root / "kprobe_events", f"-:kprobes/{event}", f"removing the event of {what}")

    try:
        number = event_id("kprobes", event, action)
        fd = perf_event.open_event(action, perf_event.TYPE_TRACEPOINT, number, sample_period=1)
    except BaseException:
        remove()
        raise
    return attach_event(program.fd, fd, what, remove)
