"""Events from programs to user space: every byte of every event, in order, and nothing else."""

from __future__ import annotations

import pytest

from ..subjects.handles import SubjectObject
from .network import frame
from .numbers import u32, u64, unsigned

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
