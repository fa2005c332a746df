"""Kprobes: programs at functions of the kernel, one by one and many at once, and at system calls."""

from __future__ import annotations

import errno
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from ...loader import KernelError, ObjectSpec
from ...loader.externs.kallsyms import find_addresses, read_kallsyms
from ..subjects.errors import ErrorClass, SubjectError
from ..subjects.handles import SubjectLink, SubjectObject, Target
from .fixtures import Fork, Open
from .job import SuiteJob
from .network import Veth, frame
from .numbers import signed, u32, unsigned

NICE = "set_user_nice"
"""An exported function of every kernel, with a task and a number as arguments."""

AMBIGUOUS = "name_show"
"""What many files of /sys are read by: static functions of one name."""


def be_nice(value: int) -> Callable[[], str]:
    """An action of a child: setpriority(2)."""

    def act() -> str:
        os.setpriority(os.PRIO_PROCESS, os.getpid(), value)
        return ""

    return act


def write_seven() -> str:
    """An action of a child: write(2) of seven bytes to a pipe, which the kernel does by vfs_write()."""
    reader, writer = os.pipe()
    os.write(writer, b"7 bytes")
    return os.read(reader, 100).decode()


def kprobe(function: str, **more: int | str) -> Target:
    """A kernel function as a target."""
    return {"kind": "kprobe", "function": function, **more}


@pytest.mark.obj("probes/kprobe")
def check_arguments(loaded: Open, fork: Fork) -> None:
    """A program at a function's entry reads its arguments; detached it does not run."""
    child, later = fork(be_nice(7)), fork(be_nice(8))
    obj = loaded("probes/kprobe", target_pid=u32(child.pid))
    link = obj.attach("on_entry", kprobe(NICE))
    child.go()
    assert unsigned(obj.variable("calls")) == 1
    assert signed(obj.variable("second")) == 7
    link.detach()
    later.go()
    assert signed(obj.variable("second")) == 7


@pytest.mark.obj("probes/kprobe")
def check_return(loaded: Open, fork: Fork) -> None:
    """A program at a function's return reads what it returns."""
    child = fork(write_seven)
    obj = loaded("probes/kprobe", target_pid=u32(child.pid))
    link = obj.attach("on_return", kprobe("vfs_write", returns=True))
    assert child.go() == "7 bytes"
    link.detach()
    # The child's answer to this process is a write as well.
    assert unsigned(obj.variable("calls")) >= 1
    assert signed(obj.variable("returned")) >= 7


@pytest.mark.obj("probes/kprobe")
def check_offset(loaded: Open, fork: Fork) -> None:
    """A program runs at an instruction within a function."""
    child = fork(be_nice(9))
    obj = loaded("probes/kprobe", target_pid=u32(child.pid))
    # Behind the call that ftrace takes; in front of that may be an instruction for indirect branches.
    for offset in (5, 9):
        try:
            obj.attach("on_entry", kprobe(NICE, offset=offset))
            break
        except SubjectError as error:
            assert error.cls == ErrorClass.KERNEL
    child.go()
    assert unsigned(obj.variable("calls")) == 1
    assert signed(obj.variable("second")) == 9


@pytest.mark.obj("probes/kprobe")
@pytest.mark.parametrize("mode", ["perf", "legacy"])
def check_older_modes(loaded: Open, fork: Fork, mode: str) -> None:
    """A program is attached without a bpf_link, and by an event of tracefs; the event goes with it."""
    child = fork(be_nice(6))
    obj = loaded("probes/kprobe", target_pid=u32(child.pid))
    link = obj.attach("on_entry", kprobe(NICE, mode=mode))
    assert bool(made_events()) is (mode == "legacy")
    child.go()
    assert unsigned(obj.variable("calls")) == 1
    assert signed(obj.variable("second")) == 6
    link.detach()
    assert not made_events()


@pytest.mark.obj("probes/kprobe")
@pytest.mark.needs("attach_cookies")
def check_cookie(opened: Open, fork: Fork) -> None:
    """A program reads the cookie of its attachment."""
    child = fork(be_nice(5))
    obj = opened("probes/kprobe", target_pid=u32(child.pid))
    obj.load(["with_cookie"])
    obj.attach("with_cookie", kprobe(NICE, cookie=0x1234_5678_9ABC))
    child.go()
    assert unsigned(obj.variable("calls")) == 1
    assert unsigned(obj.variable("cookie")) == 0x1234_5678_9ABC


@pytest.mark.obj("probes/kprobe")
def check_module_function(veth: Veth, loaded: Open) -> None:
    """A function of a module is named with it."""
    obj = loaded("probes/kprobe", target_pid=u32(os.getpid()))
    obj.attach("on_entry", kprobe("veth:veth_xmit"))
    veth.far.send(frame(b"P1"))
    assert veth.near.receive() is not None
    assert unsigned(obj.variable("calls")) >= 1


@pytest.mark.obj("probes/kprobe")
@pytest.mark.parametrize("returns", [False, True], ids=["entry", "return"])
def check_missing_function(loaded: Open, returns: bool) -> None:
    """A function that the kernel does not have is refused by its absence."""
    obj = loaded("probes/kprobe")
    with pytest.raises(SubjectError) as refused:
        obj.attach("on_return" if returns else "on_entry", kprobe("no_such_function", returns=returns))
    assert refused.value.cls == ErrorClass.KERNEL


@pytest.mark.obj("probes/kprobe")
@pytest.mark.reference_only
def check_ambiguous_name(job: SuiteJob, fork: Fork) -> None:
    """Of several functions of a name any can be chosen by its address; the refusal of the name lists them."""
    addresses = addresses_of(AMBIGUOUS)
    assert len(addresses) > 1
    spec = ObjectSpec.from_file(job.objects["probes/kprobe"])
    with spec.load() as obj:
        program = obj.programs["on_entry"]
        try:
            program.attach_kprobe(AMBIGUOUS).close()  # the first of them, up to 6.6
        except KernelError as error:
            assert all(f"{address:#x}" in str(error) for address in addresses)
        for address in addresses[:2]:
            with program.attach_kprobe(address) as link:
                assert f"{address:#x}" in link.what
    child = fork(be_nice(4))
    spec.variables["target_pid"].value = child.pid
    (nice,) = addresses_of(NICE)
    with spec.load() as obj, obj.programs["on_entry"].attach_kprobe(nice):
        child.go()
        assert (obj.variables["calls"].value, obj.variables["second"].value) == (1, 4)


@pytest.mark.obj("probes/kprobe")
@pytest.mark.reference_only
def check_max_active(job: SuiteJob, fork: Fork) -> None:
    """How many returns may be awaited at once can be said, through tracefs."""
    child = fork(write_seven)
    spec = ObjectSpec.from_file(job.objects["probes/kprobe"])
    spec.variables["target_pid"].value = child.pid
    with spec.load() as obj:
        with obj.programs["on_return"].attach_kprobe("vfs_write", returns=True, max_active=32):
            assert any(line.startswith("r32:") for line in made_events())
            child.go()
        assert obj.variables["calls"].value
        assert not made_events()


@pytest.mark.obj("probes/ksyscall")
def check_ksyscall(loaded: Open, fork: Fork) -> None:
    """A system call by its name in SEC(): its argument, and what it returns."""
    child = fork(be_nice(3))
    obj = loaded("probes/ksyscall", target_pid=u32(child.pid))
    obj.attach("on_entry")
    obj.attach("on_return")
    child.go()
    assert unsigned(obj.variable("entries")) == 1
    assert signed(obj.variable("third")) == 3
    assert unsigned(obj.variable("returns")) == 1
    assert signed(obj.variable("returned")) == 0


@pytest.mark.obj("probes/ksyscall")
def check_ksyscall_target(loaded: Open, fork: Fork) -> None:
    """A system call by its name in the attachment; one that there is not is refused."""
    child = fork(be_nice(2))
    obj = loaded("probes/ksyscall", target_pid=u32(child.pid))
    with pytest.raises(SubjectError) as refused:
        obj.attach("on_entry", {"kind": "ksyscall", "name": "no_such_call"})
    assert refused.value.cls == ErrorClass.KERNEL
    obj.attach("on_entry", {"kind": "ksyscall", "name": "setpriority"})
    child.go()
    assert signed(obj.variable("third")) == 2


@pytest.mark.obj("probes/kprobe_multi")
@pytest.mark.needs("kprobe_multi")
def check_multi_pattern(loaded: Open, fork: Fork) -> None:
    """One link of the functions whose names fit the pattern in SEC(), another of their returns."""
    child = fork(lambda: be_nice(6)() + write_seven())
    obj = loaded("probes/kprobe_multi", target_pid=u32(child.pid))
    if not (attach_many(obj, "on_entry") and attach_many(obj, "on_return")):
        return
    child.go()
    assert unsigned(obj.variable("entries")) == 1
    assert signed(obj.variable("second")) == 6
    assert unsigned(obj.variable("returns")) >= 1
    assert signed(obj.variable("returned")) >= 7


@pytest.mark.obj("probes/kprobe_multi")
@pytest.mark.needs("kprobe_multi")
@pytest.mark.parametrize("by", ["functions", "addresses"])
def check_multi_cookies(loaded: Open, fork: Fork, by: str) -> None:
    """Each function of a list, by names or addresses, has a cookie of its own."""
    child = fork(lambda: be_nice(6)() + write_seven())
    obj = loaded("probes/kprobe_multi", target_pid=u32(child.pid))
    names = [NICE, "vfs_write"]
    places = names if by == "functions" else [addresses_of(name)[0] for name in names]
    if not attach_many(obj, "on_entry", {"kind": "kprobe_multi", by: places, "cookies": [1, 2]}):
        return
    child.go()
    assert unsigned(obj.variable("entries")) >= 2
    assert unsigned(obj.variable("cookies")) == 3


@pytest.mark.obj("probes/kprobe_multi")
@pytest.mark.needs("kprobe_multi")
def check_multi_many(loaded: Open, fork: Fork) -> None:
    """A pattern that hundreds of functions fit."""
    child = fork(write_seven)
    obj = loaded("probes/kprobe_multi", target_pid=u32(child.pid))
    if not attach_many(obj, "on_entry", {"kind": "kprobe_multi", "pattern": "vfs_*"}):
        return
    child.go()
    assert unsigned(obj.variable("entries")) >= 2


@pytest.mark.obj("probes/kprobe_session")
@pytest.mark.needs("kprobe_session")
@pytest.mark.parametrize("ends", ["both", "entry"])
def check_session(loaded: Open, fork: Fork, ends: str) -> None:
    """One program at both ends of a function, or at the first only if it says so there."""
    child = fork(write_seven)
    obj = loaded("probes/kprobe_session", target_pid=u32(child.pid), at_entry_only=u32(ends == "entry"))
    link = obj.attach("on_both")
    child.go()
    link.detach()
    # Two writes: to the pipe, and the answer to this process, which may not have returned yet.
    runs, returned = unsigned(obj.variable("runs")), signed(obj.variable("returned"))
    assert runs == 2 if ends == "entry" else runs >= 3
    assert ends == "entry" or 7 <= returned < 100


def attach_many(obj: SubjectObject, program: str, target: Target | None = None) -> SubjectLink | None:
    """Attach to many functions; None where the kernel was built without fprobe, and refuses it so."""
    try:
        return obj.attach(program, target)
    except SubjectError as error:
        if error.errno != errno.EOPNOTSUPP or addresses_of("register_fprobe"):
            raise
        return None


def addresses_of(function: str) -> list[int]:
    """Where the kernel has functions of that name."""
    return find_addresses(read_kallsyms(), [function]).get(function, [])


def made_events() -> list[str]:
    """The kprobes that there are in tracefs."""
    return Path("/sys/kernel/tracing/kprobe_events").read_text().splitlines()
