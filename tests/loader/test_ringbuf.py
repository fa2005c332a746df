"""Reading ring buffers that programs write."""

from __future__ import annotations

import asyncio
import mmap
import select
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from struct import pack, unpack
from types import FrameType, ModuleType

import pytest
from bpflab.loader import BpflabError, Map, Object, ObjectSpec, RingBuffer
from bpflab.loader.readers import ringbuf

pytestmark = pytest.mark.usefixtures("live")
FRAME = bytes(64)

SOURCE = """
struct { __uint(type, 27); __uint(max_entries, 65536); } events SEC(".maps");
volatile u32 number, size = 8, discards, refused;
SEC("xdp") int emit(struct xdp_md *ctx)
{
    u32 *event = bpf_ringbuf_reserve(&events, 8, 0);
    if (!event) {
        refused++;
        return 1;
    }
    event[0] = number++;
    event[1] = 7;
    if (discards)
        bpf_ringbuf_discard(event, 0);
    else
        bpf_ringbuf_submit(event, 0);
    return 0;
}
static u8 bytes[4096];
SEC("xdp") int emit_sized(struct xdp_md *ctx)
{
    u32 length = size & 4095;
    bytes[0] = number++;
    return bpf_ringbuf_output(&events, bytes, length, 0);
}
"""


@pytest.fixture
def loaded(
    live: None, compile_bpf: Callable[[str], Path], monkeypatch: pytest.MonkeyPatch, twin: ModuleType
) -> Iterator[Object]:
    monkeypatch.setattr(ringbuf, "native", twin)
    with ObjectSpec.from_file(compile_bpf(SOURCE)).load() as made:
        yield made


@pytest.fixture
def reader(loaded: Object) -> Iterator[RingBuffer]:
    made = loaded.maps["events"].reader()
    assert isinstance(made, RingBuffer)
    with made:
        yield made


def test_events_arrive_in_order(loaded: Object, reader: RingBuffer) -> None:
    assert reader.poll(0) == []
    loaded.programs["emit"].test_run(FRAME, repeat=3)
    assert reader.poll(1) == [pack("=II", n, 7) for n in range(3)]
    assert reader.read() == []
    assert reader.lost == 0


def test_a_limit(loaded: Object, reader: RingBuffer) -> None:
    loaded.programs["emit"].test_run(FRAME, repeat=5)
    assert [len(reader.read(limit)) for limit in (2, 0, 2, 9)] == [2, 0, 2, 1]


def test_more_than_a_chunk(loaded: Object, reader: RingBuffer) -> None:
    loaded.programs["emit"].test_run(FRAME, repeat=3000)
    assert [unpack("=II", event)[0] for event in reader.read()] == list(range(3000))


def test_around_the_end_of_the_buffer(loaded: Object, reader: RingBuffer) -> None:
    seen = []
    for _ in range(20):
        loaded.programs["emit"].test_run(FRAME, repeat=1000)
        seen += [unpack("=II", event)[0] for event in reader.read()]
    assert seen == list(range(20_000))


@pytest.mark.parametrize("size", [1, 7, 8, 9, 63, 1000, 4095])
def test_samples_of_any_size(loaded: Object, reader: RingBuffer, size: int) -> None:
    loaded.variables["size"].value = size
    loaded.programs["emit_sized"].test_run(FRAME, repeat=10)
    assert reader.read() == [bytes([n]) + bytes(size - 1) for n in range(10)]


def test_samples_whose_sizes_change(loaded: Object, reader: RingBuffer) -> None:
    """Many of one size go a short way; these only look like it."""
    sizes = [8] * 40 + [7, 9] * 20 + [16] * 1100 + [8] * 40
    for size in sizes:
        loaded.variables["size"].value = size
        loaded.programs["emit_sized"].test_run(FRAME)
    assert reader.read() == [bytes([n % 256]) + bytes(size - 1) for n, size in enumerate(sizes)]


def test_discarded_samples_are_not_seen(loaded: Object, reader: RingBuffer) -> None:
    loaded.variables["discards"].value = 1
    loaded.programs["emit"].test_run(FRAME, repeat=5)
    loaded.variables["discards"].value = 0
    loaded.programs["emit"].test_run(FRAME)
    assert reader.poll(1) == [pack("=II", 5, 7)]


def test_only_discarded_samples_do_not_end_the_waiting(loaded: Object, reader: RingBuffer) -> None:
    loaded.variables["discards"].value = 1
    loaded.programs["emit"].test_run(FRAME)
    start = time.monotonic()
    assert reader.poll(0.2) == []
    assert time.monotonic() - start >= 0.2


def test_a_full_buffer_refuses(loaded: Object, reader: RingBuffer) -> None:
    loaded.programs["emit"].test_run(FRAME, repeat=5000)
    assert len(reader.read()) == 4095
    assert loaded.variables["refused"].value == 5000 - 4095
    assert loaded.programs["emit"].test_run(FRAME).retval == 0


def test_waiting_for_an_event(loaded: Object, reader: RingBuffer) -> None:
    timer = threading.Timer(0.2, lambda: loaded.programs["emit"].test_run(FRAME))
    timer.start()
    start = time.monotonic()
    assert len(reader.poll(10)) == 1
    assert 0.1 < time.monotonic() - start < 5
    timer.join()


def test_every_event_wakes_or_is_there(loaded: Object, reader: RingBuffer) -> None:
    """A reader that drains while the program writes misses none and never sleeps on one."""
    total = 5000
    program, refused = loaded.programs["emit"], loaded.variables["refused"]
    writer = threading.Thread(target=lambda: [program.test_run(FRAME) for _ in range(total)])
    start = time.monotonic()
    writer.start()
    seen = 0
    while seen + int(refused.value) < total and time.monotonic() < start + 60:
        seen += len(reader.poll(20))
    writer.join()
    assert seen + int(refused.value) == total
    assert time.monotonic() - start < 20, "slept on an event"


def test_it_can_be_polled_with_others(loaded: Object, reader: RingBuffer) -> None:
    poll = select.poll()
    poll.register(reader.fileno(), select.POLLIN)
    assert poll.poll(0) == []
    loaded.programs["emit"].test_run(FRAME)
    assert poll.poll(1000)


def test_iterating(loaded: Object, reader: RingBuffer) -> None:
    loaded.programs["emit"].test_run(FRAME, repeat=3)
    events = iter(reader)
    assert [next(events) for _ in range(3)] == [pack("=II", n, 7) for n in range(3)]


def test_a_closed_reader(loaded: Object, reader: RingBuffer) -> None:
    reader.close()
    reader.close()
    with pytest.raises(BpflabError, match="closed"):
        reader.read()
    assert list(reader) == []


def test_the_map_may_be_closed_first(loaded: Object, reader: RingBuffer) -> None:
    loaded.programs["emit"].test_run(FRAME, repeat=2)
    loaded.close()
    assert len(reader.read()) == 2


def test_batches_are_valid_until_the_next(loaded: Object, reader: RingBuffer) -> None:
    loaded.programs["emit"].test_run(FRAME, repeat=2500)
    numbers = []
    for batch in reader.batches(0):
        assert batch.stride == 16
        assert len(batch) * 16 - 8 == len(batch.block)
        numbers += [unpack("=II", sample)[0] for sample in batch]
        assert numbers[-1] == unpack("=II", batch[-1])[0]
        with pytest.raises(IndexError):
            batch[len(batch)]
    assert numbers == list(range(2500))


def test_a_batch_is_given_back_at_the_end_of_the_loop(loaded: Object, reader: RingBuffer) -> None:
    loaded.programs["emit"].test_run(FRAME, repeat=3)
    for _ in reader.batches(0):
        assert reader.state().available == 3 * 16
        break
    assert reader.state().available == 0


def test_batches_of_mixed_sizes(loaded: Object, reader: RingBuffer) -> None:
    for size in (8, 3, 0, 64):
        loaded.variables["size"].value = size
        loaded.programs["emit_sized"].test_run(FRAME)
    (batch,) = [list(map(bytes, batch)) for batch in reader.batches(0)]
    assert [len(sample) for sample in batch] == [8, 3, 0, 64]


def test_reading_in_the_midst_of_a_batch_is_refused(loaded: Object, reader: RingBuffer) -> None:
    loaded.programs["emit"].test_run(FRAME, repeat=3)
    for _ in reader.batches(0):
        with pytest.raises(BpflabError, match="in the midst"):
            reader.read()


def test_closing_in_the_midst_of_a_batch(loaded: Object, reader: RingBuffer) -> None:
    loaded.programs["emit"].test_run(FRAME, repeat=3)
    for batch in reader.batches():
        reader.close()
        assert unpack("=II", batch[0]) == (0, 7)  # still mapped


def test_a_view_outlives_its_reader(loaded: Object, reader: RingBuffer) -> None:
    loaded.programs["emit"].test_run(FRAME)
    (view,) = [batch[0] for batch in reader.batches(0)]
    reader.close()
    assert unpack("=II", view) == (0, 7)


def test_a_broken_loop_leaves_the_rest(loaded: Object, reader: RingBuffer) -> None:
    loaded.programs["emit"].test_run(FRAME, repeat=5)
    assert unpack("=II", next(iter(reader)))[0] == 0
    assert [unpack("=II", sample)[0] for batch in reader.batches(0) for sample in batch] == [1, 2, 3, 4]


def test_several_rings(loaded: Object, reader: RingBuffer) -> None:
    with pytest.raises(BpflabError, match="already"):
        reader.add(loaded.maps["events"])
    with Map.create("ringbuf", max_entries=4096, name="other") as other:
        reader.add(other)
    loaded.programs["emit"].test_run(FRAME, repeat=2)
    assert len(reader.read()) == 2
    assert reader.state("other") == (4096, 0, 0)
    assert reader.state() == reader.state("events") == (65536, 32, 32)


@pytest.mark.parametrize("position", [4, 1 << 20, (1 << 64) - 8])
def test_a_position_that_somebody_else_has_spoilt(loaded: Object, reader: RingBuffer, position: int) -> None:
    """The consumer's page may be written by whoever has the map."""
    loaded.programs["emit"].test_run(FRAME)
    with mmap.mmap(loaded.maps["events"].fd, mmap.PAGESIZE) as page:
        page[:8] = pack("=Q", position)
        for _ in range(2):
            with pytest.raises(BpflabError, match="no record at position"):
                reader.poll(1)
        page[:8] = pack("=Q", 0)
    assert len(reader.read()) == 1


def test_what_is_interrupted_while_reading_can_be_closed(loaded: Object, reader: RingBuffer) -> None:
    """Ctrl-C comes right after the lock was taken: closing used to wait for it for ever."""

    class Interrupted(BaseException):
        pass

    def interrupt(frame: FrameType, event: str, argument: object) -> None:
        if event == "c_return" and getattr(argument, "__name__", "") == "acquire":
            sys.setprofile(None)
            raise Interrupted

    def read_and_close() -> None:
        sys.setprofile(interrupt)
        with suppress(Interrupted):
            reader.read()
            raise AssertionError("it was not interrupted")
        reader.close()

    one = threading.Thread(target=read_and_close, daemon=True)
    one.start()
    one.join(20)
    assert not one.is_alive() and reader.closed


def test_closing_wakes_up_who_waits(loaded: Object, reader: RingBuffer) -> None:
    seen: list[list[bytes]] = []
    waiting = [
        threading.Thread(target=lambda: seen.append(reader.poll())),
        threading.Thread(target=lambda: seen.append(list(reader))),
        threading.Thread(target=lambda: seen.append([b"" for _ in reader.batches()])),
    ]
    for thread in waiting:
        thread.start()
    time.sleep(0.1)
    reader.close()
    for thread in waiting:
        thread.join(10)
        assert not thread.is_alive()
    assert seen == [[], [], []]


def test_a_task_that_waits_is_cancelled(loaded: Object, reader: RingBuffer) -> None:
    async def wait() -> bytes:
        async for sample in reader:
            return sample
        return b"closed"

    async def cancel() -> None:
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(wait(), 0.1)
        loaded.programs["emit"].test_run(FRAME)
        assert unpack("=II", await asyncio.wait_for(wait(), 10)) == (0, 7)

    asyncio.run(cancel())
