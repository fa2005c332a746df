"""Benchmarks of events: raw samples in nanoseconds per event."""

from __future__ import annotations

import gc
import os
import signal
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from errno import ENOSPC
from time import monotonic_ns
from typing import TypeVar

from ....loader import KernelError, Map, PerfBuffer, Program, RingBuffer
from .clock import count, timed, timed_hot
from .requests import UsageError

PATIENCE_S = 0.05
"""How long to wait for events before looking whether the producer has ended."""

CHUNK = 4096
"""Objects at once: a user would not keep all of them."""

LARGEST_BATCH = 1 << 23
"""Bytes: 4096 events of 1,500 bytes, with room to spare."""

Reader = RingBuffer | PerfBuffer
Way = TypeVar("Way")


@dataclass(frozen=True)
class Source:
    """What writes events: one each time that it runs."""

    program: Program
    data: bytes | None

    def emit(self, number: int) -> None:
        """Write that many events in one go. Raises KernelError."""
        self.program.test_run(self.data, repeat=number)

    def prepare(self) -> None:
        """Come as far as `emit` does without writing: the kernel refuses a packet that is no frame."""
        with suppress(KernelError):
            self.program.test_run(b"\0")


def _objects(reader: Reader, _: memoryview) -> int:
    events = 0
    while samples := reader.read(CHUNK):
        events += len(samples)
    return events


def _batches(reader: Reader, kept: memoryview) -> int:
    """Batches are kept together, as in the other subjects; a perf buffer's is a copy already."""
    events, lies_in_ring = 0, isinstance(reader, RingBuffer)
    for batch in reader.batches(0):
        if lies_in_ring:
            block = batch.block
            kept[: len(block)] = block
        events += len(batch)
    return events


def _records(table: Map) -> Callable[[Reader, memoryview], int]:
    decode = table.event_decoder("record")

    def read(reader: Reader, _: memoryview) -> int:
        events = 0
        while samples := reader.read(CHUNK):
            for sample in samples:
                decode(sample)
            events += len(samples)
        return events

    return read


WAYS: dict[str, Callable[[Map], Callable[[Reader, memoryview], int]]] = {
    "object": lambda _: _objects,
    "batch": lambda _: _batches,
    "record": _records,
}
"""How events of a map that are there are read, all of them; how many there were."""

STREAM_WAYS: dict[str, Callable[[Reader], int]] = {
    "object": lambda reader: len(reader.poll(PATIENCE_S)),
    "batch": lambda reader: len(next(reader.batches(PATIENCE_S), ())),
}
"""How events are waited for; how many came."""


def _way(ways: dict[str, Way], name: str) -> Way:
    if name not in ways:
        raise UsageError(f"'way' is one of {', '.join(ways)}, not '{name}'")
    return ways[name]


def time_events(
    table: Map, source: Source, number: int, rounds: int, options: dict[str, int], way: str
) -> list[float]:
    """Reading `number` events that are there. Raises KernelError ENOSPC if another number arrives."""
    read, samples = _way(WAYS, way)(table), []
    kept = memoryview(bytearray(LARGEST_BATCH))
    with table.reader(**options) as reader:
        gc.collect()  # once: events are no garbage, and looking for any empties the processor's caches
        read(reader, kept)  # nothing yet, but the reader's code is in the caches again, as libbpf's is
        for _ in range(rounds):
            source.emit(number)
            duration, arrived = timed_hot(lambda: read(reader, kept))
            if arrived != number:
                raise KernelError(f"map '{table.name}': {arrived} events of {number} arrived", ENOSPC)
            samples.append(duration / number)
    return samples


def time_stream(
    table: Map, source: Source, number: int, rounds: int, options: dict[str, int], way: str
) -> tuple[list[float], int]:
    """Reading `number` events while another process writes them; also how many never arrived."""
    samples, lost = [], 0
    take = _way(STREAM_WAYS, way)
    with table.reader(**options) as reader:
        for _ in range(rounds):
            with _producer(lambda: source.emit(number), source.prepare) as producer:
                duration, arrived = timed(lambda: _read_all(reader, number, producer, take))
            samples.append(duration / number)
            lost += number - arrived
    return samples, lost


def delivery_latencies(table: Map, source: Source, number: int, interval_s: float) -> dict[int, int]:
    """How often an event was in Python how many nanoseconds after the time that it begins with."""
    histogram: dict[int, int] = {}

    def produce() -> None:
        for _ in range(number):
            time.sleep(interval_s)
            source.emit(1)

    with table.reader() as reader, _producer(produce, source.prepare) as producer:
        producer.start()
        for _ in range(number):
            samples = reader.poll(1, 1)
            if not samples:
                break
            now = monotonic_ns()
            count(histogram, now - int.from_bytes(samples[0][:8], sys.byteorder))
    return histogram


class _Producer:
    """A child that does its work once it is started.

    It prepares itself first: a thousandth of a second in which the pages that it has in common
    with its parent are copied is no part of the reading.
    """

    def __init__(self, work: Callable[[], None], prepare: Callable[[], None]) -> None:
        reading, self._writing = os.pipe()
        prepared, preparing = os.pipe()
        self.pid = os.fork()
        if self.pid == 0:
            status = 1
            try:
                os.close(self._writing)
                prepare()
                os.close(preparing)
                if os.read(reading, 1):
                    work()
                status = 0
            finally:
                os._exit(status)
        os.close(reading)
        os.close(preparing)
        os.read(prepared, 1)  # until its end is closed
        os.close(prepared)
        self._ended = False

    def start(self) -> None:
        """Let it work."""
        os.write(self._writing, b"!")

    def ended(self) -> bool:
        """Whether it has done its work."""
        if not self._ended:
            self._ended = os.waitpid(self.pid, os.WNOHANG)[0] != 0
        return self._ended

    def close(self) -> None:
        """End it, if it is not done."""
        os.close(self._writing)
        if not self._ended:
            os.kill(self.pid, signal.SIGKILL)
            os.waitpid(self.pid, 0)


@contextmanager
def _producer(work: Callable[[], None], prepare: Callable[[], None]) -> Iterator[_Producer]:
    producer = _Producer(work, prepare)
    try:
        yield producer
    finally:
        producer.close()


def _read_all(reader: Reader, number: int, producer: _Producer, take: Callable[[Reader], int]) -> int:
    """Start the producer and read until all events have come, or no more can come."""
    producer.start()
    arrived, ended = 0, False
    while arrived < number:
        taken = take(reader)
        if not taken and ended:
            break
        # What was written before the end is still to be read after it.
        ended = ended or (not taken and producer.ended())
        arrived += taken
    return arrived
