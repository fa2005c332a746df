"""Maps that tracing programs use: stacks of functions, and arrays of the groups that tasks belong to."""

from __future__ import annotations

import os
import re
from pathlib import Path

import pytest

from ..subjects.handles import SubjectObject
from .cgroup import enter
from .child import rename_to
from .fixtures import Fork, Open
from .numbers import signed, u32, unsigned


@pytest.mark.obj("maps/stack_trace")
def check_stack_trace(loaded: Open, fork: Fork) -> None:
    """The addresses of a stack are those of the functions that called each other."""

    def be_nice() -> str:
        os.setpriority(os.PRIO_PROCESS, os.getpid(), 3)
        return ""

    child = fork(be_nice)
    obj = loaded("maps/stack_trace", target_pid=u32(child.pid))
    obj.attach("on_nice")
    child.go()
    assert signed(obj.variable("stack")) >= 0
    raw = obj.lookup("stacks", obj.variable("stack")[:4])
    addresses = [unsigned(raw[at : at + 8]) for at in range(0, len(raw), 8)]
    symbols = Path("/proc/kallsyms").read_text()
    [start] = re.findall(r"^(\w+) . set_user_nice$", symbols, re.MULTILINE)
    assert 0 <= addresses[0] - int(start, 16) < 32
    callers = re.findall(r"^(\w+) . \w*sys_setpriority$", symbols, re.MULTILINE)
    assert any(0 < address - int(place, 16) < 4096 for place in callers for address in addresses[1:])
    assert obj.keys("stacks") == [obj.variable("stack")[:4]]


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
