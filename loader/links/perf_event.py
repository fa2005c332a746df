"""Perf events: a program runs each time a counter has counted so far (``SEC("perf_event")``, kernel 4.9)."""

from __future__ import annotations

import errno
import os
from contextlib import ExitStack
from enum import IntEnum
from typing import TYPE_CHECKING, TypeAlias

from .. import perf_event
from ..cpus import online_cpus
from ..errors import KernelError
from .link import Link
from .many import LinkGroup
from .perf_link import attach_event

if TYPE_CHECKING:
    from ..programs.program import Program


class HardwareEvent(IntEnum):
    """enum perf_hw_id: what the processor counts."""

    CPU_CYCLES = 0
    INSTRUCTIONS = 1
    CACHE_REFERENCES = 2
    CACHE_MISSES = 3
    BRANCH_INSTRUCTIONS = 4
    BRANCH_MISSES = 5
    BUS_CYCLES = 6
    STALLED_CYCLES_FRONTEND = 7
    STALLED_CYCLES_BACKEND = 8
    REF_CPU_CYCLES = 9


class SoftwareEvent(IntEnum):
    """enum perf_sw_ids: what the kernel counts; the clocks count nanoseconds."""

    CPU_CLOCK = 0
    TASK_CLOCK = 1
    PAGE_FAULTS = 2
    CONTEXT_SWITCHES = 3
    CPU_MIGRATIONS = 4
    PAGE_FAULTS_MINOR = 5
    PAGE_FAULTS_MAJOR = 6
    ALIGNMENT_FAULTS = 7
    EMULATION_FAULTS = 8
    CGROUP_SWITCHES = 11


EventKind: TypeAlias = HardwareEvent | SoftwareEvent | tuple[int, int]
"""One of the two, or any other by type and config of ``struct perf_event_attr``."""


def attach_perf_event(
    program: Program,
    event: EventKind,
    *,
    period: int = 0,
    frequency: int = 0,
    pid: int | None = None,
    cpu: int | None = None,
    inherit: bool = False,
    cookie: int = 0,
) -> Link:
    """Run a program on each `period`-th event, or as often as gives `frequency` times a second.

    Of one thread (`pid`, 0: the calling one) on any CPU or on `cpu`; or of all on `cpu`; with neither
    on every CPU that is online. `inherit` counts in a thread's later children too. Programs read
    `cookie` by bpf_get_attach_cookie() (5.15). Raises KernelError, NotSupportedError; ValueError
    unless there is one of `period` and `frequency`.
    """
    if bool(period) == bool(frequency):
        raise ValueError("give either a period or a frequency")
    kind, config = _numbers(event)
    name = event.name if isinstance(event, IntEnum) else f"{kind}:{config:#x}"
    where = f" of thread {pid or os.getpid()}" if pid is not None else ""
    every = online_cpus() if pid is None else [-1]
    cpus = every if cpu is None else [cpu]
    flags = (perf_event.FREQUENCY if frequency else 0) | (perf_event.INHERIT if inherit else 0)
    with ExitStack() as undo:
        links = []
        for number in cpus:
            on = f" on CPU {number}" if number >= 0 else ""
            what = f"program '{program.name}' to perf event {name}{where}{on}"
            try:
                fd = perf_event.open_event(
                    f"attaching {what}",
                    kind,
                    config,
                    pid=-1 if pid is None else pid,
                    cpu=number,
                    sample_period=period or frequency,
                    flags=flags,
                )
            except KernelError as error:
                raise KernelError(error.action, error.errno, _hint(error.errno)) from None
            links.append(undo.enter_context(attach_event(program.fd, fd, what, cookie=cookie)))
        undo.pop_all()
    return links[0] if len(links) == 1 else LinkGroup(f"program '{program.name}' to perf event {name}", links)


def _numbers(event: EventKind) -> tuple[int, int]:
    if isinstance(event, HardwareEvent):
        return perf_event.TYPE_HARDWARE, event
    if isinstance(event, SoftwareEvent):
        return perf_event.TYPE_SOFTWARE, event
    return event


def _hint(number: int) -> str:
    match number:
        case errno.ENOENT | errno.EOPNOTSUPP | errno.ENODEV:
            return "this machine has no such counter to sample; virtual ones often lack hardware's"
        case errno.EACCES | errno.EPERM:
            return "see /proc/sys/kernel/perf_event_paranoid"
        case errno.ESRCH:
            return "is there such a thread?"
        case errno.EINVAL:
            return "does the frequency exceed /proc/sys/kernel/perf_event_max_sample_rate?"
    return ""
