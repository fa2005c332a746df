"""Run statistics of programs: how often they ran, and how long (BPF_ENABLE_STATS, kernel 5.8).

with statistics():
    ...
print(program.info().run_count, program.info().run_time_ns)
"""

from __future__ import annotations

import os
from contextlib import contextmanager
from struct import pack
from typing import TYPE_CHECKING

from ..errors import KernelError
from ..native import native
from ..syscall import Command, permission_hint

if TYPE_CHECKING:
    from collections.abc import Iterator

_RUN_TIME = 0


@contextmanager
def statistics() -> Iterator[None]:
    """The kernel counts runs of all programs and their time meanwhile; it costs each run some ns.

    Others may have it count as well, before and after. Raises KernelError.
    """
    fd = native.bpf(Command.ENABLE_STATS, bytearray(pack("=I", _RUN_TIME)))
    if fd < 0:
        raise KernelError("switching run statistics on", -fd, permission_hint() if fd == -1 else "")
    try:
        yield
    finally:
        os.close(fd)
