"""Tracepoints and raw tracepoints: what programs are told besides the arguments, and what they may write."""

from __future__ import annotations

import os
from collections.abc import Callable

import pytest

from ..subjects.errors import ErrorClass, SubjectError
from ..subjects.handles import Target
from .child import rename_to
from .fixtures import Fork, Open
from .numbers import u32, unsigned


def rename(name: str) -> Callable[[], str]:
    """An action of a child: it gives itself a name."""

    def act() -> str:
        rename_to(name)
        return ""

    return act


@pytest.mark.obj("probes/tracepoint")
@pytest.mark.needs("attach_cookies")
def check_cookie(loaded: Open, fork: Fork) -> None:
    """A tracepoint's program reads the cookie of its attachment."""
    child = fork(rename("cookie"))
    obj = loaded("probes/tracepoint", target_pid=u32(child.pid))
    target: Target = {"kind": "tracepoint", "category": "task", "name": "task_rename"}
    obj.attach("with_cookie", {**target, "cookie": 1 << 40 | 5})
    child.go()
    assert unsigned(obj.variable("calls")) == 1
    assert unsigned(obj.variable("cookie")) == 1 << 40 | 5


@pytest.mark.obj("probes/raw_tracepoint")
@pytest.mark.needs("tracepoint_cookies")
def check_raw_cookie(opened: Open, fork: Fork) -> None:
    """A raw tracepoint's program reads the cookie of its attachment."""
    child = fork(rename("raw-cookie"))
    obj = opened("probes/raw_tracepoint", target_pid=u32(child.pid))
    obj.load(["with_cookie"])
    obj.attach("with_cookie", {"kind": "raw_tracepoint", "name": "task_rename", "cookie": 1 << 40 | 6})
    child.go()
    assert unsigned(obj.variable("calls")) == 1
    assert unsigned(obj.variable("cookie")) == 1 << 40 | 6


@pytest.mark.obj("probes/raw_tracepoint")
def check_writable(loaded: Open, fork: Fork) -> None:
    """A program that may write to arguments runs anywhere if it does not, else where the kernel lets it."""
    child = fork(rename("writable"))
    obj = loaded("probes/raw_tracepoint", target_pid=u32(child.pid))
    obj.attach("reads_only", {"kind": "raw_tracepoint", "name": "task_rename"})
    with pytest.raises(SubjectError) as refused:
        obj.attach("writes", {"kind": "raw_tracepoint", "name": "task_rename"})
    assert refused.value.cls == ErrorClass.KERNEL
    child.go()
    assert unsigned(obj.variable("calls")) == 1
    assert obj.variable("comm").split(b"\0")[0] == b"writable"


@pytest.mark.obj("probes/raw_tracepoint")
@pytest.mark.parametrize("kind", ["tracepoint", "raw_tracepoint"])
def check_missing(loaded: Open, kind: str) -> None:
    """A tracepoint that the kernel does not have is refused by its absence."""
    obj = loaded("probes/raw_tracepoint" if kind == "raw_tracepoint" else "attach/tracepoint")
    program = "reads_only" if kind == "raw_tracepoint" else "on_setpriority"
    with pytest.raises(SubjectError) as refused:
        obj.attach(program, {"kind": kind, "category": "task", "name": f"no_such_{os.getpid()}"})
    assert refused.value.cls == ErrorClass.KERNEL
