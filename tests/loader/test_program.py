"""Live programs: what the kernel says of them, listings, statistics, test runs, iterators."""

from __future__ import annotations

import errno
import os
import socket
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from struct import iter_unpack, pack

import pytest
from bpflab.loader import (
    KernelError,
    NotSupportedError,
    Object,
    ObjectSpec,
    Program,
    ProgramFunction,
    TargetError,
    features,
)
from bpflab.loader.enums import MapFlags, MapType, ProgType
from bpflab.loader.links import lsm
from bpflab.loader.programs.statistics import statistics

pytestmark = pytest.mark.usefixtures("live")

SOURCE = """
#define MAP(kind, n) \\
	struct { __uint(type, kind); __uint(max_entries, n); __type(key, u32); __type(value, u64); }
MAP(1, 8) counters SEC(".maps");
MAP(2, 1) unused SEC(".maps");
static u64 (*bpf_ktime_get_ns)(void) = (void *)5;
__attribute__((noinline)) int longer(struct __sk_buff *packet) { return packet->len > 20 ? 5 : 6; }
SEC("socket") int count(struct __sk_buff *packet)
{
	u32 key = packet->len;
	u64 *value = bpf_map_lookup_elem(&counters, &key);
	if (value)
		*value += bpf_ktime_get_ns();
	return longer(packet);
}
SEC("tc") int mark(struct __sk_buff *packet) { packet->mark = packet->mark + 1; return 0; }
"""
TASKS = """
static long (*bpf_seq_write)(void *, const void *, u32) = (void *)127;
struct task_struct { int pid, tgid; } __attribute__((preserve_access_index));
struct bpf_iter_meta { void *seq; } __attribute__((preserve_access_index));
struct context { struct bpf_iter_meta *meta; struct task_struct *task; };
SEC("iter/task") int tasks(struct context *ctx)
{
	struct task_struct *task = ctx->task;
	u32 numbers[2];
	if (!task)
		return 0;
	numbers[0] = task->pid;
	numbers[1] = task->tgid;
	bpf_seq_write(ctx->meta->seq, numbers, sizeof(numbers));
	return 0;
}
"""
REPLACEMENT = 'SEC("freplace/longer") int other(struct __sk_buff *packet) { return 70; }'


@pytest.fixture
def loaded(live: None, compile_bpf: Callable[[str], Path]) -> Iterator[Object]:
    with ObjectSpec.from_file(compile_bpf(SOURCE)).load() as obj:
        yield obj


def test_info_names_the_maps_and_the_types(loaded: Object) -> None:
    info = loaded.programs["count"].info()
    assert info.type == ProgType.SOCKET_FILTER
    assert info.map_ids == (loaded.maps["counters"].id,)
    assert info.uid == os.getuid()
    assert info.btf_id > 0
    assert info.load_time_ns > 0
    assert info.verified_insns > 0
    assert len(loaded.programs["count"].jited()) == info.jited_size


def test_listing_has_the_names(loaded: Object) -> None:
    text = "\n".join(loaded.programs["count"].listing())
    assert text.startswith("count:\n; ")
    assert "longer:\n" in text
    assert "call longer\n" in text
    assert "r1 = map[counters]\n" in text
    assert "call bpf_ktime_get_ns\n" in text
    assert "if w1 > 20 goto pc+1\n" in text
    assert text.endswith("exit")


def test_statistics_count_runs(loaded: Object) -> None:
    program = loaded.programs["count"]
    program.test_run(bytes(64), repeat=3)
    assert program.info().run_count == 0
    with statistics():
        program.test_run(bytes(64), repeat=3)
    assert program.info().run_count == 3
    assert program.info().run_time_ns > 0


def test_a_bound_map_is_the_programs(loaded: Object) -> None:
    program, unused = loaded.programs["count"], loaded.maps["unused"]
    assert unused.id not in program.info().map_ids
    program.bind_map(unused)
    assert unused.id in program.info().map_ids


def test_a_context_comes_back(loaded: Object) -> None:
    context = bytearray(192)
    context[8:12] = pack("=I", 41)
    assert loaded.programs["mark"].test_run(bytes(64), ctx=bytes(context)).ctx_out[8:12] == pack("=I", 42)
    assert loaded.programs["mark"].test_run(bytes(64)).ctx_out == b""


def test_a_program_by_its_descriptor(loaded: Object) -> None:
    with Program.from_fd(os.dup(loaded.programs["count"].fd)) as same:
        assert same.info() == loaded.programs["count"].info()
        assert same.name == "count"
        assert same.test_run(bytes(64)).retval == 5


def test_something_else_is_no_program() -> None:
    with socket.socket() as sock, pytest.raises(KernelError) as refused:
        Program.from_fd(os.dup(sock.fileno()))
    assert refused.value.errno == errno.EINVAL


def test_an_iterator_writes_of_all_or_of_some(compile_bpf: Callable[[str], Path]) -> None:
    stop = threading.Event()
    thread = threading.Thread(target=stop.wait)
    thread.start()
    try:
        with ObjectSpec.from_file(compile_bpf(TASKS)).load() as obj:
            program = obj.programs["tasks"]
            with (
                program.attach_iterator() as everyone,
                program.attach_iterator(pid=os.getpid()) as process,
                program.attach_iterator(tid=thread.native_id or 0) as one,
            ):
                tasks = list(iter_unpack("=II", process.read()))
                assert len(tasks) == threading.active_count()
                assert len({tgid for _, tgid in tasks}) == 1
                assert list(iter_unpack("=II", one.read())) == tasks[-1:]
                assert len(everyone.read()) > len(process.read())
    finally:
        stop.set()
        thread.join()


def test_a_map_is_no_limit_of_tasks(loaded: Object, compile_bpf: Callable[[str], Path]) -> None:
    with (
        ObjectSpec.from_file(compile_bpf(TASKS)).load() as obj,
        pytest.raises((TargetError, KernelError)),
    ):
        obj.programs["tasks"].attach_iterator(map=loaded.maps["counters"])


def test_a_replacement_wants_a_program(loaded: Object, compile_bpf: Callable[[str], Path]) -> None:
    spec = ObjectSpec.from_file(compile_bpf(REPLACEMENT))
    with pytest.raises(TargetError, match="program 'other' replaces a function of another program"):
        spec.load()
    with pytest.raises(TargetError, match="'count', has no 'nothing'"):
        spec.load(targets={"other": ProgramFunction(loaded.programs["count"], "nothing")})


def test_a_hook_that_is_never_asked_is_refused(
    loaded: Object, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    active = tmp_path / "lsm"
    monkeypatch.setattr(lsm, "ACTIVE", active)
    assert lsm.is_active(), "nobody can tell where there is no such file"
    active.write_text("lockdown,capability,bpf\n")
    assert lsm.is_active()
    active.write_text("lockdown,capability\n")
    with pytest.raises(NotSupportedError, match="'bpf' in the kernel's argument lsm="):
        loaded.programs["count"].attach_lsm()


def test_probes_answer_three_ways() -> None:
    assert features.program_type(ProgType.SOCKET_FILTER)
    assert features.program_type(ProgType(4000)).supported is False
    assert features.map_type(MapType(4000)).supported is False
    assert features.map_flag(MapFlags.TOKEN_FD).supported is None
    assert features.helper(ProgType.XDP, 44).supported is True
    assert features.helper(ProgType.XDP, 1 << 20).supported is False
    assert features.helper(ProgType.STRUCT_OPS, 1).supported is None
    assert str(features.helper_exists(1 << 20)).startswith("no (invalid func unknown#1048576")
    assert {name: bool(features.ability(name)) for name in features.ABILITIES}["jump32"] is True
