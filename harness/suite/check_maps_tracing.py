"""Maps that tracing programs use: stacks of functions, and arrays of the groups that tasks belong to."""

from __future__ import annotations

import os
import re
import struct
from pathlib import Path

import pytest

from ..subjects.handles import SubjectObject
from .cgroup import enter
from .child import rename_to
from .fixtures import Fork, Open
from .numbers import signed, u32, unsigned

STACK_BUILD_ID_VALID = 1
"""Of linux/bpf.h."""
NT_GNU_BUILD_ID = 3
"""Of elf.h."""


@pytest.mark.obj("maps/stack_trace")
def check_stack_trace(loaded: Open, fork: Fork) -> None:
    """A map of stacks has the addresses that the program sees itself."""

    child = fork(_be_nice)
    obj = loaded("maps/stack_trace", target_pid=u32(child.pid))
    obj.attach("on_nice")
    child.go()
    assert signed(obj.variable("stack")) >= 0
    raw = obj.lookup("stacks", obj.variable("stack")[:4])
    addresses = [address for (address,) in struct.iter_unpack("=Q", raw) if address]
    assert len(addresses) > 2, "a function, its system call, and the way there"
    assert raw == obj.variable("copied")
    assert obj.keys("stacks") == [obj.variable("stack")[:4]]


@pytest.mark.obj("maps/stack_build_id")
def check_stack_with_build_ids(loaded: Open, fork: Fork) -> None:
    """A stack of user space names the file that a system call comes from, and the place in it."""
    child = fork(_be_nice)
    library = next(
        Path(line.split()[5])
        for line in Path("/proc/self/maps").read_text().splitlines()
        if re.search(r"/libc[.-][^/]*so", line)
    )
    obj = loaded("maps/stack_build_id", target_pid=u32(child.pid))
    obj.attach("on_nice")
    child.go()
    assert signed(obj.variable("stack")) >= 0
    raw = obj.lookup("stacks", obj.variable("stack")[:4])
    status, build_id, offset = struct.unpack_from("=i20sQ", raw)
    assert (status, build_id) == (STACK_BUILD_ID_VALID, _build_id(library))
    assert 0 < offset < library.stat().st_size


def _be_nice() -> str:
    os.setpriority(os.PRIO_PROCESS, os.getpid(), 3)
    return ""


def _build_id(path: Path) -> bytes:
    """What the file's GNU note of 20 bytes holds."""
    head = struct.pack("=III4s", 4, 20, NT_GNU_BUILD_ID, b"GNU")
    _, found, behind = path.read_bytes().partition(head)
    assert found, f"{path} has no build ID"
    return behind[:20]


@pytest.mark.obj("maps/cgroup_array")
def check_cgroup_array(cgroup: Path, fork: Fork, obj: SubjectObject) -> None:
    """A program tells the tasks below a group of the array from all others."""

    def rename_early() -> str:
        rename_to("too-early")
        return ""

    def rename_outside_and_inside() -> str:
        rename_to("outside")
        enter(cgroup)
        rename_to("inside")
        return ""

    obj.attach("on_rename")
    fork(rename_early).go()
    assert unsigned(obj.variable("unset")) >= 1
    group = os.open(cgroup, os.O_RDONLY | os.O_DIRECTORY)
    try:
        obj.update("groups", u32(1), group)
    finally:
        os.close(group)
    fork(rename_outside_and_inside).go()
    assert unsigned(obj.variable("members")) == 1
    assert unsigned(obj.variable("others")) >= 1
