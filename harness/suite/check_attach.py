"""Attaching: the program runs when it should, sees what it should, and stops when detached.

What programs are attached to comes before the object in the arguments, so that it goes after it.
"""

from __future__ import annotations

import os
import socket
from pathlib import Path

import pytest

from ..subjects.handles import SubjectObject
from .cgroup import enter
from .child import rename_to
from .fixtures import Fork, Open
from .network import Veth, frame
from .numbers import signed, u16, u32, unsigned


@pytest.mark.obj("programs/xdp")
def check_xdp(veth: Veth, obj: SubjectObject) -> None:
    """Frames that XDP drops do not arrive; after detaching they do."""
    link = obj.attach("sort", {"kind": "xdp", "ifindex": veth.near.ifindex})
    veth.far.send(frame(b"D1"))
    veth.far.send(frame(b"P1"))
    assert veth.near.receive() == frame(b"P1")
    assert unsigned(obj.variable("dropped")) == 1
    assert unsigned(obj.variable("passed")) == 1
    link.detach()
    veth.far.send(frame(b"D2"))
    assert veth.near.receive() == frame(b"D2")
    assert unsigned(obj.variable("dropped")) == 1


@pytest.mark.obj("programs/tc")
def check_tc_ingress(veth: Veth, obj: SubjectObject) -> None:
    """Arriving frames are dropped or changed; after detaching they are left alone."""
    link = obj.attach("mark", {"kind": "tc", "ifindex": veth.near.ifindex, "direction": "ingress"})
    veth.far.send(frame(b"D1"))
    veth.far.send(frame(b"P1"))
    assert veth.near.receive() == frame(b"M1")
    assert unsigned(obj.variable("dropped")) == 1
    link.detach()
    veth.far.send(frame(b"D2"))
    assert veth.near.receive() == frame(b"D2")


@pytest.mark.obj("programs/tc")
def check_tc_egress(veth: Veth, obj: SubjectObject) -> None:
    """Leaving frames are dropped or changed; arriving ones are left alone."""
    obj.attach("mark", {"kind": "tc", "ifindex": veth.near.ifindex, "direction": "egress"})
    veth.far.send(frame(b"D1"))
    assert veth.near.receive() == frame(b"D1")
    # The sender is told: a dropped frame is ENOBUFS to a packet socket.
    with pytest.raises(OSError):
        veth.near.send(frame(b"D2"))
    veth.near.send(frame(b"P2"))
    assert veth.far.receive() == frame(b"M2")
    assert unsigned(obj.variable("dropped")) == 1
    assert unsigned(obj.variable("passed")) == 1


@pytest.mark.obj("programs/socket_filter")
def check_socket_filter(veth: Veth, obj: SubjectObject) -> None:
    """A filter on a packet socket sees the frames of its device."""
    link = obj.attach("keep_ours", {"kind": "socket", "ifindex": veth.near.ifindex})
    for _ in range(3):
        veth.far.send(frame(b"seen"))
        assert veth.near.receive() is not None
    assert unsigned(obj.variable("frames")) == 3
    link.detach()
    veth.far.send(frame(b"unseen"))
    assert veth.near.receive() is not None
    assert unsigned(obj.variable("frames")) == 3


@pytest.mark.obj("programs/cgroup_skb")
def check_cgroup_skb(cgroup: Path, loaded: Open, fork: Fork, udp: socket.socket) -> None:
    """What a member of the group sends is counted or forbidden; others are left alone."""
    address = udp.getsockname()

    def send_from_group() -> str:
        enter(cgroup)
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
            sender.sendto(b"allowed", address)
            try:
                sender.sendto(b"Dropped", address)
            except PermissionError:
                return "forbidden"
        return "sent"

    obj = loaded("programs/cgroup_skb", port=u16(address[1]))
    obj.attach("watch", {"kind": "cgroup", "path": str(cgroup)})
    assert fork(send_from_group).go() == "forbidden"
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as outsider:
        outsider.sendto(b"Done", address)
    assert [udp.recv(64), udp.recv(64)] == [b"allowed", b"Done"]
    assert unsigned(obj.variable("allowed")) == 1
    assert unsigned(obj.variable("forbidden")) == 1


@pytest.mark.obj("attach/tracepoint")
def check_tracepoint(loaded: Open, fork: Fork) -> None:
    """A tracepoint's program sees a system call's arguments."""
    child = fork(lambda: _be_nice(3))
    obj = loaded("attach/tracepoint", target_pid=u32(child.pid))
    obj.attach("on_setpriority")
    child.go()
    assert unsigned(obj.variable("calls")) == 1
    assert unsigned(obj.variable("which")) == os.PRIO_PROCESS
    assert unsigned(obj.variable("who")) == child.pid
    assert unsigned(obj.variable("nice")) == 3


@pytest.mark.obj("attach/raw_tracepoint")
def check_raw_tracepoint(loaded: Open, fork: Fork) -> None:
    """A raw tracepoint's program follows its second argument, a string."""
    child = fork(lambda: _rename("raw-name"))
    obj = loaded("attach/raw_tracepoint", target_pid=u32(child.pid))
    obj.attach("on_rename")
    child.go()
    assert unsigned(obj.variable("calls")) == 1
    assert obj.variable("comm").split(b"\0")[0] == b"raw-name"


@pytest.mark.obj("attach/kprobe")
def check_kprobe(loaded: Open, fork: Fork) -> None:
    """A kprobe reads a function's argument from a register."""
    child = fork(lambda: _be_nice(4))
    obj = loaded("attach/kprobe", target_pid=u32(child.pid))
    obj.attach("on_nice")
    child.go()
    assert unsigned(obj.variable("calls")) == 1
    assert signed(obj.variable("nice")) == 4


@pytest.mark.obj("attach/fentry")
def check_fentry(loaded: Open, fork: Fork) -> None:
    """A trampoline's program gets a function's arguments with their types."""
    child = fork(lambda: _be_nice(5))
    obj = loaded("attach/fentry", target_pid=u32(child.pid))
    obj.attach("on_nice")
    child.go()
    assert unsigned(obj.variable("calls")) == 1
    assert signed(obj.variable("nice")) == 5
    assert unsigned(obj.variable("pid")) == child.pid


@pytest.mark.obj("attach/fentry_module")
@pytest.mark.needs("trampolines_in_modules")
def check_fentry_module(veth: Veth, obj: SubjectObject) -> None:
    """A trampoline's program gets the arguments of a module's function."""
    obj.attach("on_send")
    veth.far.send(frame(size=80))
    assert veth.near.receive() == frame(size=80)
    assert unsigned(obj.variable("calls")) == 1
    assert unsigned(obj.variable("length")) == 80


@pytest.mark.obj("attach/raw_tracepoint")
def check_detach(loaded: Open, fork: Fork) -> None:
    """A detached program does not run any more."""
    child = fork(lambda: _rename("unseen"))
    obj = loaded("attach/raw_tracepoint", target_pid=u32(child.pid))
    obj.attach("on_rename").detach()
    child.go()
    assert unsigned(obj.variable("calls")) == 0


@pytest.mark.obj("attach/fexit")
def check_fexit(loaded: Open, fork: Fork) -> None:
    """A program at a function's end sees its arguments and what it has changed."""
    child = fork(lambda: _be_nice(6))
    obj = loaded("attach/fexit", target_pid=u32(child.pid))
    obj.attach("on_return")
    child.go()
    assert signed(obj.variable("nice")) == 6
    # Priorities of user space start at 100, with nice -20.
    assert signed(obj.variable("priority_after")) == 120 + 6


@pytest.mark.obj("attach/tp_btf")
def check_tp_btf(loaded: Open, fork: Fork) -> None:
    """A tracepoint's typed arguments are followed without a helper."""

    def rename_twice() -> str:
        rename_to("typed-first")
        rename_to("typed-second")
        return ""

    child = fork(rename_twice)
    obj = loaded("attach/tp_btf", target_pid=u32(child.pid))
    obj.attach("on_rename")
    child.go()
    assert unsigned(obj.variable("pid")) == child.pid
    assert unsigned(obj.variable("parent_tgid")) == os.getpid()
    assert obj.variable("before").split(b"\0")[0] == b"typed-first"


@pytest.mark.obj("programs/cgroup_connect4")
def check_cgroup_connect4(cgroup: Path, loaded: Open, fork: Fork, udp: socket.socket) -> None:
    """A member of the group that connects to one port gets to another."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as closed:
        closed.bind(("127.0.0.1", 0))
        nobody = closed.getsockname()[1]

    def connect_from_group() -> str:
        enter(cgroup)
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
            sender.connect(("127.0.0.1", nobody))
            sender.send(b"redirected")
        return ""

    ports = {"from_port": u16(nobody), "to_port": u16(udp.getsockname()[1])}
    obj = loaded("programs/cgroup_connect4", **ports)
    obj.attach("redirect", {"kind": "cgroup", "path": str(cgroup)})
    fork(connect_from_group).go()
    assert udp.recv(64) == b"redirected"
    assert unsigned(obj.variable("redirected")) == 1


def _be_nice(value: int) -> str:
    os.setpriority(os.PRIO_PROCESS, os.getpid(), value)
    return ""


def _rename(name: str) -> str:
    rename_to(name)
    return ""
