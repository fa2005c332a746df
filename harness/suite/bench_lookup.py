"""What it costs to read and write the elements of maps."""

from __future__ import annotations

from typing import Any

import pytest

from ..subjects.client import Subject
from .paired import Everywhere, Paired

WALL = pytest.mark.lanes("host", "guest")
SINGLE = (
    pytest.param("bench/maps", "hash_1k", 1000, 1, "Look one of 1,000 keys up in a hash map", id="hash_1k"),
    pytest.param(
        "bench/maps",
        "hash_100k",
        100_000,
        5,
        "Look one of 100,000 keys up in a hash map",
        id="hash_100k",
        marks=WALL,
    ),
    pytest.param(
        "bench/million",
        "hash_1m",
        1_000_000,
        50,
        "Look one of 1,000,000 keys up in a hash map",
        id="hash_1m",
        marks=pytest.mark.lanes("host"),
    ),
    pytest.param("bench/maps", "array", 1000, 1, "Look one of 1,000 elements up in an array", id="array"),
    pytest.param(
        "bench/maps", "per_cpu", 1000, 1, "Look one of 1,000 keys up in a per-CPU hash", id="per_cpu"
    ),
    pytest.param("bench/maps", "lru", 1000, 1, "Look one of 1,000 keys up in an LRU hash", id="lru"),
    pytest.param("bench/maps", "lpm", 1000, 1, "Look one of 1,000 addresses up in an LPM trie", id="lpm"),
)
WAYS = (
    pytest.param("hash_1k", 1000, "list", "Look a list of 1,000 keys up in a hash map, per key", id="list"),
    pytest.param("hash_1k", 1000, "walk", "Read all of a hash map of 1,000, per element", id="walk"),
    pytest.param("hash_1k", 1000, "batch", "Read all of a hash map of 1,000 in batches", id="batch"),
    pytest.param("array", 4096, "mapped", "Read an element of an array in memory", id="mapped"),
)
CHANGES = (
    pytest.param("bench_update", "Update one of 1,000 keys of a hash map", id="update"),
    pytest.param("bench_delete", "Delete one of 1,000 keys of a hash map", id="delete"),
)


@pytest.mark.parametrize(("name", "table", "count", "stride", "title"), SINGLE)
def bench_single(
    paired: Paired, everywhere: Everywhere, name: str, table: str, count: int, stride: int, title: str
) -> None:
    """Key after key; of many keys every so many-th, spread over the whole table."""
    _measure(paired, everywhere, "bench_lookup", title, table, count, stride=stride, name=name)


@pytest.mark.parametrize(("table", "count", "way", "title"), WAYS)
def bench_way(paired: Paired, everywhere: Everywhere, table: str, count: int, way: str, title: str) -> None:
    """Many elements at once."""
    _measure(paired, everywhere, "bench_lookup", title, table, count, way=way)


@pytest.mark.parametrize(("verb", "title"), CHANGES)
def bench_change(paired: Paired, everywhere: Everywhere, verb: str, title: str) -> None:
    """Writing, key after key."""
    _measure(paired, everywhere, verb, title, "hash_1k", 1000)


@WALL
def bench_latency(paired: Paired, everywhere: Everywhere) -> None:
    """How long single look-ups take, not only on the average."""
    loaded, samples = everywhere("bench/maps"), paired.lane.single
    paired.distribution(
        f"Look one of 1,000 keys up in a hash map, {samples:,} times, each with the clock's own time",
        lambda subject: loaded[subject].distribution(
            "bench_latency", map="hash_1k", count=1000, samples=samples
        ),
    )


def _measure(
    paired: Paired,
    everywhere: Everywhere,
    verb: str,
    title: str,
    table: str,
    count: int,
    *,
    stride: int = 1,
    name: str = "bench/maps",
    **options: Any,
) -> None:
    loaded = everywhere(name)
    options |= {"map": table, "count": count, "stride": stride, "rounds": 1}

    def measure(subject: Subject, loops: int) -> list[float]:
        return loaded[subject].measure(verb, loops=loops, **options).samples

    paired.run(title, count // stride, measure)
