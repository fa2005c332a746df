"""The benchmarks of every subject: the right number of sane samples, and the effect that is measured."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from bpflab.corpus import build
from bpflab.harness import tools
from bpflab.harness.subjects.client import ErrorClass, Subject, SubjectError, SubjectObject
from bpflab.harness.subjects.handles import Target
from bpflab.harness.subjects.libbpf.build import library
from bpflab.kernels.cache import cache_dir

FRAME = bytes(64)
WAYS = ("single", "list", "walk", "batch", "mapped")


@pytest.fixture(scope="session")
def corpus() -> dict[str, Path]:
    clang = tools.find_clang()
    assert clang, "no clang with the BPF target"
    return build.objects(clang, library().path, cache_dir())


@pytest.fixture
def maps(subject: Subject, corpus: dict[str, Path]) -> Iterator[SubjectObject]:
    with subject.open(corpus["bench/maps"]) as opened:
        opened.load()
        yield opened


@pytest.fixture
def events(subject: Subject, corpus: dict[str, Path]) -> Iterator[SubjectObject]:
    """Events of 16 bytes."""
    with subject.open(corpus["bench/events"], {"size": struct.pack("=I", 16)}) as opened:
        opened.load()
        yield opened


@pytest.mark.parametrize("options", [{}, {"open_only": True}, {"cold": True}], ids=str)
def test_load(subject: Subject, corpus: dict[str, Path], options: dict[str, bool]) -> None:
    path = str(corpus["bench/core"])
    samples = subject.measure("bench_load", path=path, rounds=3, **options).samples
    assert len(samples) == 3
    assert all(1_000 < sample < 1e10 for sample in samples)


def test_what_cannot_be_loaded(subject: Subject, objects: Path) -> None:
    path = str(objects / "rejected.bpf.o")
    with pytest.raises(SubjectError):
        subject.measure("bench_load", path=path, rounds=2)
    assert len(subject.measure("bench_load", path=path, rounds=2, open_only=True).samples) == 2


def test_attach(loaded: SubjectObject) -> None:
    target: Target = {"kind": "xdp", "ifindex": 1}
    samples = loaded.measure("bench_attach", program="pass", target=target, rounds=3).samples
    assert len(samples) == 3
    with loaded.attach("pass", target):
        with pytest.raises(SubjectError) as caught:
            loaded.measure("bench_attach", program="pass", target=target, rounds=1)
        assert caught.value.cls is ErrorClass.KERNEL


@pytest.mark.parametrize("way", WAYS)
def test_lookup_fills_the_map_itself(maps: SubjectObject, way: str) -> None:
    # A whole array is what its size is.
    name, count = ("array", 4096) if way == "mapped" else ("hash_1k", 10)
    samples = maps.measure("bench_lookup", map=name, count=count, loops=20, rounds=4, way=way).samples
    assert len(samples) == 4
    assert all(0.1 < sample < 1e7 for sample in samples)
    if way != "mapped":
        assert set(maps.keys(name)) == {struct.pack("=I", index) for index in range(10)}


def test_an_unknown_way_is_refused(maps: SubjectObject) -> None:
    with pytest.raises(SubjectError) as caught:
        maps.measure("bench_lookup", map="hash_1k", count=1, loops=1, rounds=1, way="by_magic")
    assert caught.value.cls is ErrorClass.USAGE


@pytest.mark.parametrize("name", ["hash_100k", "array", "per_cpu", "lru", "lpm"])
@pytest.mark.parametrize("verb", ["bench_lookup", "bench_update"])
def test_every_kind_of_map(maps: SubjectObject, name: str, verb: str) -> None:
    assert len(maps.measure(verb, map=name, count=100, loops=2, rounds=2).samples) == 2


def test_delete_puts_back(maps: SubjectObject) -> None:
    assert len(maps.measure("bench_delete", map="hash_1k", count=10, loops=3, rounds=2).samples) == 2
    assert len(maps.keys("hash_1k")) == 10


def test_latency(maps: SubjectObject) -> None:
    histogram = maps.distribution("bench_latency", map="hash_1k", count=10, samples=1000)
    assert sum(histogram.values()) == 1000
    assert list(histogram) == sorted(histogram)


@pytest.mark.parametrize(("map", "program"), [("ring", "emit_ring"), ("perf", "emit_perf")])
def test_events(events: SubjectObject, map: str, program: str) -> None:
    arguments: dict[str, Any] = {"map": map, "program": program, "count": 1000, "rounds": 3, "data": FRAME}
    samples = events.measure("bench_events", **arguments).samples
    assert len(samples) == 3
    assert all(0.5 < sample < 1e6 for sample in samples)


def test_events_as_records(subject: Subject, corpus: dict[str, Path]) -> None:
    """The object's events are of 64 bytes unless it is told another size."""
    with subject.open(corpus["bench/events"]) as opened:
        opened.load()
        samples = opened.measure(
            "bench_events", map="ring", program="emit_ring", count=500, rounds=2, data=FRAME, way="record"
        ).samples
    assert len(samples) == 2


def test_events_that_do_not_fit(events: SubjectObject) -> None:
    with pytest.raises(SubjectError) as caught:
        events.measure(
            "bench_events", map="narrow_ring", program="emit_narrow", count=10_000, rounds=1, data=FRAME
        )
    assert caught.value.cls is ErrorClass.KERNEL


@pytest.mark.parametrize(
    ("map", "program", "options"),
    [
        ("wide_ring", "emit_wide", {}),
        ("perf", "emit_perf", {"pages": 256}),
        ("perf", "emit_perf", {"pages": 256, "wakeup_events": 100}),
    ],
)
def test_stream(events: SubjectObject, map: str, program: str, options: dict[str, int]) -> None:
    """More events than are between two wake-ups, and not a multiple of them."""
    arguments: dict[str, Any] = {"map": map, "program": program, "count": 1999, "rounds": 3, "data": FRAME}
    measured = events.measure("bench_stream", **arguments, **options)
    assert len(measured.samples) == 3
    assert measured.lost == 0


def test_a_stream_counts_what_is_lost(events: SubjectObject) -> None:
    """64 KiB hold 2,730 events of 24 bytes."""
    arguments: dict[str, Any] = {"map": "narrow_ring", "program": "emit_narrow", "rounds": 1, "data": FRAME}
    assert events.measure("bench_stream", count=2000, **arguments).lost == 0
    assert 0 <= events.measure("bench_stream", count=1_000_000, **arguments).lost < 1_000_000


def test_delivery(events: SubjectObject) -> None:
    arguments: dict[str, Any] = {"map": "ring", "program": "emit_ring", "data": FRAME}
    histogram = events.distribution("bench_delivery", count=20, interval_us=200, **arguments)
    assert sum(histogram.values()) == 20
    assert all(0 < delay < 1e9 for delay in histogram)
