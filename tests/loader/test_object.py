"""Loading objects into the running kernel."""

from __future__ import annotations

import copy
import errno
import gc
import os
import re
import signal
import struct
from collections.abc import Callable
from pathlib import Path

import pytest
from bpflab.loader import (
    BpflabError,
    ElementError,
    KernelError,
    MapType,
    MissingFeatureError,
    Object,
    ObjectError,
    ObjectSpec,
    RelocationError,
    VerifierError,
    btf_load,
    syscall,
)
from bpflab.loader.btf import Kind, sanitize
from bpflab.loader.btf.sanitize import BtfFeature

pytestmark = pytest.mark.usefixtures("live")
Compile = Callable[[str], Path]
FRAME = bytes(64)

VARIABLES = """
volatile u32 runs;
volatile int answer = -42;
const volatile u64 limit = 7;
static volatile u16 hidden = 3;
u32 wide[4] = {1, 2, 3, 4};
SEC("xdp") int count(struct xdp_md *ctx)
{
    runs++;
    hidden++;
    wide[0]++;
    return answer == -42 ? (int)limit : 0;
}
"""


def load(path: Path, **options: object) -> Object:
    return ObjectSpec.from_file(path).load(**options)


def test_variables_of_every_section(compile_bpf: Compile) -> None:
    with load(compile_bpf(VARIABLES)) as loaded:
        program, variables = loaded.programs["count"], loaded.variables
        assert program.test_run(FRAME, repeat=5).retval == 7
        assert variables["runs"].value == 5
        assert variables["answer"].value == -42
        assert variables["hidden"].value == 8
        assert variables["wide"].value == (6, 2, 3, 4)
        variables["answer"].value = -43
        variables["runs"].value = 100
        assert program.test_run(FRAME).retval == 0
        assert variables["runs"].value == 101
        with pytest.raises(KernelError) as refused:
            variables["limit"].value = 8
        assert refused.value.errno == errno.EPERM
        with pytest.raises(ValueError, match="wide"):
            variables["wide"].value = b"123"


def test_a_spec_that_changes_later_changes_no_object(compile_bpf: Compile) -> None:
    spec = ObjectSpec.from_file(compile_bpf(VARIABLES))
    with spec.load() as loaded:
        program, section = spec.programs["count"], spec.maps[".data"]
        size = section.value_size
        program.autoattach, program.attach_to = False, "lo"
        section.value_size, section.name = 1 << 20, "other"
        assert (loaded.programs["count"].autoattach, loaded.programs["count"].attach_to) == (True, "")
        assert (loaded.maps[".data"].value_size, loaded.maps[".data"].name) == (size, ".data")


def test_an_object_is_made_of_the_same_maps_and_programs_each_time(compile_bpf: Compile) -> None:
    with load(compile_bpf(VARIABLES)) as loaded:
        assert loaded.maps is loaded.maps
        assert loaded.programs["count"] is loaded.programs["count"]
        assert loaded.variables["runs"] is loaded.variables["runs"]
        assert repr(loaded) == f"<Object '{loaded.name}' programs: count; maps: {', '.join(loaded.maps)}>"


@pytest.mark.parametrize("asks", [False, True])
def test_what_nobody_asked_for_is_closed_as_well(compile_bpf: Compile, asks: bool) -> None:
    spec = ObjectSpec.from_file(compile_bpf(VARIABLES))
    before = set(Path("/proc/self/fd").iterdir())
    loaded = spec.load()
    if asks:
        assert loaded.maps
        assert loaded.programs
    loaded.close()
    loaded.close()
    assert set(Path("/proc/self/fd").iterdir()) == before
    assert {one.fd for one in (*loaded.maps.values(), *loaded.programs.values())} == {-1}


@pytest.mark.parametrize("collects", [True, False])
def test_collecting_garbage_goes_on_after_loading(compile_bpf: Compile, collects: bool) -> None:
    path = compile_bpf(VARIABLES)
    broken = path.read_bytes()[:100]
    (gc.enable if collects else gc.disable)()
    try:
        load(path).close()
        assert gc.isenabled() == collects
        with pytest.raises(ObjectError):
            ObjectSpec.from_bytes(broken, "broken")
        with pytest.raises(BpflabError):
            load(path, programs=["none"])
        assert gc.isenabled() == collects
    finally:
        gc.enable()


@pytest.mark.parametrize(
    "change", [{"value_size": 1}, {"type": MapType.PERCPU_ARRAY, "flags": 0, "mmapable": 0}]
)
def test_contents_must_fit_the_map(compile_bpf: Compile, change: dict[str, int]) -> None:
    """The kernel would read beyond them."""
    spec = ObjectSpec.from_file(compile_bpf(VARIABLES))
    for name, value in change.items():
        setattr(spec.maps[".data"], name, value)
    with pytest.raises(ElementError, match=r"'\.data'"):
        spec.load()


def test_contents_that_the_kernel_refuses(compile_bpf: Compile, monkeypatch: pytest.MonkeyPatch) -> None:
    """It refuses none in a map that was just made: this stands in for one that does."""
    monkeypatch.setattr("bpflab.loader.map_create.native.update", lambda *_: -errno.ENOMEM)
    before = set(Path("/proc/self/fd").iterdir())
    with pytest.raises(KernelError, match=r"map '.*': setting its contents: ENOMEM"):
        load(compile_bpf(VARIABLES))
    assert set(Path("/proc/self/fd").iterdir()) == before


def test_variables_set_before_loading(compile_bpf: Compile) -> None:
    spec = ObjectSpec.from_file(compile_bpf(VARIABLES))
    spec.variables["limit"].value = 9
    spec.variables["runs"].value = 10
    with spec.load() as loaded:
        assert loaded.programs["count"].test_run(FRAME).retval == 9
        assert loaded.variables["runs"].value == 11
    assert spec.variables["runs"].value == 10


def test_loading_does_not_change_the_spec(compile_bpf: Compile) -> None:
    spec = ObjectSpec.from_file(compile_bpf(VARIABLES))
    before = copy.deepcopy(spec)
    with spec.load(), spec.load():
        pass
    assert spec == before


SUBPROGRAMS = """
struct { __uint(type, 2); __uint(max_entries, 1); __type(key, u32); __type(value, u64); } sums SEC(".maps");
static __attribute__((noinline)) u64 square(u64 x) { return x * x; }
__attribute__((noinline)) int add(u32 by)
{
    u32 zero = 0;
    u64 *sum = bpf_map_lookup_elem(&sums, &zero);
    if (!sum)
        return -1;
    *sum += square(by);
    return by;
}
SEC("xdp") int entry(struct xdp_md *ctx) { return add(3) + add(4); }
SEC("?xdp") int optional(struct xdp_md *ctx) { return add(1); }
"""


def test_subprograms_and_maps(compile_bpf: Compile) -> None:
    with load(compile_bpf(SUBPROGRAMS)) as loaded:
        assert list(loaded.programs) == ["entry"]
        assert loaded.programs["entry"].test_run(FRAME).retval == 7
        assert loaded.maps["sums"][0] == 25


def test_choosing_programs(compile_bpf: Compile) -> None:
    path = compile_bpf(SUBPROGRAMS)
    with load(path, programs=["optional"]) as loaded:
        assert list(loaded.programs) == ["optional"]
        assert loaded.programs["optional"].test_run(FRAME).retval == 1
    with pytest.raises(BpflabError, match="has no program 'other'; there are: entry, optional"):
        load(path, programs=["other"])


TAIL_CALL = """
int second(struct xdp_md *ctx);
struct {
    __uint(type, 3); __uint(max_entries, 2); __uint(key_size, 4);
    __array(values, int (void *));
} jumps SEC(".maps") = { .values = { [1] = (void *)&second } };
SEC("xdp") int first(struct xdp_md *ctx) { bpf_tail_call(ctx, &jumps, 1); return 1; }
SEC("xdp") int second(struct xdp_md *ctx) { return 2; }
"""


def test_a_filled_program_array(compile_bpf: Compile) -> None:
    with load(compile_bpf(TAIL_CALL)) as loaded:
        assert loaded.programs["first"].test_run(FRAME).retval == 2
        assert loaded.maps["jumps"][1] == loaded.programs["second"].info().id
        del loaded.maps["jumps"][1]
        assert loaded.programs["first"].test_run(FRAME).retval == 1
        loaded.maps["jumps"][1] = loaded.programs["second"]
        assert loaded.programs["first"].test_run(FRAME).retval == 2


def test_a_slot_for_a_program_that_is_not_loaded(compile_bpf: Compile) -> None:
    with pytest.raises(KernelError, match=r"map 'jumps': filling slot 1: EBADF .*'second' is not loaded"):
        load(compile_bpf(TAIL_CALL), programs=["first"])


MAPS_IN_MAP = """
struct inner { __uint(type, 2); __uint(max_entries, 1); __type(key, u32); __type(value, u32); };
struct inner one SEC(".maps");
struct {
    __uint(type, 12); __uint(max_entries, 2); __uint(key_size, 4);
    __array(values, struct inner);
} outer SEC(".maps") = { .values = { [1] = &one } };
SEC("xdp") int look(struct xdp_md *ctx)
{
    u32 key = 1, zero = 0;
    void *inner = bpf_map_lookup_elem(&outer, &key);
    u32 *value = inner ? bpf_map_lookup_elem(inner, &zero) : 0;
    return value ? (int)*value : -1;
}
"""


def test_a_filled_map_of_maps(compile_bpf: Compile) -> None:
    with load(compile_bpf(MAPS_IN_MAP)) as loaded:
        loaded.maps["one"][0] = 77
        assert loaded.programs["look"].test_run(FRAME).retval == 77


def test_instructions_as_given_and_as_rewritten(compile_bpf: Compile) -> None:
    with load(compile_bpf(SUBPROGRAMS)) as loaded:
        program = loaded.programs["entry"]
        fd = loaded.maps["sums"].fd.to_bytes(4, "little")
        assert b"\x18\x11\0\0" in program.insns.replace(b"\x18\x12", b"\x18\x11")
        assert fd in program.insns
        info = program.info()
        assert info.name == "entry" and len(info.tag) == 16 and info.id > 0
        assert len(program.xlated()) == info.xlated_size > 0


def test_debug_information_reaches_the_kernel(compile_bpf: Compile) -> None:
    """The verifier's log quotes source lines, which it can only from line info."""
    with load(compile_bpf(SUBPROGRAMS), log_level=2) as loaded:
        assert "add(3) + add(4)" in loaded.programs["entry"].log
    with load(compile_bpf(SUBPROGRAMS)) as loaded:
        assert loaded.programs["entry"].log == ""


REFUSED = """
SEC("xdp") int fine(struct xdp_md *ctx) { return 0; }
SEC("xdp") int broken(struct xdp_md *ctx) { return *(volatile int *)(long)ctx->data; }
"""


def test_a_refused_program(compile_bpf: Compile) -> None:
    with pytest.raises(VerifierError) as refused:
        load(compile_bpf(REFUSED))
    error = refused.value
    assert error.program == "broken"
    assert error.errno == errno.EACCES
    assert "invalid access to packet" in error.log or "invalid mem access" in error.log
    assert "broken" in str(error) and "invalid" in str(error) and "processed" not in str(error)
    assert error.source is not None and error.source.text.startswith('SEC("xdp") int broken(')
    assert str(error).endswith(f"(in {error.source.file}:{error.source.line}: {error.source.text})")


def test_one_bad_program_spares_the_others(compile_bpf: Compile) -> None:
    with load(compile_bpf(REFUSED), programs=["fine"]) as loaded:
        assert loaded.programs["fine"].test_run(FRAME).retval == 0


def test_an_unknown_section(compile_bpf: Compile) -> None:
    path = compile_bpf('SEC("nonsense") int x(void *ctx) { return 0; }')
    with pytest.raises(MissingFeatureError, match="program 'x': unknown section 'nonsense'"):
        load(path)


def test_a_missing_attach_target(compile_bpf: Compile) -> None:
    path = compile_bpf('SEC("fentry/there_is_no_such_function") int x(void *ctx) { return 0; }')
    with pytest.raises(RelocationError, match="BTF a function 'there_is_no_such_function'"):
        load(path)


def test_a_missing_attach_target_in_a_module(compile_bpf: Compile) -> None:
    path = compile_bpf('SEC("fentry/imagined:function") int x(void *ctx) { return 0; }')
    with pytest.raises(RelocationError, match="no module 'imagined' with BTF is loaded"):
        load(path)
    path = compile_bpf('SEC("fentry/vmlinux:imagined_function") int x(void *ctx) { return 0; }')
    with pytest.raises(RelocationError, match="the BTF of 'vmlinux' has no function 'imagined_function'"):
        load(path)


def test_the_other_byte_order_is_refused(compile_bpf: Compile) -> None:
    spec = ObjectSpec.from_file(compile_bpf(VARIABLES))
    spec.byte_order = ">"
    with pytest.raises(ObjectError, match="big-endian"):
        spec.load()


CORE = """
struct task_struct { int pid, no_such_field; } __attribute__((preserve_access_index));
static struct task_struct *(*bpf_get_current_task)(void) = (void *)35;
static long (*bpf_probe_read_kernel)(void *, u32, const void *) = (void *)113;
SEC("raw_tp/sys_enter") int right(void *ctx)
{
    int pid = 0;
    bpf_probe_read_kernel(&pid, 4, &bpf_get_current_task()->pid);
    return pid;
}
"""


def test_a_relocated_field(compile_bpf: Compile) -> None:
    with load(compile_bpf(CORE)) as loaded:
        result = loaded.programs["right"].test_run(ctx=bytes(16))
        assert result.retval == os.getpid()


def test_a_missing_field_is_explained(compile_bpf: Compile) -> None:
    path = compile_bpf(CORE.replace("->pid", "->no_such_field"))
    with pytest.raises(VerifierError) as refused:
        load(path)
    assert "unresolved CO-RE relocation" in str(refused.value)
    assert "has no member 'no_such_field'" in str(refused.value)
    assert re.search(r"in \S+test\.bpf\.c:\d+: .*no_such_field", str(refused.value))
    assert "task_struct.no_such_field" in str(refused.value)


def test_another_kernels_types_can_be_given(compile_bpf: Compile, tmp_path: Path) -> None:
    from bpflab.loader import KernelBtf

    source = """
    struct task_struct { long padding[2]; int pid; } task;
    SEC("xdp") int x(void *c) { return task.pid; }
    """
    types = KernelBtf.from_file(compile_bpf(source))
    with load(compile_bpf(CORE), btf=types) as loaded:
        immediates = [imm for (imm,) in struct.iter_unpack("=4xi", loaded.programs["right"].insns)]
        assert 16 in immediates


class TestOlderKernels:
    """The kernel refuses what it does not know; here a stand-in refuses by feature."""

    def test_btf_is_degraded_step_by_step(
        self, compile_bpf: Compile, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        tried: list[set[BtfFeature]] = []
        real, real_without = syscall.btf_load, sanitize.without

        def without(btf: object, dropped: set[BtfFeature]) -> object:
            tried.append(set(dropped))
            return real_without(btf, dropped)  # type: ignore[arg-type]  # what load_btf hands on

        def refuse(data: bytes, log: object = None) -> int:
            return real(data) if tried and BtfFeature.GLOBAL_FUNC in tried[-1] else -errno.EINVAL

        monkeypatch.setattr("bpflab.loader.btf_load.btf_load", refuse)
        monkeypatch.setattr("bpflab.loader.btf.sanitize.without", without)
        with load(compile_bpf(SUBPROGRAMS)) as loaded:
            assert loaded.programs["entry"].test_run(FRAME).retval == 7
        assert tried == [{BtfFeature.GLOBAL_FUNC}]

    def test_without_btf_in_any_form(self, compile_bpf: Compile, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(btf_load, "btf_load", lambda data: -errno.EINVAL)
        with load(compile_bpf(VARIABLES)) as loaded:
            assert loaded.programs["count"].test_run(FRAME).retval == 7


def test_attaching_all_that_say_where(compile_bpf: Compile) -> None:
    with load(compile_bpf(CORE + SUBPROGRAMS)) as loaded:
        links = loaded.attach()
        assert [link.what for link in links] == ["program 'right' to raw tracepoint 'sys_enter'"]


PINNED = """
struct {
    __uint(type, 1); __uint(max_entries, %d); __uint(pinning, 1);
    __type(key, u32); __type(value, u64);
} shared SEC(".maps");
SEC("xdp") int count(struct xdp_md *ctx)
{
    u32 key = 1;
    u64 one = 1, *seen = bpf_map_lookup_elem(&shared, &key);
    if (seen)
        *seen += 1;
    else
        bpf_map_update_elem(&shared, &key, &one, 0);
    return %s;
}
"""


def test_maps_pinned_by_name_are_shared(compile_bpf: Compile, bpffs: Path) -> None:
    path = compile_bpf(PINNED % (8, "0"))
    with load(path, pin_root=bpffs) as first:
        first.programs["count"].test_run(FRAME)
        with load(path, pin_root=bpffs) as second:
            second.programs["count"].test_run(FRAME)
            assert first.maps["shared"][1] == 2
    with load(path, pin_root=bpffs) as third:
        assert dict(third.maps["shared"].items()) == {1: 2}
    words = "max_entries is 8, not 9"
    with pytest.raises(KernelError, match=words) as refused:
        load(compile_bpf(PINNED % (9, "0")), pin_root=bpffs)
    assert refused.value.errno == errno.EINVAL


def test_a_failed_load_leaves_no_pin(compile_bpf: Compile, bpffs: Path) -> None:
    broken = compile_bpf(PINNED % (8, "*(volatile int *)(long)ctx->data"))
    with pytest.raises(VerifierError):
        load(broken, pin_root=bpffs)
    assert not (bpffs / "shared").exists()
    with load(compile_bpf(PINNED % (8, "0")), pin_root=bpffs), pytest.raises(VerifierError):
        load(broken, pin_root=bpffs)
    assert (bpffs / "shared").exists()


NAMELESS = """
u32 input = 3;
__attribute__((noinline)) int twice(int value, int) { return value * 2; }
SEC("socket") int program(void *ctx) { return twice(input, 0); }
"""


@pytest.mark.usefixtures("live")
def test_types_of_functions_that_no_kernel_takes_are_left_out(compile_bpf: Compile) -> None:
    """A parameter without a name: the BTF goes without functions, and programs do not refer to them."""
    spec = ObjectSpec.from_file(compile_bpf(NAMELESS))
    assert spec.btf is not None and "" in {
        name for proto in spec.btf.of_kind(Kind.FUNC_PROTO) for name, _ in spec.btf.parameters(proto)
    }
    with spec.load() as loaded:
        assert loaded.programs["program"].test_run(bytes(64)).retval == 6


def test_signals_that_come_faster_than_the_verifier_is_done(
    live: None, compile_bpf: Callable[[str], Path]
) -> None:
    """As a profiler's do: the kernel gives a program up with EAGAIN at each of them (since 4.20)."""
    loop = "for (int i = 0; i < 30000; i++) sum += sum ^ i;"
    path = compile_bpf(f'u64 sum; SEC("socket") int slow(void *ctx) {{ {loop} return 0; }}')
    spec = ObjectSpec.from_file(path)
    seen = []
    before = signal.signal(signal.SIGALRM, lambda *_: seen.append(1))
    signal.setitimer(signal.ITIMER_REAL, 0.0005, 0.0005)
    try:
        with spec.load() as obj:
            assert obj.programs["slow"].info().verified_insns > 100_000
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
    assert seen
