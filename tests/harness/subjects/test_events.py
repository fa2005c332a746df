"""Events read through every subject."""

from __future__ import annotations

import os
import struct
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from bpflab.harness.subjects.client import ErrorClass, Subject, SubjectError, SubjectObject

FRAME = bytes(64)


def event(sequence: int) -> bytes:
    return struct.pack("=QQ", 0x1122334455667788, sequence)


def test_ring_buffer_events_come_in_order(loaded: SubjectObject) -> None:
    with loaded.reader("ring") as reader:
        loaded.test_run("emit", FRAME, repeat=5)
        first = reader.poll(maximum=3)
        assert first.events == [event(0), event(1), event(2)]
        assert first.lost == 0
        assert reader.poll().events == [event(3), event(4)]


def test_events_from_before_the_reader_are_not_lost(loaded: SubjectObject) -> None:
    loaded.test_run("emit", FRAME)
    with loaded.reader("ring") as reader:
        assert reader.poll().events == [event(0)]


def test_a_poll_without_events_ends_when_its_time_is_over(loaded: SubjectObject) -> None:
    with loaded.reader("ring") as reader:
        begun = time.monotonic()
        assert reader.poll(timeout_s=0.2).events == []
        assert 0.15 < time.monotonic() - begun < 5
        assert reader.poll(timeout_s=0).events == []


def test_perf_events_have_the_kernels_padding(loaded: SubjectObject) -> None:
    with loaded.reader("perf") as reader:
        assert loaded.test_run("emit_perf", FRAME).retval == 2
        polled = reader.poll()
    assert len(polled.events) == 1
    # The raw size of a sample with its own 4 bytes is a multiple of 8: 4 bytes need no padding.
    assert polled.events == [struct.pack("=I", 0xCAFE)]
    assert polled.lost == 0


@pytest.fixture
def on_one_cpu(subject: Subject) -> Iterator[None]:
    """Keeps the subject on one CPU: each has a buffer of its own."""
    cpus = os.sched_getaffinity(subject.pid)
    os.sched_setaffinity(subject.pid, {min(cpus)})
    yield
    os.sched_setaffinity(subject.pid, cpus)


@pytest.mark.usefixtures("on_one_cpu")
def test_lost_perf_events_are_counted_once(loaded: SubjectObject) -> None:
    produced = 100_000
    events, lost = 0, 0
    with loaded.reader("perf") as reader:
        loaded.test_run("emit_perf", FRAME, repeat=produced)
        while (polled := reader.poll(timeout_s=0.1, maximum=10_000)).events:
            events += len(polled.events)
            lost += polled.lost
        # The kernel tells of losses with the next event that fits.
        loaded.test_run("emit_perf", FRAME)
        polled = reader.poll()
    assert lost + polled.lost > 0
    assert events + len(polled.events) + lost + polled.lost == produced + 1


def test_a_reader_closes_with_its_object(subject: Subject, objects: Path) -> None:
    opened = subject.open(objects / "all.bpf.o")
    opened.load()
    reader = opened.reader("ring")
    opened.close()
    with pytest.raises(SubjectError) as caught:
        reader.poll()
    assert caught.value.cls is ErrorClass.USAGE
