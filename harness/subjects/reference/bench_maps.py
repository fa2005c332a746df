"""Benchmarks of maps: raw samples in nanoseconds per element."""

from __future__ import annotations

import struct
import sys
from collections.abc import Callable, Iterator, Sequence
from itertools import cycle, islice
from time import monotonic_ns
from typing import Any

from ....loader import Map, NotSupportedError
from .clock import count, timed
from .requests import UsageError

LPM_TRIE = 11
"""BPF_MAP_TYPE_LPM_TRIE."""


class Table:
    """A map with the keys number 0 … `size`-1, of which every `stride`-th is looked up."""

    def __init__(self, table: Map, size: int, stride: int) -> None:
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
        integers = isinstance(next(table.keys()), int)
        self.keys: Sequence[Any] = range(0, size, stride) if integers else self._raw[::stride]
        self.value: Any = 0 if table.element_size == table.value_size == 8 else self._zero

    def fill(self) -> None:
        """Put all keys in, with zeros as values."""
        for key in self._raw:
            self.map.update_bytes(key, self._zero)

    @property
    def joined_keys(self) -> bytes:
        """All keys one behind the other."""
        return b"".join(self._raw)


def time_lookups(table: Table, loops: int, rounds: int, way: str) -> list[float]:
    """Looking elements up `loops` times. Raises UsageError, NotSupportedError."""
    if way not in _WAYS:
        raise UsageError(f"'way' is one of {', '.join(_WAYS)}, not '{way}'")
    look_up, number = _WAYS[way](table)

    def many() -> None:
        for _ in range(loops):
            look_up()

    return [timed(many)[0] / (loops * number) for _ in range(rounds)]


LookUp = tuple[Callable[[], None], int]
"""What is done once, and how many elements that gives."""


def _single(table: Table) -> LookUp:
    elements, keys = table.map, table.keys

    def look_up() -> None:
        for key in keys:
            elements[key]

    return look_up, len(keys)


def _list(table: Table) -> LookUp:
    keys = table.joined_keys

    def look_up() -> None:
        table.map.lookup_many(keys)

    return look_up, table.size


def _all(table: Table) -> LookUp:
    def look_up() -> None:
        _require(len(list(table.map.items())), table)

    return look_up, table.size


def _batch(table: Table) -> LookUp:
    def look_up() -> None:
        _require(len(table.map.columns()[0]), table)

    return look_up, table.size


def _mapped(table: Table) -> LookUp:
    memory = table.map.memory()
    if memory is None:
        raise NotSupportedError(f"map '{table.map.name}' as memory", "BPF_F_MMAPABLE in its flags")
    values = memoryview(memory).cast("Q")  # type: ignore[arg-type]  # a mapping is a buffer, which typeshed does not say
    indexes = range(table.size)

    def look_up() -> None:
        for index in indexes:
            values[index]

    return look_up, table.size


_WAYS: dict[str, Callable[[Table], LookUp]] = {
    "single": _single,
    "list": _list,
    "walk": _all,
    "batch": _batch,
    "mapped": _mapped,
}


def time_updates(table: Table, loops: int, rounds: int) -> list[float]:
    """Updating keys that are there."""
    elements, keys, value = table.map, table.keys, table.value

    def update() -> None:
        for _ in range(loops):
            for key in keys:
                elements[key] = value

    return [timed(update)[0] / (loops * len(keys)) for _ in range(rounds)]


def time_deletes(table: Table, loops: int, rounds: int) -> list[float]:
    """Deleting keys that are there; putting them back is not measured."""
    elements, keys = table.map, table.keys

    def delete() -> None:
        for key in keys:
            del elements[key]

    def one_round() -> Iterator[int]:
        for _ in range(loops):
            yield timed(delete)[0]
            table.fill()

    return [sum(one_round()) / (loops * len(keys)) for _ in range(rounds)]


def lookup_latencies(table: Table, samples: int) -> dict[int, int]:
    """How often a single look-up took how many nanoseconds, reading the clock included."""
    elements, keys = table.map, table.keys
    histogram: dict[int, int] = {}
    for key in islice(cycle(keys), samples):
        begun = monotonic_ns()
        elements[key]
        count(histogram, monotonic_ns() - begun)
    return histogram


def _require(found: int, table: Table) -> None:
    if found < table.size:
        raise UsageError(f"map '{table.map.name}' holds {found} elements of {table.size}")
