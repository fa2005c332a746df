"""Benchmarks of maps: raw samples in nanoseconds per element."""

from __future__ import annotations

import struct
import sys
from collections.abc import Callable, Iterable, Iterator
from time import monotonic_ns
from typing import Any

from ....loader import Map, NotSupportedError
from .clock import count, timed
from .requests import UsageError

LPM_TRIE = 11
"""BPF_MAP_TYPE_LPM_TRIE."""


class Table:
    """A map with the keys number 0 … `size`-1."""

    def __init__(self, table: Map, size: int) -> None:
        """Raises UsageError."""
        if not 0 < size <= 1 << 8 * min(table.key_size, 4):
            raise UsageError(f"'count' must be 1 … the number of keys of {table.key_size} bytes")
        self.map = table
        self.size = size
        if table.type == LPM_TRIE:
            self._raw = [struct.pack("=II", 32, number) for number in range(size)]
        else:
            self._raw = [number.to_bytes(table.key_size, sys.byteorder) for number in range(size)]
        self._zero = bytes(table.element_size)
        self.fill()
        # As a user would: integers where the map takes them.
        self.keys: Iterable[Any] = range(size) if isinstance(next(table.keys()), int) else self._raw
        self.value: Any = 0 if table.element_size == table.value_size == 8 else self._zero

    def fill(self) -> None:
        """Put all keys in, with zeros as values."""
        for key in self._raw:
            self.map.update_bytes(key, self._zero)

    @property
    def joined_keys(self) -> bytes:
        """All keys one behind the other."""
        return b"".join(self._raw)


def time_lookups(table: Map, size: int, loops: int, rounds: int, way: str) -> list[float]:
    """Looking all elements up `loops` times. Raises UsageError, NotSupportedError."""
    if way not in _WAYS:
        raise UsageError(f"'way' is one of {', '.join(_WAYS)}, not '{way}'")
    look_up = _WAYS[way](Table(table, size))

    def many() -> None:
        for _ in range(loops):
            look_up()

    return [timed(many)[0] / (loops * size) for _ in range(rounds)]


def _single(table: Table) -> Callable[[], None]:
    elements, keys = table.map, table.keys

    def look_up() -> None:
        for key in keys:
            elements[key]

    return look_up


def _list(table: Table) -> Callable[[], None]:
    keys = table.joined_keys

    def look_up() -> None:
        table.map.lookup_many_bytes(keys)

    return look_up


def _all(table: Table) -> Callable[[], None]:
    def look_up() -> None:
        _require(len(list(table.map.items())), table)

    return look_up


def _mapped(table: Table) -> Callable[[], None]:
    memory = table.map.memory()
    if memory is None:
        raise NotSupportedError(f"map '{table.map.name}' as memory", "BPF_F_MMAPABLE in its flags")
    values = memoryview(memory).cast("Q")  # type: ignore[arg-type]
    indexes = range(table.size)

    def look_up() -> None:
        for index in indexes:
            values[index]

    return look_up


_WAYS: dict[str, Callable[[Table], Callable[[], None]]] = {
    "single": _single,
    "list": _list,
    "walk": _all,
    "batch": _all,
    "mapped": _mapped,
}


def time_updates(table: Map, size: int, loops: int, rounds: int) -> list[float]:
    """Updating keys that are there."""
    target = Table(table, size)
    elements, keys, value = target.map, target.keys, target.value

    def update() -> None:
        for _ in range(loops):
            for key in keys:
                elements[key] = value

    return [timed(update)[0] / (loops * size) for _ in range(rounds)]


def time_deletes(table: Map, size: int, loops: int, rounds: int) -> list[float]:
    """Deleting keys that are there; putting them back is not measured."""
    target = Table(table, size)
    elements, keys = target.map, target.keys

    def delete() -> None:
        for key in keys:
            del elements[key]

    def one_round() -> Iterator[int]:
        for _ in range(loops):
            yield timed(delete)[0]
            target.fill()

    return [sum(one_round()) / (loops * size) for _ in range(rounds)]


def lookup_latencies(table: Map, size: int, samples: int) -> dict[int, int]:
    """How often a single look-up took how many nanoseconds, reading the clock included."""
    elements = Table(table, size).map
    histogram: dict[int, int] = {}
    for number in range(samples):
        key = number % size
        begun = monotonic_ns()
        elements[key]
        count(histogram, monotonic_ns() - begun)
    return histogram


def _require(found: int, table: Table) -> None:
    if found < table.size:
        raise UsageError(f"map '{table.map.name}' holds {found} elements of {table.size}")
