"""Events from programs to user space: every byte of every event, in order, and nothing else."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator

import pytest

from ..subjects.client import Subject
from ..subjects.errors import ErrorClass, SubjectError
from ..subjects.handles import SubjectObject, SubjectReader
from .network import frame
from .numbers import signed, u32, u64, unsigned

PAYLOAD = bytes(range(1, 53))
FRAME = frame(PAYLOAD, size=70)


def event(sequence: int) -> bytes:
    """What events/ringbuf sends for `FRAME`."""
    return u64(sequence) + u32(70) + PAYLOAD


@pytest.mark.obj("events/ringbuf")
def check_ringbuf(obj: SubjectObject) -> None:
    """Events of a ring buffer arrive whole and in order."""
    with obj.reader("events") as reader:
        obj.test_run("emit", FRAME, repeat=3)
        assert reader.poll().events == [event(0), event(1), event(2)]
        assert reader.poll(timeout_s=0).events == []
        obj.test_run("emit", FRAME)
        assert reader.poll().events == [event(3)]


@pytest.mark.obj("events/ringbuf")
def check_ringbuf_discard(obj: SubjectObject) -> None:
    """Events that the program discards do not arrive."""
    with obj.reader("events") as reader:
        obj.test_run("emit", FRAME)
        obj.test_run("emit", frame(b"D", size=70), repeat=2)
        obj.test_run("emit", FRAME)
        assert reader.poll().events == [event(0), event(3)]


@pytest.mark.obj("events/ringbuf")
def check_ringbuf_wraps(obj: SubjectObject) -> None:
    """Three times as many events as fit, read in between: none is lost, none is torn."""
    seen: list[bytes] = []
    with obj.reader("events") as reader:
        for _ in range(12):
            obj.test_run("emit", FRAME, repeat=1000)
            while events := reader.poll(timeout_s=0, maximum=300).events:
                seen += events
    assert len(seen) == 12_000
    assert all(each == event(number) for number, each in enumerate(seen))
    assert unsigned(obj.variable("lost")) == 0


@pytest.mark.obj("events/ringbuf")
def check_ringbuf_full(obj: SubjectObject) -> None:
    """A full ring buffer refuses the program, and keeps what it has."""
    with obj.reader("events") as reader:
        obj.test_run("emit", FRAME, repeat=5000)
        lost = unsigned(obj.variable("lost"))
        seen: list[bytes] = []
        while events := reader.poll(timeout_s=0).events:
            seen += events
    assert lost > 0
    assert seen == [event(number) for number in range(5000 - lost)]


@pytest.mark.obj("events/ringbuf_sizes")
def check_ringbuf_sizes(obj: SubjectObject) -> None:
    """Events have the size that the program gave them, not a rounded one."""
    sizes = [1, 7, 8, 9, 63, 64]
    payloads = [bytes([size]) + bytes(range(100, 163)) for size in sizes]
    with obj.reader("events") as reader:
        for payload in payloads:
            assert obj.test_run("emit", frame(payload, size=80)).retval == 0
        assert reader.poll().events == [payload[: payload[0]] for payload in payloads]


@pytest.mark.obj("events/typed_ringbuf")
def check_typed_ringbuf(obj: SubjectObject) -> None:
    """A ring buffer may be declared with the type of its events."""
    with obj.reader("events") as reader:
        obj.test_run("emit", FRAME)
        assert reader.poll().events == [u32(70) + u32(0xFF)]


@pytest.mark.obj("events/two_ringbufs")
def check_several_ringbufs(obj: SubjectObject) -> None:
    """One reader reads several ring buffers: all events arrive, those of each in order."""
    with obj.reader("even", "odd") as reader:
        obj.test_run("emit", FRAME, repeat=6)
        seen: list[bytes] = []
        while len(seen) < 6 and (events := reader.poll().events):
            seen += events
        assert reader.poll(timeout_s=0).events == []
    numbers = [unsigned(each[:8]) for each in seen]
    assert [number for number in numbers if number % 2 == 0] == [0, 2, 4]
    assert [number for number in numbers if number % 2] == [1, 3, 5]
    assert {each[8:] for each in seen} == {u32(70) + b"number".ljust(12, b"\0")}


@pytest.mark.obj("events/ringbuf")
def check_ringbuf_accounting(obj: SubjectObject) -> None:
    """What is pending in a ring buffer is known to the byte: headers, discarded events, what was read."""
    record = 8 + 64
    with obj.reader("events") as reader:
        assert reader.state() == (1 << 18, 0, 0)
        obj.test_run("emit", FRAME, repeat=3)
        obj.test_run("emit", frame(b"D", size=70))
        assert reader.state() == (1 << 18, 0, 4 * record)
        assert len(reader.poll(maximum=2).events) == 2
        assert reader.state() == (1 << 18, 2 * record, 4 * record)
        assert len(reader.poll().events) == 1
        assert reader.poll(timeout_s=0).events == []
        assert reader.state() == (1 << 18, 4 * record, 4 * record)


@pytest.fixture
def one_cpu(subject: Subject) -> Iterator[None]:
    """The subject stays on one CPU, and so do the programs that it runs."""
    allowed = os.sched_getaffinity(subject.pid)
    os.sched_setaffinity(subject.pid, {min(allowed)})
    yield
    if subject.alive:
        os.sched_setaffinity(subject.pid, allowed)


@pytest.mark.obj("events/perf_event_array")
def check_perf_lost(obj: SubjectObject, one_cpu: None) -> None:
    """Events that a full perf buffer has no room for are counted, to the event."""
    number = 20_000
    with obj.reader("events") as reader:
        obj.test_run("emit", FRAME, repeat=number)
        seen, lost = _read_all(reader)
        assert 0 < seen < number
        # The kernel tells the loss with the next event that it has room for.
        obj.test_run("emit", FRAME)
        more = _read_all(reader)
    assert seen + more[0] + lost + more[1] == number + 1


def _read_all(reader: SubjectReader) -> tuple[int, int]:
    """How many events are there, and how many were lost."""
    seen = lost = 0
    while (polled := reader.poll(timeout_s=0)).events:
        seen, lost = seen + len(polled.events), lost + polled.lost
    return seen, lost + polled.lost


@pytest.mark.obj("events/perf_event_array")
def check_perf_event_array(obj: SubjectObject) -> None:
    """Events of a perf buffer arrive in order, with bytes of the packet behind the program's own."""
    with obj.reader("events") as reader:
        for _ in range(3):
            obj.test_run("emit", FRAME)
        seen: list[bytes] = []
        while len(seen) < 3 and (events := reader.poll().events):
            seen += events
        assert reader.poll(timeout_s=0).lost == 0
    expected = [u32(number) + u32(70) + FRAME[:20] for number in range(3)]
    # The kernel pads samples; each run may have been on another CPU, which has a buffer of its own.
    assert sorted(each[:28] for each in seen) == expected
    assert all((len(each) + 4) % 8 == 0 for each in seen)


def order(content: bytes) -> bytes:
    """What events/user_ringbuf takes for an order to pass `content` on."""
    return u32(len(content)) + content


def passed(content: bytes) -> bytes:
    """What it makes of it."""
    return u32(len(content)) + content.ljust(64, b"\0")


@pytest.mark.obj("events/user_ringbuf")
@pytest.mark.needs("user_ringbuf")
def check_user_ringbuf(obj: SubjectObject) -> None:
    """Samples of user space reach the program that drains them, in order; discarded ones do not."""
    with obj.reader("events") as reader:
        obj.write_events("orders", order(b"one"), order(b"and two"))
        obj.write_events("orders", order(b"not this"), discard=True)
        obj.write_events("orders", order(b"three"))
        obj.test_run("drain", FRAME)
        assert reader.poll().events == [passed(b"one"), passed(b"and two"), passed(b"three")]
        assert signed(obj.variable("drained")) in (3, 4)  # later kernels count discarded ones
        obj.test_run("drain", FRAME)
        assert reader.poll(timeout_s=0).events == []


@pytest.mark.obj("events/user_ringbuf")
@pytest.mark.needs("user_ringbuf")
def check_user_ringbuf_full(obj: SubjectObject) -> None:
    """A full user ring buffer refuses samples until a program has drained it; then it goes around."""
    contents = [bytes([number]) * 50 for number in range(64)]  # 64 bytes each with length and header
    with obj.reader("events") as reader:
        for start in (0, 17):
            if start:  # from there on the buffer's end lies among the samples
                obj.write_events("orders", *map(order, contents[:start]))
                obj.test_run("drain", FRAME)
                assert len(reader.poll().events) == start
            obj.write_events("orders", *map(order, contents))
            with pytest.raises(SubjectError) as full:
                obj.write_events("orders", order(b""))
            assert (full.value.cls, full.value.errno) == (ErrorClass.KERNEL, errno.ENOSPC)
            obj.test_run("drain", FRAME)
            assert reader.poll().events == [passed(content) for content in contents]
        with pytest.raises(SubjectError) as never:
            obj.write_events("orders", bytes(4096))
        assert never.value.errno == errno.E2BIG
