"""Opening perf events: the attribute, and the descriptor's few ioctls."""

from __future__ import annotations

import fcntl
from struct import Struct

from .errors import KernelError
from .native import native

TYPE_HARDWARE, TYPE_SOFTWARE, TYPE_TRACEPOINT = 0, 1, 2
COUNT_SW_BPF_OUTPUT = 10
SAMPLE_RAW = 1 << 10
INHERIT, FREQUENCY = 1 << 1, 1 << 10
"""Bits of the attribute: count in later children too; the period is a frequency."""
WATERMARK, WRITE_BACKWARD = 1 << 14, 1 << 27
"""Bits of the attribute: wake-ups count bytes, not samples; the buffer is written from its end (4.7)."""

_FD_CLOEXEC = 8
_IOC_ENABLE, _IOC_DISABLE, _IOC_SET_BPF, _IOC_PAUSE_OUTPUT = 0x2400, 0x2401, 0x40042408, 0x40042409

# struct perf_event_attr up to PERF_ATTR_SIZE_VER1: type, size, config, sample_period,
# sample_type, read_format, flags, wake-up after so many, bp_type, config1 (a name's address), config2
_ATTR = Struct("=IIQQQQQIIQQ")


def open_event(
    action: str,
    type: int,
    config: int,
    *,
    pid: int = -1,
    cpu: int = 0,
    sample_period: int = 0,
    sample_type: int = 0,
    wakeup: int = 0,
    flags: int = 0,
    config1: int = 0,
    config2: int = 0,
) -> int:
    """perf_event_open(2): a file descriptor. Raises KernelError with `action` as what was tried.

    `flags` are the attribute's bits (``FREQUENCY`` …).
    """
    attr = _ATTR.pack(
        type,
        _ATTR.size,
        config,
        sample_period,
        sample_type,
        0,
        flags,
        wakeup,
        0,
        config1,
        config2,
    )
    fd = native.perf_event_open(bytearray(attr), pid, cpu, -1, _FD_CLOEXEC)
    if fd < 0:
        raise KernelError(action, -fd)
    return fd


def enable(fd: int) -> None:
    """Start the event. Raises OSError."""
    fcntl.ioctl(fd, _IOC_ENABLE, 0)


def disable(fd: int) -> None:
    """Stop the event. Raises OSError."""
    fcntl.ioctl(fd, _IOC_DISABLE, 0)


def pause_output(fd: int, on: bool) -> None:
    """Let the kernel drop what would go into the event's buffer, or not (4.7). Raises KernelError."""
    try:
        fcntl.ioctl(fd, _IOC_PAUSE_OUTPUT, int(on))
    except OSError as error:
        raise KernelError(f"{'pausing' if on else 'resuming'} a perf buffer", error.errno or 0) from None


def set_bpf(fd: int, prog_fd: int) -> None:
    """Run a program on the event, for as long as the event is open. Raises OSError."""
    fcntl.ioctl(fd, _IOC_SET_BPF, prog_fd)
