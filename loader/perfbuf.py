"""Reading a perf event array (BPF_MAP_TYPE_PERF_EVENT_ARRAY): a buffer on each online CPU."""

from __future__ import annotations

import os
import select
import sys
from functools import partial
from mmap import MAP_SHARED, PAGESIZE, PROT_READ, PROT_WRITE, mmap

from . import perf_event
from .cpus import online_cpus
from .errors import BpflabError, KernelError
from .lean import TYPE_CHECKING
from .native import native
from .samples import SampleBuffer, wait_for

if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Self

    from .map import Map


class PerfBuffer:
    """The consumer of one perf event array: opens an event and maps a buffer per online CPU.

    `lost` counts the samples that the kernel had no room for. Samples are as the
    kernel gives them: padded so that size + 4 is a multiple of 8. In time order
    within a CPU only.
    """

    def __init__(self, events: Map, *, pages: int = 64, wakeup_events: int = 1) -> None:
        """`pages` of data per CPU (a power of two); the reader wakes up every `wakeup_events` samples.

        Raises KernelError.
        """
        if pages < 1 or pages & (pages - 1):
            raise BpflabError(f"map '{events.name}': {pages} pages per CPU: must be a power of two")
        self._size = pages * PAGESIZE
        self._events = events
        self._samples = SampleBuffer()
        self._lost = memoryview(bytearray(8)).cast("Q")
        self._fds: dict[int, int] = {}  # by CPU
        self._buffers: list[mmap] = []
        self._next = 0
        self._epoll = select.epoll()
        try:
            # Keys are CPU numbers, which may have gaps when CPUs are off-line.
            for cpu in online_cpus():
                self._open_cpu(events, cpu, wakeup_events)
        except BaseException:
            self.close()
            raise

    def _open_cpu(self, events: Map, cpu: int, wakeup_events: int) -> None:
        fd = perf_event.open_event(
            f"map '{events.name}': opening the perf event of CPU {cpu}",
            perf_event.TYPE_SOFTWARE,
            perf_event.COUNT_SW_BPF_OUTPUT,
            cpu=cpu,
            sample_period=1,
            sample_type=perf_event.SAMPLE_RAW,
            wakeup_events=wakeup_events,
        )
        self._fds[cpu] = fd
        try:
            self._buffers.append(mmap(fd, PAGESIZE + self._size, MAP_SHARED, PROT_READ | PROT_WRITE))
        except OSError as error:
            hint = "RLIMIT_MEMLOCK or kernel.perf_event_mlock_kb may be too low"
            raise KernelError(
                f"map '{events.name}': mapping the buffer of CPU {cpu}", error.errno or 0, hint
            ) from None
        events.update(cpu, fd)
        perf_event.enable(fd)
        self._epoll.register(fd, select.EPOLLIN)

    @property
    def lost(self) -> int:
        """Number of samples lost so far, as the records read so far say."""
        return int(self._lost[0])

    def read(self, limit: int = sys.maxsize) -> list[bytes]:
        """The samples that are there now, up to `limit`, CPU after CPU, without waiting."""
        if self._epoll.closed:
            raise BpflabError(f"the reader of '{self._events.name}' is closed")
        samples: list[bytes] = []
        # Start behind the CPU that was read last, or a busy one would starve the others.
        for turn in range(len(self._buffers)):
            index = (self._next + turn) % len(self._buffers)
            samples += self._samples.take(partial(self._drain, self._buffers[index]), limit - len(samples))
            if len(samples) == limit:
                self._next = index + 1
                break
        return samples

    def _drain(self, buffer: mmap, out: bytearray, offsets: memoryview) -> int:
        return native.perf_drain(buffer, self._size, out, offsets, self._lost)

    def poll(self, timeout_s: float | None = None, limit: int = sys.maxsize) -> list[bytes]:
        """Those that are there; waits for one, at most `timeout_s` seconds (None: for ever)."""
        return wait_for(lambda: self.read(limit), self._epoll, timeout_s)

    def __iter__(self) -> Iterator[bytes]:
        """Sample after sample, waiting for each; ends when the reader is closed."""
        while not self._epoll.closed:
            yield from self.poll(None)

    def fileno(self) -> int:
        """A descriptor that polls readable when there may be samples."""
        return self._epoll.fileno()

    def close(self) -> None:
        """Take the events out of the map (it would keep them open), unmap and close them."""
        self._epoll.close()
        while self._buffers:
            self._buffers.pop().close()
        while self._fds:
            cpu, fd = self._fds.popitem()
            if self._events.fd >= 0:
                self._events.delete(cpu)
            os.close(fd)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
