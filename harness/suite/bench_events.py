"""What it costs to read events: those that are there already, and those that come meanwhile."""

from __future__ import annotations

import struct
from typing import Any

import pytest

from ..subjects.answers import Measured
from ..subjects.client import Subject
from .network import frame
from .paired import Everywhere, Paired

FRAME = frame(b"event")
SIZES = (16, 64, 256, 1500)

RING_HEADER, PERF_HEADER = 8, 12
ROOM = {"ring": (1 << 20) * 7 // 8, "perf": (64 << 12) * 7 // 8}
"""Bytes of events that fit with room to spare: into the ring buffer, and into one CPU's 64 pages."""

MOST_EVENTS = 4000
MOST_LOOPS = 5
"""Making the events takes a hundred times as long as reading them."""

STREAM = 20_000
"""Events that fit into the largest buffers, so that none is lost however late they are read."""

LARGE_PERF_PAGES = 1024
WATERMARK = 500
"""Divides `STREAM`: else the last events would wait for a wake-up that does not come."""
KINDS = {"ring": "a ring buffer", "perf": "a perf event array"}
WAYS = {"object": "as objects", "batch": "in batches"}
RECORD = 64
"""Bytes of the struct that an event may be read as."""

STREAMS = {
    "stream_ring": ("wide_ring", "emit_wide", {}, "a ring buffer"),
    "stream_perf": (
        *("perf", "emit_perf", {"pages": LARGE_PERF_PAGES}),
        "a perf event array, wake-ups as each side has them",
    ),
    "stream_perf_watermark": (
        *("perf", "emit_perf", {"pages": LARGE_PERF_PAGES, "wakeup_events": WATERMARK}),
        f"a perf event array, a wake-up every {WATERMARK} events",
    ),
}


def _present() -> list[Any]:
    return [
        pytest.param(kind, size, way, words, id=f"{kind}_{size}_{way}")
        for kind in KINDS
        for size in SIZES
        for way, words in [*WAYS.items(), *([("record", "decoded by BTF")] if size == RECORD else [])]
    ]


def _streams() -> list[Any]:
    return [
        pytest.param(*stream, way, id=f"{name}_{way}") for name, stream in STREAMS.items() for way in WAYS
    ]


@pytest.mark.parametrize(("kind", "size", "way", "words"), _present())
def bench_present(paired: Paired, everywhere: Everywhere, kind: str, size: int, way: str, words: str) -> None:
    """Events that are in the buffer."""
    loaded = everywhere("bench/events", size=struct.pack("=I", size))
    whole = size + (RING_HEADER if kind == "ring" else PERF_HEADER) + 7
    count = min(MOST_EVENTS, ROOM[kind] // whole)
    paired.run(
        f"Read a {size}-byte event from {KINDS[kind]}, {words}",
        operations=count,
        most_loops=MOST_LOOPS,
        measure=lambda subject, loops: (
            loaded[subject]
            .measure(
                "bench_events",
                map=kind,
                program=f"emit_{kind}",
                count=count,
                rounds=loops,
                data=FRAME,
                way=way,
            )
            .samples
        ),
    )


@pytest.mark.lanes("host", "guest")
@pytest.mark.parametrize(("table", "program", "options", "title", "way"), _streams())
def bench_stream(
    paired: Paired,
    everywhere: Everywhere,
    table: str,
    program: str,
    options: dict[str, int],
    title: str,
    way: str,
) -> None:
    """Events that another process writes while they are read; two processes share no one count."""
    loaded = everywhere("bench/events")
    arguments: dict[str, Any] = {
        "map": table,
        "program": program,
        "count": STREAM,
        "data": FRAME,
        "way": way,
        **options,
    }

    def measure(subject: Subject, loops: int) -> list[float]:
        measured = loaded[subject].measure("bench_stream", rounds=loops, **arguments)
        assert measured.lost == 0, f"{measured.lost} of {STREAM * loops} events were lost"
        return measured.samples

    paired.run(
        f"Read 64-byte events as they come from {title}, {WAYS[way]}",
        operations=STREAM,
        measure=measure,
        most_loops=2,
    )


@pytest.mark.lanes("host", "guest")
def bench_lost(paired: Paired, everywhere: Everywhere) -> None:
    """A buffer that is too small: what gets lost tells how fast it is emptied."""
    loaded = everywhere("bench/events")

    def measure(name: str) -> dict[str, float]:
        measured: Measured = loaded[paired.subjects[name]].measure(
            "bench_stream", map="narrow_ring", program="emit_narrow", count=STREAM, rounds=1, data=FRAME
        )
        return {"": 100 * measured.lost / STREAM}

    paired.rounds(
        f"Lose events when {STREAM:,} come at once through 64 KiB", paired.lane.rounds, measure, unit="%"
    )


@pytest.mark.lanes("host", "guest")
@pytest.mark.parametrize("kind", [pytest.param(kind, id=f"delivery_{kind}") for kind in KINDS])
def bench_delivery(paired: Paired, everywhere: Everywhere, kind: str) -> None:
    """From the moment an event is written until it is in the hands of the reader, who has waited for it."""
    loaded, count = everywhere("bench/events"), max(200, paired.lane.single // 500)
    paired.distribution(
        f"Deliver an event of {KINDS[kind]} to a reader that waits, {count:,} times",
        lambda subject: loaded[subject].distribution(
            "bench_delivery", map=kind, program=f"emit_{kind}", count=count, interval_us=200, data=FRAME
        ),
    )
