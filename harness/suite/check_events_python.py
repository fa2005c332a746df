"""The Python interface of events: batches, iteration, asyncio, threads, records, and the buffers' modes."""

from __future__ import annotations

import asyncio
import os
import select
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import islice
from pathlib import Path

import pytest

from ...loader import Batch, Object, ObjectSpec, PerfBuffer, RingBuffer
from .check_events import FRAME, event
from .job import SuiteJob
from .network import frame
from .numbers import u64, unsigned

pytestmark = pytest.mark.reference_only

Load = Callable[[str], Object]


@pytest.fixture
def load(job: SuiteJob) -> Iterator[Load]:
    """Loads objects in this process; nothing of them, nor of their readers, is left afterwards."""
    before = _descriptors()
    made: list[Object] = []

    def load_object(name: str) -> Object:
        made.append(ObjectSpec.from_file(job.objects[name]).load())
        return made[-1]

    yield load_object
    for obj in made:
        obj.close()
    assert _descriptors() - before == set()


def _descriptors() -> set[tuple[str, str]]:
    found = set()
    for entry in Path("/proc/self/fd").iterdir():
        try:
            found.add((entry.name, str(entry.readlink())))
        except FileNotFoundError:
            continue
    return {each for each in found if each[1].startswith("anon_inode:")}


@pytest.fixture
def one_cpu() -> Iterator[None]:
    """This process stays on one CPU, and so do the programs that it runs."""
    allowed = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {min(allowed)})
    yield
    os.sched_setaffinity(0, allowed)


def ring(obj: Object) -> RingBuffer:
    """A reader of the object's ring buffer ``events``."""
    reader = obj.maps["events"].reader()
    assert isinstance(reader, RingBuffer)
    return reader


def perf(obj: Object, **options: int | bool) -> PerfBuffer:
    """A reader of the object's perf event array ``events``."""
    reader = obj.maps["events"].reader(**options)
    assert isinstance(reader, PerfBuffer)
    return reader


@pytest.mark.obj("events/ringbuf")
def check_batches(load: Load) -> None:
    """A batch is a view of the ring buffer's memory, which the kernel has back after it."""
    obj = load("events/ringbuf")
    with ring(obj) as reader:
        obj.programs["emit"].test_run(FRAME, repeat=3000)
        sizes, seen = [], 0
        for batch in reader.batches(0):
            assert isinstance(batch, Batch) and batch.map == "events"
            assert (batch.stride, len(batch.block)) == (72, 72 * len(batch) - 8)
            assert batch.data.readonly
            assert bytes(batch[0]) == event(seen) and bytes(batch[-1]) == event(seen + len(batch) - 1)
            assert list(map(bytes, batch)) == list(batch.tolist())
            # Not given back before the next one is asked for.
            assert reader.state().consumer == 72 * seen
            seen += len(batch)
            sizes.append(len(batch))
        assert seen == 3000 and len(sizes) > 1
        assert reader.state().available == 0


@pytest.mark.obj("events/ringbuf")
def check_iteration(load: Load) -> None:
    """A loop that is left loses nothing: what it did not take is there for the next reading."""
    obj = load("events/ringbuf")
    with ring(obj) as reader:
        obj.programs["emit"].test_run(FRAME, repeat=9)
        assert list(islice(reader, 2)) == [event(0), event(1)]
        assert list(islice(reader, 2)) == [event(2), event(3)]
        assert reader.read(2) == [event(4), event(5)]
        assert [bytes(each) for batch in reader.batches(0) for each in batch] == [
            event(6),
            event(7),
            event(8),
        ]


@pytest.mark.obj("events/two_ringbufs")
def check_records(load: Load) -> None:
    """Events come as records of the struct that BTF describes."""
    obj = load("events/two_ringbufs")
    with RingBuffer(obj.maps["even"], obj.maps["odd"]) as reader:
        obj.programs["emit"].test_run(FRAME, repeat=2)
        for record in islice(reader.records("number"), 2):
            assert (record.value in (0, 1), record.length, record.name) == (True, 70, "number")


@pytest.mark.obj("events/typed_ringbuf")
def check_declared_records(load: Load) -> None:
    """Where the map's definition says the type of its events, nothing else has to."""
    obj = load("events/typed_ringbuf")
    with ring(obj) as reader:
        obj.programs["emit"].test_run(FRAME)
        record = next(reader.records())
        assert (record.length, record.first) == (70, 0xFF)


@pytest.mark.obj("events/ringbuf")
def check_asyncio(load: Load) -> None:
    """A task waits for events while others run."""
    obj = load("events/ringbuf")

    async def read(reader: RingBuffer) -> list[bytes]:
        seen = []
        async for each in reader:
            seen.append(each)
            if len(seen) == 4:
                reader.close()
        return seen

    async def write() -> None:
        for _ in range(4):
            await asyncio.sleep(0.01)
            obj.programs["emit"].test_run(FRAME)

    async def both() -> list[bytes]:
        with ring(obj) as reader:
            seen, _ = await asyncio.gather(read(reader), write())
        return seen

    assert asyncio.run(asyncio.wait_for(both(), 20)) == [event(number) for number in range(4)]


@pytest.mark.obj("events/ringbuf")
def check_threads(load: Load) -> None:
    """Threads share a reader: each event goes to one of them, and closing it ends all of them."""
    obj = load("events/ringbuf")
    with ring(obj) as reader, ThreadPoolExecutor(6) as pool:
        readers = [pool.submit(list[bytes], reader) for _ in range(2)]
        readers += [pool.submit(_copies, reader) for _ in range(2)]
        for _ in range(200):
            obj.programs["emit"].test_run(FRAME, repeat=20)
        deadline = time.monotonic() + 20
        while reader.state().available and time.monotonic() < deadline:
            time.sleep(0.01)
        reader.close()
        seen = [each for one in readers for each in one.result(20)]
    written = 4000 - obj.variables["lost"].value
    assert written > 1000
    assert sorted(unsigned(each[:8]) for each in seen) == list(range(written))


def _copies(reader: RingBuffer) -> list[bytes]:
    return [sample for batch in reader.batches() for sample in batch.tolist()]


@pytest.mark.obj("events/ringbuf")
def check_closing_while_waiting(load: Load) -> None:
    """A reader that is closed ends the waiting of another thread."""
    obj = load("events/ringbuf")
    with ring(obj) as reader, ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(reader.poll)
        time.sleep(0.1)
        assert not waiting.done()
        reader.close()
        assert waiting.result(20) == []


@pytest.mark.obj("events/overwrite")
@pytest.mark.needs("ringbuf_overwrite")
def check_ringbuf_overwrite(load: Load) -> None:
    """A ring buffer in overwrite mode keeps the newest events, and tells how much it lost."""
    obj = load("events/overwrite")
    record, fit = 16, 4096 // 16
    with ring(obj) as reader:
        obj.programs["emit"].test_run(FRAME, repeat=10)
        assert reader.read() == [u64(number) for number in range(10)]
        obj.programs["emit"].test_run(FRAME, repeat=10_000)
        seen = reader.read()
        assert fit - 2 <= len(seen) <= fit
        assert seen == [u64(number) for number in range(10_010 - len(seen), 10_010)]
        assert reader.overwritten == (10_000 - len(seen)) * record
        assert reader.read() == []


@pytest.mark.obj("events/perf_event_array")
def check_perf_overwrite(load: Load, one_cpu: None) -> None:
    """A perf buffer in overwrite mode keeps the newest events in order, and goes on after a reading."""
    obj = load("events/perf_event_array")
    with perf(obj, pages=1, overwrite=True) as reader:
        obj.programs["emit"].test_run(FRAME, repeat=5)
        assert [unsigned(each[:4]) for each in reader.read()] == [0, 1, 2, 3, 4]
        obj.programs["emit"].test_run(FRAME, repeat=1000)
        seen = [unsigned(each[:4]) for each in reader.read()]
        assert 50 < len(seen) < 200
        assert seen == list(range(1005 - len(seen), 1005))
        assert reader.overwritten > 0
        obj.programs["emit"].test_run(FRAME)
        assert [unsigned(each[:4]) for each in reader.read()] == [1005]


@pytest.mark.obj("events/perf_event_array")
def check_perf_pause(load: Load, one_cpu: None) -> None:
    """A paused perf buffer takes no events, counts them as lost, and takes them again when resumed."""
    obj = load("events/perf_event_array")
    with perf(obj) as reader:
        obj.programs["emit"].test_run(FRAME)
        reader.pause()
        obj.programs["emit"].test_run(FRAME, repeat=3)
        assert [unsigned(each[:4]) for each in reader.read()] == [0]
        reader.resume()
        obj.programs["emit"].test_run(FRAME)
        assert [unsigned(each[:4]) for each in reader.read()] == [4]
        assert reader.lost == 3


@pytest.mark.obj("events/perf_event_array")
def check_perf_watermark(load: Load, one_cpu: None) -> None:
    """Below the watermark nobody is woken up, but the events arrive; above it, or told so, one is."""
    obj = load("events/perf_event_array")
    emit = obj.programs["emit"]
    with perf(obj) as reader:
        emit.test_run(FRAME)
        assert not _readable(reader)
        assert len(reader.poll(5)) == 1
        emit.test_run(FRAME, repeat=1000)  # of 40 bytes, and a sixteenth of 256 KiB is 16 KiB
        assert _readable(reader)
    with perf(obj, wakeup_events=1) as reader:
        emit.test_run(FRAME)
        assert _readable(reader)


def _readable(reader: RingBuffer | PerfBuffer) -> bool:
    poll = select.poll()
    poll.register(reader.fileno(), select.POLLIN)
    return bool(poll.poll(100))


@pytest.mark.obj("events/ringbuf")
def check_discarded_only(load: Load) -> None:
    """Discarded events are passed over while waiting, and their room is given back."""
    obj = load("events/ringbuf")
    with ring(obj) as reader:
        obj.programs["emit"].test_run(frame(b"D", size=70), repeat=100)
        assert reader.poll(0.1) == []
        assert reader.state().available == 0
