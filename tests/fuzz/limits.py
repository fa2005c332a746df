"""What no input may do: raise anything but our own errors, take long, or take much memory."""

from __future__ import annotations

import resource
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from bpflab.loader.errors import BpflabError

LONGEST = 1.0
"""Seconds of processor time that any input may take."""

MOST = 64 << 20
"""Bytes of memory that any input may take beyond its own size."""

_KILOBYTE = 1024


class LimitError(AssertionError):
    """An input took more time or memory than it may."""


@contextmanager
def limits(size: int) -> Iterator[None]:
    """Hold what is done with an input of `size` bytes to the limits; being refused is fine.

    Raises LimitError. Memory is seen when the process has never held as much before,
    so that a second input of the kind may pass.
    """
    memory, peak, started = _resident(), _peak(), time.process_time()
    try:
        yield
    except BpflabError as error:
        if not str(error):
            raise LimitError("an error without a word") from error
    seconds = time.process_time() - started
    if seconds > LONGEST:
        raise LimitError(f"{size} bytes took {seconds:.2f} s")
    taken = _peak() - memory
    if _peak() > peak and taken > MOST + size:
        raise LimitError(f"{size} bytes took {taken >> 20} MiB of memory")


def _resident() -> int:
    """Bytes of this process that are in memory now."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * resource.getpagesize()


def _peak() -> int:
    """The most bytes of this program that ever were in memory.

    Not ru_maxrss, which starts at what the parent held: exec_mmap() hands it on.
    """
    status = Path("/proc/self/status").read_text()
    return int(status.partition("VmHWM:")[2].split(maxsplit=1)[0]) * _KILOBYTE
