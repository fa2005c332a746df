"""Programs at kernel functions and at those of other programs: what they see, change and replace."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest

from ..subjects.client import Subject
from ..subjects.errors import ErrorClass, SubjectError
from ..subjects.handles import Target
from .child import rename_to
from .fixtures import Fork, Open
from .network import frame
from .numbers import signed, u32, u64, unsigned


@pytest.mark.obj("tracing/fmod_ret")
def check_fmod_ret(loaded: Open, fork: Fork) -> None:
    """A program answers in the place of a function."""
    child = fork(lambda: _nice(7))
    obj = loaded("tracing/fmod_ret", target_pid=u32(child.pid))
    obj.attach("refuse")
    assert child.go() == "EBUSY"
    assert signed(obj.variable("nice")) == 7
    assert _nice(0) == "done", "only the one process is refused"


@pytest.mark.obj("tracing/fmod_ret")
def check_fmod_ret_detached(loaded: Open, fork: Fork) -> None:
    """When the program is gone, the function answers for itself again."""
    child = fork(lambda: _nice(7))
    obj = loaded("tracing/fmod_ret", target_pid=u32(child.pid))
    obj.attach("refuse").detach()
    assert child.go() == "done"


@pytest.mark.obj("tracing/sleepable")
@pytest.mark.needs("sleepable_test_function")
def check_sleepable(loaded: Open, subject: Subject) -> None:
    """A program that may sleep reads memory of the process that it runs in."""
    obj = loaded("tracing/sleepable", address=u64(_start_of_program(subject.pid)))
    obj.attach("copy")
    obj.test_run("copy")
    assert obj.variable("copied") == b"\x7fELF"


@pytest.mark.obj("tracing/session")
@pytest.mark.needs("trampoline_sessions")
def check_session(loaded: Open, fork: Fork) -> None:
    """One program runs at a function's entry and its return, and remembers between them."""
    child = fork(lambda: _nice(9))
    obj = loaded("tracing/session", target_pid=u32(child.pid))
    obj.attach("on_both")
    assert child.go() == "done"
    assert unsigned(obj.variable("entries")) == 1
    assert unsigned(obj.variable("returns")) == 1
    assert unsigned(obj.variable("kept")) == 9


@pytest.mark.obj("tracing/cookie")
@pytest.mark.needs("trampoline_cookies")
@pytest.mark.parametrize(("program", "variable"), [("on_entry", "at_entry"), ("on_return", "at_return")])
def check_cookie(opened: Open, fork: Fork, program: str, variable: str) -> None:
    """A program is told the cookie of the link that it runs by."""
    child = fork(lambda: _nice(2))
    obj = opened("tracing/cookie", target_pid=u32(child.pid))
    obj.load([program])
    obj.attach(program, {"kind": "tracing", "cookie": 0x1122334455667788})
    child.go()
    assert unsigned(obj.variable(variable)) == 0x1122334455667788


@pytest.mark.obj("tracing/cookie")
@pytest.mark.needs("tracepoint_cookies")
def check_tp_btf_cookie(opened: Open, fork: Fork) -> None:
    """So is a program at a tracepoint."""
    child = fork(_rename)
    obj = opened("tracing/cookie", target_pid=u32(child.pid))
    obj.load(["on_rename"])
    obj.attach("on_rename", {"kind": "tracing", "cookie": 77})
    child.go()
    assert unsigned(obj.variable("at_tracepoint")) == 77


@pytest.mark.obj("tracing/multi")
@pytest.mark.needs("trampolines_at_many_functions")
@pytest.mark.parametrize("by", ["functions", "pattern"])
def check_multi(loaded: Open, fork: Fork, by: str) -> None:
    """One program runs at several functions, told by cookies at which."""
    child = fork(lambda: _nice(3))
    obj = loaded("tracing/multi", target_pid=u32(child.pid))
    target: Target = {"kind": "tracing_multi", "pattern": "set_user_nice"}
    if by == "functions":
        names = ["set_user_nice", "security_task_setnice"]
        target = {"kind": "tracing_multi", "functions": names, "cookies": [1, 16]}
    obj.attach("on_entry", target)
    assert child.go() == "done"
    assert unsigned(obj.variable("calls")) == (2 if by == "functions" else 1)
    assert unsigned(obj.variable("cookies")) == (17 if by == "functions" else 0)


@pytest.mark.obj("tracing/replacement")
def check_freplace(loaded: Open, opened: Open) -> None:
    """A program's function is another one as long as the link is there, and only that program's."""
    target, replacement = loaded("tracing/target"), opened("tracing/replacement")
    replacement.load(targets={"other_verdict": target.named("first")})
    link = replacement.attach("other_verdict")
    assert target.test_run("first", frame()).retval == 70
    assert target.test_run("second", frame()).retval == 21
    link.detach()
    assert target.test_run("first", frame()).retval == 11


@pytest.mark.obj("tracing/replacement")
def check_freplace_another(loaded: Open, opened: Open) -> None:
    """A program that was loaded for one program's function replaces that of another."""
    target, replacement = loaded("tracing/target"), opened("tracing/replacement")
    replacement.load(targets={"other_verdict": target.named("first")})
    place = {"kind": "freplace", **target.named("second"), "function": "verdict"}
    link = replacement.attach("other_verdict", place)
    assert target.test_run("second", frame()).retval == 80
    assert target.test_run("first", frame()).retval == 11
    link.detach()
    assert target.test_run("second", frame()).retval == 21


@pytest.mark.obj("tracing/replacement")
def check_freplace_without_target(opened: Open) -> None:
    """A replacement for no program in particular is refused as wrong usage."""
    with pytest.raises(SubjectError) as refused:
        opened("tracing/replacement").load()
    assert refused.value.cls == ErrorClass.USAGE


@pytest.mark.obj("tracing/observer")
def check_function_of_program(loaded: Open, opened: Open) -> None:
    """Programs run at the entry and the return of another program's function."""
    target, observer = loaded("tracing/target"), opened("tracing/observer")
    observer.load(targets=dict.fromkeys(("on_entry", "on_return"), target.named("first")))
    observer.attach("on_entry")
    observer.attach("on_return")
    assert target.test_run("first", frame()).retval == 11
    assert target.test_run("second", frame()).retval == 21
    assert unsigned(observer.variable("entries")) == 1
    assert unsigned(observer.variable("returned")) == 11


def _nice(value: int) -> str:
    try:
        os.setpriority(os.PRIO_PROCESS, os.getpid(), value)
    except OSError as error:
        return errno.errorcode[error.errno or 0]
    return "done"


def _rename() -> str:
    rename_to("with-cookie")
    return ""


def _start_of_program(pid: int) -> int:
    """Where a process has the first page of the file that it runs, an ELF header."""
    program = os.path.realpath(f"/proc/{pid}/exe")
    for line in Path(f"/proc/{pid}/maps").read_text().splitlines():
        place, _, offset, _, _, *name = line.split()
        if name == [program] and int(offset, 16) == 0:
            return int(place.partition("-")[0], 16)
    raise AssertionError(f"{program} is not in the memory of process {pid}")
