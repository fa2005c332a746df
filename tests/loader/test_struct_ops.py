"""Structs of callbacks, fitted to the running kernel's and attached."""

from __future__ import annotations

import copy
import errno
from collections.abc import Callable
from pathlib import Path

import pytest
from bpflab.loader import KernelError, ObjectSpec, StructOpsMap, UnresolvedError
from bpflab.loader.btf import Kind
from bpflab.loader.fit import Target
from bpflab.loader.struct_ops import StructOps

pytestmark = pytest.mark.usefixtures("live")
Compile = Callable[[str], Path]

AVAILABLE = Path("/proc/sys/net/ipv4/tcp_available_congestion_control")

CONTROL = """
struct sock { int unused; };
struct tcp_congestion_ops {
    char name[16];
    u32 (*ssthresh)(struct sock *sk);
    void (*cong_avoid)(struct sock *sk, u32 ack, u32 acked);
    u32 (*undo_cwnd)(struct sock *sk);
    EXTRA_MEMBER
};
SEC("struct_ops/ssthresh") u32 threshold(u64 *ctx) { return 2; }
SEC("struct_ops/cong_avoid") void avoid(u64 *ctx) {}
SEC("struct_ops/undo_cwnd") u32 undo(u64 *ctx) { return 10; }
SEC("SECTION") struct tcp_congestion_ops control = {
    .name = "bpflab_test",
    .ssthresh = (void *)threshold,
    .cong_avoid = (void *)avoid,
    .undo_cwnd = (void *)undo,
    EXTRA_VALUE
};
"""


def control(section: str = ".struct_ops", member: str = "", value: str = "") -> str:
    source = CONTROL.replace("SECTION", section)
    return source.replace("EXTRA_MEMBER", member).replace("EXTRA_VALUE", value)


def is_available() -> bool:
    return "bpflab_test" in AVAILABLE.read_text().split()


@pytest.mark.parametrize("section", [".struct_ops", ".struct_ops.link"])
def test_attaching_and_detaching(compile_bpf: Compile, section: str) -> None:
    with ObjectSpec.from_file(compile_bpf(control(section))).load() as loaded:
        table = loaded.maps["control"]
        assert isinstance(table, StructOpsMap)
        assert not is_available()
        for _ in range(2 if section.endswith(".link") else 1):
            with table.attach():
                assert is_available()
            assert not is_available()


def test_an_object_attaches_its_structs_itself(compile_bpf: Compile) -> None:
    with ObjectSpec.from_file(compile_bpf(control())).load() as loaded:
        (link,) = loaded.attach()
        assert is_available()
        assert "control" in str(link)
    assert not is_available()


def test_loading_does_not_change_the_spec(compile_bpf: Compile) -> None:
    spec = ObjectSpec.from_file(compile_bpf(control()))
    before = copy.deepcopy(spec)
    spec.load().close()
    assert spec == before


def test_a_name_that_is_taken(compile_bpf: Compile) -> None:
    spec = ObjectSpec.from_file(compile_bpf(control()))
    with spec.load() as first, spec.load() as second, first.attach()[0]:
        with pytest.raises(KernelError, match="registered already") as refusal:
            second.attach()
        assert refusal.value.errno == errno.EEXIST


def test_members_go_by_name(compile_bpf: Compile) -> None:
    spec = ObjectSpec.from_file(compile_bpf(control()))
    with Target() as target:
        fitted = StructOps(spec, target)
        vmlinux = target.running.vmlinux
        callback = fitted.callback("undo")
        theirs = vmlinux.type(callback.struct_id)
        member = vmlinux.members(theirs)[callback.member]
        value = fitted.structs["control"]
        (data,) = [
            one
            for one in vmlinux.members(vmlinux.type(value.value_type_id))
            if vmlinux.type(one.type_id).name == "tcp_congestion_ops"
        ]
        name = next(one for one in vmlinux.members(theirs) if one.name == "name")
    assert (theirs.kind, theirs.name, member.name) == (Kind.STRUCT, "tcp_congestion_ops", "undo_cwnd")
    start = (data.bit_offset + name.bit_offset) // 8
    assert value.contents[start : start + 16] == b"bpflab_test".ljust(16, b"\0")
    offsets = {slot.program: slot.offset for slot in value.slots}
    assert offsets["undo"] == (data.bit_offset + member.bit_offset) // 8


def test_empty_members_that_the_kernel_lacks_do_no_harm(compile_bpf: Compile) -> None:
    source = control(member="u64 imagined; void (*imagined_callback)(void);")
    with ObjectSpec.from_file(compile_bpf(source)).load() as loaded, loaded.attach()[0]:
        assert is_available()


@pytest.mark.parametrize(
    ("member", "value", "problem"),
    [
        ("u64 imagined;", ".imagined = 1,", "tcp_congestion_ops.imagined is set"),
        ("void (*imagined)(void);", ".imagined = (void *)avoid,", "tcp_congestion_ops.imagined is set"),
        ("u64 flags;", "", "tcp_congestion_ops.flags has 4 bytes in this kernel, not 8"),
        ("void *flags;", "", "tcp_congestion_ops.flags is unsigned int in this kernel, not pointer"),
        ("u32 flags : 4;", "", "tcp_congestion_ops.flags is a bitfield"),
        ("u32 (*init)(void);", ".init = (void *)undo,", "program 'undo' is a callback of another member"),
    ],
)
def test_structs_that_do_not_fit(compile_bpf: Compile, member: str, value: str, problem: str) -> None:
    spec = ObjectSpec.from_file(compile_bpf(control(member=member, value=value)))
    with pytest.raises(UnresolvedError) as refusal:
        spec.load()
    assert "struct_ops map 'control': " in str(refusal.value)
    assert problem in str(refusal.value)


OPTIONAL = """
struct imagined_ops { int (*call)(void); };
SEC("struct_ops/call") int called(u64 *ctx) { return 0; }
SEC("SECTION") struct imagined_ops ops = { .call = (void *)called };
SEC("socket") int other(struct __sk_buff *skb) { return 0; }
"""


def test_an_optional_struct_is_left_out_with_its_programs(compile_bpf: Compile) -> None:
    with ObjectSpec.from_file(compile_bpf(OPTIONAL.replace("SECTION", "?.struct_ops"))).load() as loaded:
        assert list(loaded.programs) == ["other"]
        assert "ops" not in loaded.maps


def test_an_unknown_struct(compile_bpf: Compile) -> None:
    path = compile_bpf(OPTIONAL.replace("SECTION", ".struct_ops"))
    with pytest.raises(UnresolvedError, match="'bpf_struct_ops_imagined_ops' is not in the kernel's BTF"):
        ObjectSpec.from_file(path).load()


def test_a_program_without_a_struct(compile_bpf: Compile) -> None:
    path = compile_bpf('SEC("struct_ops/call") int called(u64 *ctx) { return 0; }')
    with pytest.raises(UnresolvedError, match="program 'called': is in no struct_ops map"):
        ObjectSpec.from_file(path).load()
