"""Compile once, run everywhere: relocations against the running kernel's types."""

from __future__ import annotations

import os
import sys

import pytest

from ...loader.btf import Kind
from ...loader.btf.file import read_btf
from ...loader.btf.kernel import KernelBtf
from ..subjects.handles import SubjectObject
from .child import rename_to, wait_until_parent_sleeps
from .fixtures import Fork, Open
from .job import SuiteJob
from .kernel_types import KernelTypes
from .network import Veth, frame
from .numbers import signed, u32, unsigned

TASK_INTERRUPTIBLE = 1
PF_FORKNOEXEC = 0x40
"""A task's flag, linux/sched.h: forked, and has executed nothing since."""

RINGBUF = 27
"""BPF_MAP_TYPE_RINGBUF of linux/bpf.h."""


@pytest.mark.obj("core/task")
def check_task_members(loaded: Open, fork: Fork) -> None:
    """Reads a task's pid, name and parent where this kernel keeps them."""

    def rename_twice() -> str:
        rename_to("core-first")
        rename_to("core-second")
        return ""

    child = fork(rename_twice)
    obj = loaded("core/task", target_pid=u32(child.pid))
    obj.attach("read_task")
    child.go()
    assert unsigned(obj.variable("pid")) == child.pid
    assert unsigned(obj.variable("tgid")) == child.pid
    assert unsigned(obj.variable("parent_tgid")) == os.getpid()
    # The tracepoint is hit before the new name is in place.
    assert obj.variable("comm").split(b"\0")[0] == b"core-first"


@pytest.mark.obj("core/task_state")
def check_renamed_member(loaded: Open, fork: Fork) -> None:
    """Reads a sleeping task's state, called `state` before 5.14 and `__state` since."""

    def rename_while_parent_sleeps() -> str:
        wait_until_parent_sleeps()
        rename_to("core-state")
        return ""

    child = fork(rename_while_parent_sleeps)
    obj = loaded("core/task_state", target_pid=u32(child.pid))
    obj.attach("read_parent_state")
    child.go()
    assert signed(obj.variable("parent_state")) == TASK_INTERRUPTIBLE


@pytest.mark.obj("core/kinds")
def check_existence(obj: SubjectObject) -> None:
    """Tells which members, types and enum values this kernel has."""
    obj.test_run("resolve", frame())
    for what in ("member", "type", "value"):
        assert unsigned(obj.variable(f"{what}_exists")) == 1, what
        assert unsigned(obj.variable(f"imagined_{what}_exists")) == 0, what


@pytest.mark.obj("core/kinds")
def check_sizes_and_values(obj: SubjectObject) -> None:
    """Sizes, offsets, signedness and enum values are the kernel's, not the object's."""
    obj.test_run("resolve", frame())
    assert unsigned(obj.variable("comm_size")) == 16
    assert unsigned(obj.variable("pid_signed")) == 1
    assert unsigned(obj.variable("prev_offset")) == 8
    assert unsigned(obj.variable("list_head_size")) == 16
    assert unsigned(obj.variable("ringbuf_value")) == RINGBUF


FIELDS = {
    "prio": ("task_struct", "prio"),
    "comm": ("task_struct", "comm"),
    "real_parent": ("task_struct", "real_parent"),
    "thread_flags": ("task_struct", "thread_info", "flags"),
    "runtime": ("task_struct", "se", "sum_exec_runtime"),
    "in_execve": ("task_struct", "in_execve"),
    "imagined": ("task_struct", "no_such_member"),
    "start_code": ("mm_struct", "start_code"),
    "mapping": ("page", "mapping"),
    "pkt_type": ("sk_buff", "pkt_type"),
    "ip_summed": ("sk_buff", "ip_summed"),
    "csum_level": ("sk_buff", "csum_level"),
    "nonagle": ("tcp_sock", "nonagle"),
    "jited": ("bpf_prog", "jited"),
    "state": ("sock", "__sk_common", "skc_state"),
    "daddr": ("sock", "__sk_common", "skc_daddr"),
    "map_type": ("bpf_map", "map_type"),
    "resizing": ("files_struct", "resize_in_progress"),
    "count": ("percpu_counter", "count"),
}
"""Variable of core/fields → the member that it is about."""


@pytest.mark.parametrize(
    "variable", [pytest.param(each, marks=pytest.mark.id(f"core/field_{each}")) for each in FIELDS]
)
@pytest.mark.obj("core/fields")
def check_field(variable: str, obj: SubjectObject, kernel_types: KernelTypes) -> None:
    """A member's existence, offset, size, sign and shifts are those of the kernel's BTF."""
    obj.test_run("measure", frame())
    raw = obj.variable(variable)
    exists, offset, size, is_signed, left, right = (unsigned(raw[at : at + 4]) for at in range(0, 24, 4))
    here = kernel_types.place(*FIELDS[variable])
    assert exists == (here is not None)
    if here is None:
        assert not any(raw)
    elif here.kind in (Kind.PTR, Kind.ARRAY):
        assert (offset * 8, size * 8) == (here.bit_offset, here.bits)
    else:
        assert is_signed == here.is_signed
        # What is loaded is aligned and holds the field; the shifts leave the field alone.
        assert size in (1, 2, 4, 8) and offset % size == 0
        assert right == 64 - here.bits
        first = 64 - left - here.bits if sys.byteorder == "little" else left - (64 - size * 8)
        assert offset * 8 + first == here.bit_offset
        assert 0 <= first <= size * 8 - here.bits


@pytest.mark.obj("core/arrays")
def check_array_elements(loaded: Open, fork: Fork, kernel_types: KernelTypes) -> None:
    """Elements of arrays exist up to the kernel's length, and in flexible arrays without end."""

    def offset(*path: str) -> int:
        place = kernel_types.place(*path)
        assert place is not None
        return place.bit_offset // 8

    def rename_twice() -> str:
        rename_to("core-array")
        rename_to("anything")
        return ""

    child = fork(rename_twice)
    obj = loaded("core/arrays", target_pid=u32(child.pid))
    obj.attach("measure")
    child.go()
    assert (unsigned(obj.variable("last_exists")), unsigned(obj.variable("beyond_exists"))) == (1, 0)
    assert unsigned(obj.variable("third")) == offset("task_struct", "comm") + 2
    assert obj.variable("letter") == b"r"
    timer = kernel_types.size("cpu_itimer") + offset("cpu_itimer", "incr")
    assert unsigned(obj.variable("second_timer")) == offset("signal_struct", "it") + timer
    insn = 7 * kernel_types.size("bpf_insn") + offset("bpf_insn", "imm")
    assert unsigned(obj.variable("eighth_insn")) == offset("bpf_prog", "insnsi") + insn
    assert unsigned(obj.variable("third_in_list")) == 2 * 16 + 8


@pytest.mark.obj("core/nesting")
def check_anonymous_members(obj: SubjectObject, kernel_types: KernelTypes) -> None:
    """A member is found by its name, however many anonymous structs and unions are around it."""
    obj.test_run("measure", frame())
    members = {
        "mapping": ("page", "mapping"),
        "arg_start": ("mm_struct", "arg_start"),
        "tgid": ("task_struct", "tgid"),
    }
    offsets = {}
    for member, path in members.items():
        here = kernel_types.place(*path)
        assert here is not None
        offsets[member] = here.bit_offset // 8
    for variable in ("flat_mapping", "deep_mapping", "flat_arg_start", "deep_arg_start", "deep_tgid"):
        assert unsigned(obj.variable(variable)) == offsets[variable.partition("_")[2]], variable


TYPES = {
    "task": ("task_struct", Kind.STRUCT),
    "attributes": ("bpf_attr", Kind.UNION),
    "map_type": ("bpf_map_type", Kind.ENUM),
    "pid": ("pid_t", Kind.TYPEDEF),
    "atomic": ("atomic_t", Kind.TYPEDEF),
    "event": ("perf_event", Kind.STRUCT),
}
"""Variable of core/types → a type that every kernel has."""


@pytest.mark.obj("core/types")
def check_types(obj: SubjectObject, kernel_types: KernelTypes) -> None:
    """Existence, size and id of a struct, union, enum and typedef are those of the kernel's BTF."""
    obj.test_run("tell", frame())
    for variable, (name, kind) in TYPES.items():
        found = kernel_types.find(name, kind)
        assert found is not None
        expected = 1, kernel_types.size(name, kind), found.id
        assert three(obj.variable(variable)) == expected, variable


@pytest.mark.obj("core/types")
def check_missing_types(obj: SubjectObject) -> None:
    """A type of another kind, of another meaning or of an unknown name does not exist; no size, no id."""
    obj.test_run("tell", frame())
    for variable in ("union_list", "missing", "pointer"):
        assert three(obj.variable(variable)) == (0, 0, 0), variable


@pytest.mark.obj("core/types")
def check_local_type_ids(obj: SubjectObject, job: SuiteJob) -> None:
    """A type's id in the object itself."""
    obj.test_run("tell", frame())
    own = read_btf(job.objects["core/types"])
    assert own.type(unsigned(obj.variable("local_task"))).name == "task_struct"
    assert own.type(unsigned(obj.variable("local_pid"))).name == "pid_t"


MATCHES = {
    "part": 1,
    "more": 0,
    "pointee": 0,
    "numbers": 1,
    "not_signed": 0,
    "wide": 0,
    "links": 1,
    "fewer_links": 0,
    "behind_pointer": 1,
    "few": 1,
    "more_values": 0,
    "function": 1,
    "fewer_arguments": 0,
    "returns": 0,
}
"""Variable of core/matches → whether the types match, on every kernel."""


@pytest.mark.obj("core/matches")
def check_type_matches(obj: SubjectObject) -> None:
    """A type matches if the kernel's has all of it, with the same shape."""
    obj.test_run("match", frame())
    assert [name for name, match in MATCHES.items() if unsigned(obj.variable(name)) != match] == []


@pytest.mark.obj("core/enums")
def check_enum_values(obj: SubjectObject, kernel_types: KernelTypes) -> None:
    """Values that kernels move, negative ones, and those of an enum that has 64 bits since 6.0."""
    obj.test_run("resolve", frame())
    groups = kernel_types.enumerators("cgroup_subsys_id")
    assert signed(obj.variable("memory")) == groups["memory_cgrp_id"]
    assert signed(obj.variable("controllers")) == groups["CGROUP_SUBSYS_COUNT"]
    assert unsigned(obj.variable("misc_exists")) == ("misc_cgrp_id" in groups)
    assert signed(obj.variable("misc")) == groups.get("misc_cgrp_id", 0)
    states = kernel_types.enumerators("perf_event_state")
    # What older BTF says of an enum is unsigned; its values are 32 bits wide and signed all the same.
    assert signed(obj.variable("dead")) == signed(u32(states["PERF_EVENT_STATE_DEAD"] & 0xFFFFFFFF)) < 0
    assert signed(obj.variable("active")) == states["PERF_EVENT_STATE_ACTIVE"]
    # linux/perf_event.h: (__u64)-512 and -128.
    assert (signed(obj.variable("user")), signed(obj.variable("narrow"))) == (-512, -128)
    assert (unsigned(obj.variable("user_exists")), unsigned(obj.variable("imagined_exists"))) == (1, 0)


@pytest.mark.obj("core/width")
def check_load_width(loaded: Open, fork: Fork) -> None:
    """A number that is wider or narrower in the object is loaded as wide as the kernel has it."""

    def rename() -> str:
        rename_to("core-width")
        return ""

    child = fork(rename)
    obj = loaded("core/width", target_pid=u32(child.pid))
    obj.attach("load_members")
    child.go()
    flags, start = unsigned(obj.variable("flags")), unsigned(obj.variable("start"))
    assert flags & PF_FORKNOEXEC
    assert unsigned(obj.variable("wide_flags")) == unsigned(obj.variable("narrow_flags")) == flags
    assert start >> 32, "the child started less than 5 s after the kernel: the check shows nothing"
    assert unsigned(obj.variable("narrow_start")) == start


@pytest.mark.obj("core/width")
def check_store_width(obj: SubjectObject) -> None:
    """A number that is wider or narrower in the object is stored as wide as the kernel has it."""
    assert obj.test_run("store_wide", frame()).retval == 1
    assert obj.test_run("store_narrow", frame()).retval == 1


@pytest.mark.obj("core/context")
def check_context(obj: SubjectObject) -> None:
    """A program's context is relocated like any other struct, for loads and stores."""
    obj.test_run("look", frame(size=90))
    # The device-independent part of a frame's length includes its Ethernet header in a test run.
    assert unsigned(obj.variable("length")) == 90
    values = {name: unsigned(obj.variable(name)) for name in ("mark", "priority", "third", "imagined")}
    assert values == {"mark": 7, "priority": 8, "third": 9, "imagined": 0}


@pytest.mark.obj("core/flavours")
def check_flavours(obj: SubjectObject, kernel_types: KernelTypes) -> None:
    """Several views of one type: the last `___` and what follows do not count."""
    obj.test_run("look", frame())
    exist = {"plain": 1, "flavoured": 1, "two_parts": 0, "other_kind": 0, "leading": 0, "trailing": 0}
    assert {name: unsigned(obj.variable(name)) for name in exist} == exist
    for variable, member in (("plain_offset", "pid"), ("flavoured_offset", "tgid")):
        here = kernel_types.place("task_struct", member)
        assert here is not None and unsigned(obj.variable(variable)) == here.bit_offset // 8


@pytest.mark.obj("core/subprograms")
def check_relocated_subprograms(obj: SubjectObject, kernel_types: KernelTypes) -> None:
    """Functions that two programs share are relocated in both, wherever they come to lie."""
    pid, tgid = kernel_types.place("task_struct", "pid"), kernel_types.place("task_struct", "tgid")
    assert pid is not None and tgid is not None
    first, second = pid.bit_offset // 8, tgid.bit_offset // 8
    assert obj.test_run("both", frame()).retval == (second << 16) + first
    assert obj.test_run("swapped", frame()).retval == (first << 16) + second + 1


@pytest.mark.obj("core/module_type")
def check_module_type(veth: Veth, obj: SubjectObject) -> None:
    """A type of a module is found in the module's own BTF; before 5.11 modules have none."""
    obj.test_run("look", frame())
    kernel = KernelBtf.running()
    found = kernel.candidates("veth_priv", {Kind.STRUCT})
    assert unsigned(obj.variable("exists")) == bool(found)
    if found:
        btf, type_id = found[0].btf, found[0].type_id
        members = {member.name: member.bit_offset // 8 for member in btf.members(btf.type(type_id))}
        assert unsigned(obj.variable("size")) == btf.size_of(type_id)
        assert unsigned(obj.variable("offset")) == members["requested_headroom"]


def three(raw: bytes) -> tuple[int, int, int]:
    """The three numbers of a struct."""
    return unsigned(raw[0:4]), unsigned(raw[4:8]), unsigned(raw[8:12])
