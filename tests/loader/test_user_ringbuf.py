"""Writing to user ring buffers."""

from __future__ import annotations

import errno
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType

import pytest
from bpflab.loader import BpflabError, KernelError, Map, Object, ObjectSpec, UserRingBuffer
from bpflab.loader.readers import user_ringbuf

pytestmark = pytest.mark.usefixtures("live")
FRAME = bytes(64)

SOURCE = """
struct { __uint(type, 31); __uint(max_entries, 4096); } orders SEC(".maps");
volatile u64 drained, total;
struct bpf_dynptr;
static long (*bpf_dynptr_read)(void *, u32, const struct bpf_dynptr *, u32, u64) = (void *)201;
static long (*bpf_user_ringbuf_drain)(void *, void *, void *, u64) = (void *)209;
static long add(struct bpf_dynptr *order, void *context)
{
    u64 number = 0;
    if (!bpf_dynptr_read(&number, 8, order, 0, 0))
        total += number;
    drained++;
    return 0;
}
SEC("xdp") int drain(struct xdp_md *ctx)
{
    return bpf_user_ringbuf_drain(&orders, add, (void *)0, 0);
}
"""


@pytest.fixture
def loaded(
    live: None, compile_bpf: Callable[[str], Path], monkeypatch: pytest.MonkeyPatch, twin: ModuleType
) -> Iterator[Object]:
    monkeypatch.setattr(user_ringbuf, "native", twin)
    with ObjectSpec.from_file(compile_bpf(SOURCE)).load() as made:
        yield made


@pytest.fixture
def writer(loaded: Object) -> Iterator[UserRingBuffer]:
    with UserRingBuffer(loaded.maps["orders"]) as made:
        yield made


def number(value: int) -> bytes:
    return value.to_bytes(8, "little")


def drain(loaded: Object) -> tuple[int, int]:
    """Let the program drain; how many samples it has seen so far, and their sum."""
    loaded.programs["drain"].test_run(FRAME)
    return int(loaded.variables["drained"].value), int(loaded.variables["total"].value)


def test_samples_arrive(loaded: Object, writer: UserRingBuffer) -> None:
    for value in (1, 20, 300):
        writer.write(number(value))
    assert drain(loaded) == (3, 321)
    assert writer.free == writer.size == 4096


def test_a_sample_is_filled_in_place(loaded: Object, writer: UserRingBuffer) -> None:
    with writer.reserve(8) as sample:
        assert drain(loaded) == (0, 0)  # a program stops at what is not submitted yet
        sample.data[:] = number(5)
    assert writer.free == 4096 - 16
    assert drain(loaded) == (1, 5)


def test_discarded_samples_are_passed_over(loaded: Object, writer: UserRingBuffer) -> None:
    writer.reserve(8).discard()
    with pytest.raises(ZeroDivisionError), writer.reserve(8):
        raise ZeroDivisionError
    writer.write(number(7))
    assert drain(loaded) == (1, 7)
    assert writer.free == 4096


def test_a_sample_ends_once(writer: UserRingBuffer) -> None:
    sample = writer.reserve(8)
    sample.submit()
    for again in (sample.submit, sample.discard):
        with pytest.raises(BpflabError, match="before"):
            again()
    with pytest.raises(ValueError, match="released"):
        sample.data[0] = 1


def test_a_full_buffer_says_what_helps(loaded: Object, writer: UserRingBuffer) -> None:
    for _ in range(4096 // 16):
        writer.write(number(1))
    with pytest.raises(KernelError, match="0 are free until a program drains it") as full:
        writer.write(b"")
    assert full.value.errno == errno.ENOSPC
    assert drain(loaded) == (256, 256)
    writer.write(number(1))


def test_what_never_fits(writer: UserRingBuffer) -> None:
    with pytest.raises(KernelError) as never:
        writer.reserve(4096 - 7)
    assert never.value.errno == errno.E2BIG
    writer.reserve(4096 - 8).discard()


def test_around_the_end(loaded: Object, writer: UserRingBuffer) -> None:
    for round in range(1, 31):
        for _ in range(10):
            writer.write(number(1) + bytes(range(50)))
        assert drain(loaded) == (10 * round, 10 * round)


def test_waiting_for_room(loaded: Object, writer: UserRingBuffer) -> None:
    writer.write(bytes(4088))
    with pytest.raises(KernelError):
        writer.write(b"", 0.1)
    timer = threading.Timer(0.1, drain, [loaded])
    timer.start()
    begun = time.monotonic()
    writer.write(number(1), 20)
    assert time.monotonic() - begun < 10
    timer.join()


def test_a_closed_writer(writer: UserRingBuffer) -> None:
    sample = writer.reserve(8)
    writer.close()
    writer.close()
    with pytest.raises(BpflabError, match="closed"):
        writer.write(b"")
    with pytest.raises(BpflabError, match="closed"):
        sample.submit()


def test_another_map_is_refused(bpf: None) -> None:
    with Map.create("array", 4, 4, 1) as table, pytest.raises(KernelError, match="user ring buffer"):
        UserRingBuffer(table)
