"""Changes of real kernels between 5.10 and 7.2: one object that works before and after each of them."""

from __future__ import annotations

import os
import socket
import tempfile
import time
from pathlib import Path

import pytest

from ...loader.btf import Kind
from ..subjects.handles import SubjectObject
from .cgroup import enter
from .child import rename_to
from .fixtures import Fork, Open
from .kernel_types import KernelTypes, Place
from .network import Veth, frame
from .numbers import signed, u16, u32, unsigned

PACKET_BROADCAST = 1
"""A packet's type, linux/if_packet.h: the lab's frames are sent to everybody."""

PAGES_OFF = 256
"""How far a sum of per-CPU counters may be behind: a batch of 32 per CPU, and of up to 64 per task."""


OPEN_AS = 200
"""The descriptor that a child gives the file that a program looks at."""


def renamed(name: str) -> str:
    """What most children do: take a name, which is when the programs look at them."""
    rename_to(name)
    return ""


@pytest.mark.obj("changes/task_cpu")
def check_task_cpu(loaded: Open, fork: Fork) -> None:
    """The CPU that a task runs on, in task_struct before 5.16 and in thread_info since."""
    last = max(os.sched_getaffinity(0))

    def rename_on_last_cpu() -> str:
        os.sched_setaffinity(0, {last})
        return renamed("changes-cpu")

    child = fork(rename_on_last_cpu)
    obj = loaded("changes/task_cpu", target_pid=u32(child.pid))
    obj.attach("read_cpu")
    child.go()
    assert signed(obj.variable("cpu")) == last


@pytest.mark.obj("changes/rss")
def check_mm_counters(loaded: Open, fork: Fork) -> None:
    """A process's resident pages, counted per CPU since 6.2."""

    def rename_and_count() -> str:
        rename_to("changes-rss")
        return Path("/proc/self/statm").read_text()

    child = fork(rename_and_count)
    obj = loaded("changes/rss", target_pid=u32(child.pid))
    obj.attach("read_rss")
    resident, shared = map(int, child.go().split()[1:3])
    assert resident - shared > 0
    assert abs(signed(obj.variable("shared_pages")) - shared) <= PAGES_OFF
    assert abs(signed(obj.variable("anonymous_pages")) - (resident - shared)) <= PAGES_OFF


@pytest.mark.obj("changes/inode_ctime")
def check_inode_ctime(loaded: Open, fork: Fork) -> None:
    """When an inode was last changed: a member that was renamed in 6.6 and taken apart in 6.11."""
    with tempfile.TemporaryFile() as file:
        child = fork(lambda: renamed("changes-inode"))
        target = {"target_pid": u32(child.pid), "target_fd": u32(file.fileno())}
        obj = loaded("changes/inode_ctime", **target)
        obj.attach("read_inode")
        child.go()
        known = os.fstat(file.fileno())
    assert unsigned(obj.variable("number")) == known.st_ino
    found = signed(obj.variable("seconds")) * 10**9 + signed(obj.variable("nanoseconds"))
    assert found == known.st_ctime_ns


@pytest.mark.obj("changes/open_file")
def check_file_references(loaded: Open, fork: Fork) -> None:
    """How often a file is open: counted from 0 in another member since 6.13."""
    obj, _ = _watch_open_file(loaded, fork, copies=5)
    assert signed(obj.variable("references")) == 1 + 5


@pytest.mark.obj("changes/open_file")
def check_file_mount(loaded: Open, fork: Fork) -> None:
    """The mount that a file was opened through, found by an offset that kernels change."""
    obj, mount = _watch_open_file(loaded, fork, copies=0)
    assert signed(obj.variable("mount_id")) == mount


def _watch_open_file(loaded: Open, fork: Fork, copies: int) -> tuple[SubjectObject, int]:
    """Let a child open a file and copy its descriptor; the object that saw it, and the mount's id."""

    def open_and_rename() -> str:
        first = os.open("/proc/self/status", os.O_RDONLY)
        os.dup2(first, OPEN_AS)
        os.close(first)
        for _ in range(copies):
            os.dup(OPEN_AS)
        rename_to("changes-file")
        info = Path(f"/proc/self/fdinfo/{OPEN_AS}").read_text()
        return next(line.split()[1] for line in info.splitlines() if line.startswith("mnt_id:"))

    child = fork(open_and_rename)
    obj = loaded("changes/open_file", target_pid=u32(child.pid), target_fd=u32(OPEN_AS))
    obj.attach("read_file")
    return obj, int(child.go())


@pytest.mark.obj("changes/cgroup")
def check_cgroup_ancestors(cgroup: Path, loaded: Open, fork: Fork) -> None:
    """A group's ancestor in a flexible array: numbers before 6.1, pointers since."""
    obj = _watch_group(cgroup, loaded, fork)
    assert unsigned(obj.variable("id")) == cgroup.stat().st_ino
    assert unsigned(obj.variable("ancestor_id")) == cgroup.stat().st_ino, "the last ancestor is itself"


@pytest.mark.obj("changes/cgroup")
def check_kernfs_parent(cgroup: Path, loaded: Open, fork: Fork) -> None:
    """The parent of a group's directory, renamed in 6.15."""
    obj = _watch_group(cgroup, loaded, fork)
    assert unsigned(obj.variable("parent_id")) == cgroup.parent.stat().st_ino
    assert signed(obj.variable("level")) >= 1


def _watch_group(cgroup: Path, loaded: Open, fork: Fork) -> SubjectObject:
    def enter_and_rename() -> str:
        enter(cgroup)
        return renamed("changes-group")

    child = fork(enter_and_rename)
    obj = loaded("changes/cgroup", target_pid=u32(child.pid))
    obj.attach("read_cgroup")
    child.go()
    return obj


@pytest.mark.obj("changes/capabilities")
def check_capabilities(loaded: Open, fork: Fork) -> None:
    """A task's capabilities: two words before 6.3, one number since."""

    def rename_and_tell() -> str:
        rename_to("changes-caps")
        lines = Path("/proc/self/status").read_text().splitlines()
        return next(line.split()[1] for line in lines if line.startswith("CapEff:"))

    child = fork(rename_and_tell)
    obj = loaded("changes/capabilities", target_pid=u32(child.pid))
    obj.attach("read_capabilities")
    effective = int(child.go(), 16)
    # Until 6.2 the bits of capabilities that do not exist were set as well.
    known = (1 << (int(Path("/proc/sys/kernel/cap_last_cap").read_text()) + 1)) - 1
    assert unsigned(obj.variable("effective")) & known == effective
    assert effective


@pytest.mark.obj("changes/sched_switch")
def check_sched_switch(loaded: Open, fork: Fork, kernel_types: KernelTypes) -> None:
    """The state in which a task stops running: read from the task before 5.18, an argument since."""

    def sleep() -> str:
        time.sleep(0.05)
        return ""

    child = fork(sleep)
    obj = loaded("changes/sched_switch", target_pid=u32(child.pid))
    obj.attach("on_switch")
    child.go()
    assert unsigned(obj.variable("told")) == (kernel_types.parameters("btf_trace_sched_switch") == 5)
    assert unsigned(obj.variable("slept")) >= 1


@pytest.mark.obj("changes/drop_reason")
def check_drop_reason(udp: socket.socket, loaded: Open, kernel_types: KernelTypes) -> None:
    """Why a packet was dropped: told since 5.17, in numbers that change."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as closed:
        closed.bind(("127.0.0.1", 0))
        port = closed.getsockname()[1]
    obj = loaded("changes/drop_reason", target_port=u16(port))
    obj.attach("on_drop")
    udp.sendto(b"to nobody", ("127.0.0.1", port))
    reasons = kernel_types.enumerators("skb_drop_reason")
    assert unsigned(obj.variable("dropped")) == 1
    assert signed(obj.variable("has_reason")) == ("SKB_DROP_REASON_NO_SOCKET" in reasons)
    assert unsigned(obj.variable("without_socket")) == ("SKB_DROP_REASON_NO_SOCKET" in reasons)


@pytest.mark.obj("changes/packet")
def check_packet(veth: Veth, obj: SubjectObject) -> None:
    """A packet's type, a bitfield, and its device, whose members were sorted anew in 6.8."""
    obj.attach("on_receive")
    veth.far.send(frame(b"packet", size=80))
    assert veth.near.receive() is not None
    assert unsigned(obj.variable("packets")) == 1
    assert unsigned(obj.variable("type")) == PACKET_BROADCAST
    assert unsigned(obj.variable("length")) == 80 - 14
    assert signed(obj.variable("ifindex")) == veth.near.ifindex
    assert obj.variable("name").split(b"\0")[0].decode() == veth.near.name
    assert signed(obj.variable("mtu")) == int(Path(f"/sys/class/net/{veth.near.name}/mtu").read_text())


@pytest.mark.obj("changes/rename_record")
def check_rename_record(loaded: Open, fork: Fork, kernel_types: KernelTypes) -> None:
    """A tracepoint's record that begins with a pid in some kernels and without in others."""

    def rename_twice() -> str:
        rename_to("record-first")
        rename_to("record-second")
        return ""

    child = fork(rename_twice)
    obj = loaded("changes/rename_record", target_pid=u32(child.pid))
    obj.attach("on_rename")
    child.go()
    has_pid = kernel_types.place("trace_event_raw_task_rename", "pid") is not None
    assert obj.variable("before").split(b"\0")[0] == b"record-first"
    assert obj.variable("after").split(b"\0")[0] == b"record-second"
    assert signed(obj.variable("pid")) == (child.pid if has_pid else -1)


@pytest.mark.obj("changes/fork_record")
def check_fork_record(loaded: Open, fork: Fork) -> None:
    """A tracepoint's record whose names moved out of their places."""

    def rename_and_fork() -> str:
        rename_to("record-fork")
        grandchild = os.fork()
        if grandchild == 0:
            os._exit(0)
        os.waitpid(grandchild, 0)
        return str(grandchild)

    child = fork(rename_and_fork)
    obj = loaded("changes/fork_record", target_pid=u32(child.pid))
    obj.attach("on_fork")
    grandchild = int(child.go())
    assert signed(obj.variable("parent_pid")) == child.pid
    assert signed(obj.variable("child_pid")) == grandchild
    assert obj.variable("parent_name").split(b"\0")[0] == b"record-fork"


@pytest.mark.obj("changes/on_cpu")
def check_on_cpu(loaded: Open, fork: Fork, kernel_types: KernelTypes) -> None:
    """A flag that shrank from an int to a byte, read as wide as this kernel has it."""
    child = fork(lambda: renamed("changes-on-cpu"))
    obj = loaded("changes/on_cpu", target_pid=u32(child.pid))
    obj.attach("read_tasks")
    child.go()
    here = kernel_types.place("task_struct", "on_cpu")
    assert here is not None
    assert unsigned(obj.variable("width")) * 8 == here.bits
    assert unsigned(obj.variable("mine")) == 1
    assert unsigned(obj.variable("parents")) in (0, 1)


MOVED = {
    "vma_list": ("mm_struct", "mmap"),
    "maple_tree": ("mm_struct", "mm_mt"),
    "start_code": ("mm_struct", "start_code"),
    "core_layout": ("module", "core_layout"),
    "module_memory": ("module", "mem"),
    "rq_disk": ("request", "rq_disk"),
    "queue_disk": ("request_queue", "disk"),
    "page_slab_cache": ("page", "slab_cache"),
    "slab_slab_cache": ("slab", "slab_cache"),
    "page_mapping": ("page", "mapping"),
    "map_memory": ("bpf_map", "memory"),
    "map_max_entries": ("bpf_map", "max_entries"),
    "quick_threads": ("signal_struct", "quick_threads"),
    "wakeup_success": ("trace_event_raw_sched_wakeup_template", "success"),
    "wakeup_target_cpu": ("trace_event_raw_sched_wakeup_template", "target_cpu"),
}
"""Variable of changes/moved → the member that it is about."""


@pytest.mark.obj("changes/moved")
def check_moved_members(obj: SubjectObject, kernel_types: KernelTypes) -> None:
    """Members that came, went or moved are found where the kernel's own types say."""
    obj.test_run("find", frame())
    for variable, path in MOVED.items():
        assert _numbers(obj.variable(variable)) == _found(kernel_types.place(*path)), variable


@pytest.mark.obj("changes/moved")
def check_shrinker(obj: SubjectObject, kernel_types: KernelTypes) -> None:
    """A member that became a pointer in 6.7 is found by what it is, not by its name alone."""
    obj.test_run("find", frame())
    here = kernel_types.place("super_block", "s_shrink")
    assert here is not None
    is_pointer = here.kind == Kind.PTR
    embedded, pointer = _numbers(obj.variable("shrinker")), _numbers(obj.variable("shrinker_pointer"))
    absent = (0, 0, 0)
    assert (embedded, pointer) == ((absent, _found(here)) if is_pointer else (_found(here), absent))


def _numbers(raw: bytes) -> tuple[int, int, int]:
    return unsigned(raw[0:4]), unsigned(raw[4:8]), unsigned(raw[8:12])


def _found(here: Place | None) -> tuple[int, int, int]:
    return (1, here.bit_offset // 8, here.bits // 8) if here else (0, 0, 0)
