"""Reading a perf event array (BPF_MAP_TYPE_PERF_EVENT_ARRAY): a buffer on each online CPU."""

from __future__ import annotations

import os
import select
from mmap import MAP_SHARED, PAGESIZE, PROT_READ, PROT_WRITE, mmap

from .. import perf_event
from ..cpus import online_cpus
from ..errors import BpflabError, KernelError
from ..lean import TYPE_CHECKING
from ..native import native
from .reader import Reader, unmap
from .samples import CHUNK, Batch, new_spans

if TYPE_CHECKING:
    from ..maps.map import Map

    Room = tuple[bytearray, memoryview]

_HEAD, _TAIL = 1024, 1032
"""Of the two positions in struct perf_event_mmap_page."""
_HEADER = 12
"""Bytes before a sample: its record's header and its size."""
_LOST = 3
_ROOM = 1 << 20
"""Bytes for a batch; more than a record may have."""
_FLUSH_S = 0.02


class PerfBuffer(Reader):
    """The consumer of one perf event array: opens an event and maps a buffer per online CPU.

    Samples are as the kernel gives them: padded so that size + 4 is a multiple of 8. In time
    order within a CPU only; `Batch.cpu` says which it was.

    A wake-up per sample would cost a hundred times the reading. So the kernel wakes the reader
    up when a buffer has filled up to the watermark, and the reader looks every 20 ms
    for what lies below it; who polls `fileno` itself has to do so too, or ask for
    ``wakeup_events=1``.
    """

    def __init__(
        self,
        events: Map,
        *,
        pages: int = 64,
        watermark: int | None = None,
        wakeup_events: int = 0,
        overwrite: bool = False,
    ) -> None:
        """`pages` of data per CPU (a power of two).

        The reader wakes up at `watermark` bytes in a buffer (None: a sixteenth of it), or, if
        given, every `wakeup_events` samples. With `overwrite` the kernel never waits for
        the reader: its newest samples take the oldest's place (a backward buffer, 4.7), and
        reading pauses it. Raises KernelError.
        """
        if pages < 1 or pages & (pages - 1):
            raise BpflabError(f"map '{events.name}': {pages} pages per CPU: must be a power of two")
        super().__init__(f"map '{events.name}'", events, None if wakeup_events == 1 else _FLUSH_S)
        self._events = events
        self._cpus: dict[int, _CpuBuffer] = {}
        if watermark is None:
            watermark = pages * PAGESIZE // 16
        room = bytearray(_ROOM), new_spans()  # only one batch is out at a time
        try:
            # Keys are CPU numbers, which may have gaps when CPUs are off-line.
            for cpu in online_cpus():
                kind = _BackwardBuffer if overwrite else _CpuBuffer
                buffer = self._cpus[cpu] = kind(
                    events.name, cpu, pages * PAGESIZE, room, watermark, wakeup_events
                )
                self._sources.append(buffer)
                events.update(cpu, buffer.fd)
                perf_event.enable(buffer.fd)
                self._epoll.register(buffer.fd, select.EPOLLIN)
        except BaseException:
            self.close()
            raise

    @property
    def lost(self) -> int:
        """Number of samples that the kernel had no room for, as the records read so far say."""
        return sum(buffer.lost for buffer in self._cpus.values())

    @property
    def lost_by_cpu(self) -> dict[int, int]:
        """The same by CPU; the keys are the CPUs that are read."""
        return {cpu: buffer.lost for cpu, buffer in self._cpus.items()}

    @property
    def overwritten(self) -> int:
        """With `overwrite`: bytes, headers included, that were overwritten unread, as far as was noticed."""
        return sum(buffer.overwritten for buffer in self._cpus.values())

    def pause(self) -> None:
        """Let the kernel drop samples, which it counts as lost, until `resume` (4.7). Raises KernelError."""
        self._pause(True)

    def resume(self) -> None:
        """Take samples again. Raises KernelError."""
        self._pause(False)

    def _pause(self, on: bool) -> None:
        for buffer in self._cpus.values():
            perf_event.pause_output(buffer.fd, on)

    def close(self) -> None:
        """Take the events out of the map (it would keep them open), unmap and close them."""
        if not self.closed and self._events.fd >= 0:
            for cpu in self._cpus:
                self._events.delete(cpu)
        super().close()


class _CpuBuffer:
    """The event and the buffer of one CPU."""

    _protection = PROT_READ | PROT_WRITE
    _backward = False
    overwritten = 0

    def __init__(
        self, name: str, cpu: int, size: int, room: Room, watermark: int, wakeup_events: int
    ) -> None:
        self.name = name
        self.cpu = cpu
        self._size = size
        out, self._spans = room
        self._copy = memoryview(out)
        self._state = memoryview(bytearray(32)).cast("Q")
        self.fd = perf_event.open_event(
            f"map '{name}': opening the perf event of CPU {cpu}",
            perf_event.TYPE_SOFTWARE,
            perf_event.COUNT_SW_BPF_OUTPUT,
            cpu=cpu,
            sample_period=1,
            sample_type=perf_event.SAMPLE_RAW,
            flags=(0 if wakeup_events else perf_event.WATERMARK)
            | (perf_event.WRITE_BACKWARD if self._backward else 0),
            wakeup=wakeup_events or watermark,
        )
        try:
            self._pages = mmap(self.fd, PAGESIZE + size, MAP_SHARED, self._protection)
        except OSError as error:
            os.close(self.fd)
            hint = "RLIMIT_MEMLOCK or kernel.perf_event_mlock_kb may be too low"
            action = f"map '{name}': mapping the buffer of CPU {cpu}"
            raise KernelError(action, error.errno or 0, hint) from None
        self._data = memoryview(self._pages)[PAGESIZE:]
        self._head = native.loader(self._pages, _HEAD)
        self._set_tail = native.storer(self._pages, _TAIL)
        self._drain = native.perf_drainer(self._data, size, 0, out, self._spans, self._state)

    @property
    def lost(self) -> int:
        return int(self._state[_LOST])

    def scan(self, limit: int) -> Batch | None:
        # The tail is ours alone, and where the last batch has left it.
        state, head = self._state, self._head()
        if state[0] == head:
            return None
        state[1] = head
        batch = self._batch(limit)
        self._set_tail(state[0])
        return batch

    def commit(self) -> None:
        """Nothing: a batch is a copy."""

    def close(self) -> None:
        del self._head, self._set_tail, self._drain
        self._data.release()
        unmap(self._pages)
        del self._pages  # or it would live as long as the reader
        os.close(self.fd)

    def _batch(self, limit: int) -> Batch | None:
        """Those between the two positions of the state."""
        state, count = self._state, self._drain(limit)
        if count < 0:
            raise BpflabError(
                f"map '{self.name}': the buffer of CPU {self.cpu} holds no record at position {state[0]}"
            )
        return (
            Batch(self._copy, self._spans, count, _HEADER, state[2], self.name, self.cpu) if count else None
        )


class _BackwardBuffer(_CpuBuffer):
    """One that the kernel writes from the end to the start and round: what is there is the newest."""

    _protection = PROT_READ  # says to the kernel that nobody takes samples away
    _backward = True

    def __init__(
        self, name: str, cpu: int, size: int, room: Room, watermark: int, wakeup_events: int
    ) -> None:
        super().__init__(name, cpu, size, room, watermark, wakeup_events)
        self._seen = 0
        self._samples: list[bytes] = []
        self._given = 0
        self.overwritten = 0

    def scan(self, limit: int) -> Batch | None:
        if self._given == len(self._samples):
            self._samples, self._given = self._newest_last(), 0
        samples = self._samples[self._given : self._given + min(limit, CHUNK)]
        self._given += len(samples)
        return Batch.of(samples, self.name, self.cpu) if samples else None

    def _newest_last(self) -> list[bytes]:
        """What was written since the last time, or what is left of it."""
        perf_event.pause_output(self.fd, True)
        try:
            head = self._head()
            written = (self._seen - head) % (1 << 64)
            self._seen = head
            self.overwritten += max(0, written - self._size)
            start = head & (self._size - 1)
            samples: list[bytes] = []
            self._state[0], self._state[1] = start, start + min(written, self._size)
            while batch := self._whole():
                samples += batch.tolist()
        finally:
            perf_event.pause_output(self.fd, False)
        samples.reverse()
        return samples

    def _whole(self) -> Batch | None:
        """As `_batch`, up to the record that was overwritten in part."""
        try:
            return self._batch(CHUNK)
        except BpflabError:
            return None
