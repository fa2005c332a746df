"""Reading perf event arrays that programs write."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from struct import pack, unpack
from types import ModuleType

import pytest
from bpflab.loader import BpflabError, Object, ObjectSpec, PerfBuffer
from bpflab.loader.readers import perfbuf

pytestmark = pytest.mark.usefixtures("live")
FRAME = bytes(64)

SOURCE = """
struct {
    __uint(type, 4); __uint(max_entries, 0); __uint(key_size, 4); __uint(value_size, 4);
} events SEC(".maps");
volatile u32 number;
SEC("xdp") int emit(struct xdp_md *ctx)
{
    u32 event[3] = { number++, 7, 8 };
    return bpf_perf_event_output(ctx, &events, 0xffffffff, event, sizeof(event));
}
SEC("xdp") int emit_large(struct xdp_md *ctx)
{
    u32 event[64] = {};
    event[0] = number++;
    return bpf_perf_event_output(ctx, &events, 0xffffffff, event, sizeof(event));
}
"""


@pytest.fixture
def loaded(
    live: None, compile_bpf: Callable[[str], Path], monkeypatch: pytest.MonkeyPatch, twin: ModuleType
) -> Iterator[Object]:
    monkeypatch.setattr(perfbuf, "native", twin)
    with ObjectSpec.from_file(compile_bpf(SOURCE)).load() as made:
        yield made


@pytest.fixture
def one_cpu() -> Iterator[None]:
    """Order holds within a CPU only."""
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {min(before)})
    yield
    os.sched_setaffinity(0, before)


def test_samples_with_the_kernels_padding(loaded: Object, one_cpu: None) -> None:
    with loaded.maps["events"].reader() as reader:
        assert reader.poll(0) == []
        loaded.programs["emit"].test_run(FRAME, repeat=3)
        events = reader.poll(1)
        assert [unpack("=III", event[:12]) for event in events] == [(n, 7, 8) for n in range(3)]
        assert {len(event) for event in events} == {12}  # 12 + 4 is a multiple of 8
        assert reader.lost == 0


def test_events_of_every_cpu(loaded: Object) -> None:
    cpus = sorted(os.sched_getaffinity(0))
    with loaded.maps["events"].reader() as reader:
        try:
            for cpu in cpus:
                os.sched_setaffinity(0, {cpu})
                loaded.programs["emit"].test_run(FRAME)
        finally:
            os.sched_setaffinity(0, cpus)
        assert sorted(event[:4] for event in reader.read()) == [pack("=I", n) for n in range(len(cpus))]


def test_limits_take_turns(loaded: Object) -> None:
    cpus = sorted(os.sched_getaffinity(0))
    with loaded.maps["events"].reader() as reader:
        try:
            for cpu in cpus:
                os.sched_setaffinity(0, {cpu})
                loaded.programs["emit"].test_run(FRAME, repeat=3)
        finally:
            os.sched_setaffinity(0, cpus)
        sizes = []
        while events := reader.read(2):
            sizes.append(len(events))
        assert sum(sizes) == 3 * len(cpus)
        assert max(sizes) == 2


def test_lost_samples_are_counted(loaded: Object, one_cpu: None) -> None:
    with PerfBuffer(loaded.maps["events"], pages=1) as reader:
        loaded.programs["emit_large"].test_run(FRAME, repeat=100)
        seen = len(reader.read())
        assert 0 < seen < 100
        # The loss is told by a record that the next event with room brings.
        loaded.programs["emit_large"].test_run(FRAME)
        seen += len(reader.read())
        assert seen + reader.lost == 101


def test_around_the_end_of_the_buffer(loaded: Object, one_cpu: None) -> None:
    with PerfBuffer(loaded.maps["events"], pages=1) as reader:
        seen = []
        for _ in range(20):
            loaded.programs["emit"].test_run(FRAME, repeat=20)
            seen += [unpack("=I", event[:4])[0] for event in reader.read()]
        assert seen == list(range(400))


def test_a_closed_reader_frees_its_slots(loaded: Object, one_cpu: None) -> None:
    program, events = loaded.programs["emit"], loaded.maps["events"]
    reader = events.reader()
    assert program.test_run(FRAME).retval == 0
    reader.close()
    reader.close()
    assert program.test_run(FRAME).retval == (1 << 32) - 2  # -ENOENT: nobody listens
    with pytest.raises(BpflabError, match="closed"):
        reader.read()
    with events.reader() as again:
        program.test_run(FRAME)
        assert len(again.read()) == 1


def test_bad_sizes_are_refused(loaded: Object) -> None:
    for pages in (0, 3, -1):
        with pytest.raises(BpflabError, match="power of two"):
            PerfBuffer(loaded.maps["events"], pages=pages)


def test_batches_say_where_they_are_from(loaded: Object, one_cpu: None) -> None:
    with PerfBuffer(loaded.maps["events"]) as reader:
        loaded.programs["emit"].test_run(FRAME, repeat=3)
        (cpu,) = os.sched_getaffinity(0)
        for batch in reader.batches(0):
            assert (batch.map, batch.cpu, batch.stride, len(batch)) == ("events", cpu, 24, 3)
            assert [unpack("=III", sample) for sample in batch] == [(n, 7, 8) for n in range(3)]


def test_only_the_online_cpus_are_read(loaded: Object, monkeypatch: pytest.MonkeyPatch) -> None:
    """CPUs that are off-line have no buffer; the keys of the others keep their numbers."""
    last = max(os.sched_getaffinity(0))
    monkeypatch.setattr(perfbuf, "online_cpus", lambda: [last])
    before = os.sched_getaffinity(0)
    with PerfBuffer(loaded.maps["events"]) as reader:
        assert set(reader.lost_by_cpu) == {last}
        os.sched_setaffinity(0, {last})
        try:
            loaded.programs["emit"].test_run(FRAME)
        finally:
            os.sched_setaffinity(0, before)
        assert len(reader.read()) == 1


def test_an_overwriting_buffer_keeps_the_newest(loaded: Object, one_cpu: None) -> None:
    with PerfBuffer(loaded.maps["events"], pages=1, overwrite=True) as reader:
        for number in (10, 1000, 0, 1):
            loaded.programs["emit"].test_run(FRAME, repeat=number) if number else None
            last = int(loaded.variables["number"].value)
            seen = [unpack("=I", sample[:4])[0] for sample in reader.read()]
            assert len(seen) == min(number, len(seen))
            assert seen == list(range(last - len(seen), last))
        assert reader.overwritten > 1000 * 24 - 4096 - 24
        assert reader.read() == []


def test_limits_of_an_overwriting_buffer(loaded: Object, one_cpu: None) -> None:
    with PerfBuffer(loaded.maps["events"], overwrite=True) as reader:
        loaded.programs["emit"].test_run(FRAME, repeat=5)
        assert [len(reader.read(2)) for _ in range(4)] == [2, 2, 1, 0]


def test_a_position_that_makes_no_sense(loaded: Object, one_cpu: None) -> None:
    """The kernel lets user space write the control page, not the samples."""
    with PerfBuffer(loaded.maps["events"]) as reader:
        loaded.programs["emit"].test_run(FRAME)
        (cpu,) = os.sched_getaffinity(0)
        reader._cpus[cpu]._pages[1024:1032] = pack("=Q", 4)
        for _ in range(2):
            with pytest.raises(BpflabError, match=f"CPU {cpu} holds no record"):
                reader.poll(1)


def test_what_a_paused_buffer_misses_is_lost(loaded: Object, one_cpu: None) -> None:
    with PerfBuffer(loaded.maps["events"]) as reader:
        reader.pause()
        loaded.programs["emit"].test_run(FRAME, repeat=4)
        assert reader.read() == []
        reader.resume()
        loaded.programs["emit"].test_run(FRAME)
        assert [unpack("=I", sample[:4])[0] for sample in reader.read()] == [4]
        assert reader.lost == sum(reader.lost_by_cpu.values()) == 4
