"""Compile once, run everywhere: relocations against the running kernel's types."""

from __future__ import annotations

import os

import pytest

from ..subjects.handles import SubjectObject
from .child import rename_to, wait_until_parent_sleeps
from .fixtures import Fork, Open
from .network import frame
from .numbers import signed, u32, unsigned

TASK_INTERRUPTIBLE = 1
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
