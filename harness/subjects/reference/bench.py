"""The benchmarks: raw samples in nanoseconds per operation, nothing but the operation between the clocks."""

from __future__ import annotations

import gc
import sys
from collections.abc import Callable
from errno import ENOSPC
from time import monotonic_ns
from typing import TypeVar

from ....loader import KernelError, Map, ObjectError, ObjectSpec, Program
from .requests import UsageError

Result = TypeVar("Result")


def time_loads(path: str, rounds: int) -> list[float]:
    """From the path to a loaded object, without closing it."""
    samples: list[float] = []
    for _ in range(rounds):
        try:
            duration, loaded = _timed(lambda: ObjectSpec.from_file(path).load())
        except OSError as error:
            raise ObjectError(path, "", f"cannot be read: {error.strerror}") from None
        loaded.close()
        samples.append(duration)
    return samples


def time_lookups(table: Map, count: int, loops: int, rounds: int) -> list[float]:
    """Single look-ups of the keys 0 … count-1, which are inserted first."""
    if not 0 < count <= 1 << 8 * table.key_size:
        raise UsageError(f"'count' must be 1 … the number of keys of {table.key_size} bytes")
    raw = [number.to_bytes(table.key_size, sys.byteorder) for number in range(count)]
    for key in raw:
        table.update_bytes(key, bytes(table.element_size))
    # As a user would: integers where the map takes them.
    keys = range(count) if isinstance(next(table.keys()), int) else raw

    def look_up() -> None:
        for _ in range(loops):
            for key in keys:
                table[key]

    operations = loops * count
    return [_timed(look_up)[0] / operations for _ in range(rounds)]


def time_events(table: Map, program: Program, data: bytes | None, count: int, rounds: int) -> list[float]:
    """Reading `count` events that are there. Raises KernelError ENOSPC if another number arrives."""
    samples = []
    with table.reader() as reader:
        for _ in range(rounds):
            program.test_run(data, repeat=count)
            duration, events = _timed(reader.read)
            if len(events) != count:
                raise KernelError(f"map '{table.name}': {len(events)} events of {count} arrived", ENOSPC)
            samples.append(duration / count)
    return samples


def _timed(operation: Callable[[], Result]) -> tuple[int, Result]:
    """How long an operation takes, and what it gives."""
    gc.collect()
    start = monotonic_ns()
    result = operation()
    return monotonic_ns() - start, result
