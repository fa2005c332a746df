"""Program types, run once by the kernel's test run: verdicts, packets, what loading tells."""

from __future__ import annotations

import pytest

from ..subjects.handles import SubjectObject
from .fixtures import Open
from .network import frame, udp_frame
from .numbers import u16, u32, u64, unsigned

XDP_DROP, XDP_PASS = 1, 2
TC_ACT_OK, TC_ACT_SHOT = 0, 2
PORT = 5353


@pytest.mark.obj("programs/socket_filter")
def check_socket_filter(loaded: Open) -> None:
    """A socket filter says how many bytes of a packet to keep."""
    obj = loaded("programs/socket_filter", keep=u32(48))
    assert obj.test_run("keep_ours", frame()).retval == 48
    assert obj.test_run("keep_ours", udp_frame(PORT, b"")).retval == 0
    assert unsigned(obj.variable("frames")) == 1


@pytest.mark.obj("programs/xdp")
def check_xdp(obj: SubjectObject) -> None:
    """An XDP program drops and passes by a packet's bytes."""
    assert obj.test_run("sort", frame(b"D")).retval == XDP_DROP
    assert obj.test_run("sort", frame(b"P"), repeat=4).retval == XDP_PASS
    assert unsigned(obj.variable("dropped")) == 1
    assert unsigned(obj.variable("passed")) == 4


@pytest.mark.obj("programs/tc")
def check_tc(obj: SubjectObject) -> None:
    """A classifier changes a packet, or drops it."""
    run = obj.test_run("mark", frame(b"abc"))
    assert (run.retval, run.data_out) == (TC_ACT_OK, frame(b"Mbc"))
    assert obj.test_run("mark", frame(b"D")).retval == TC_ACT_SHOT
    assert unsigned(obj.variable("passed")) == 1
    assert unsigned(obj.variable("dropped")) == 1


@pytest.mark.obj("programs/cgroup_skb")
def check_cgroup_skb(loaded: Open) -> None:
    """A control group's program allows and forbids packets."""
    obj = loaded("programs/cgroup_skb", port=u16(PORT))
    assert obj.test_run("watch", udp_frame(PORT, b"hello")).retval == 1
    assert obj.test_run("watch", udp_frame(PORT, b"Dropped")).retval == 0
    assert obj.test_run("watch", udp_frame(PORT + 1, b"Dropped")).retval == 1
    assert unsigned(obj.variable("allowed")) == 1
    assert unsigned(obj.variable("forbidden")) == 1


@pytest.mark.obj("programs/xdp")
def check_verifier_log(opened: Open) -> None:
    """The verifier's log of a program that it accepts can be had."""
    program = opened("programs/xdp").load(log=True)["sort"]
    assert "processed" in program.log


@pytest.mark.obj("programs/xdp")
def check_tag(opened: Open) -> None:
    """Loading the same program twice gives the same instructions by the kernel's own digest."""
    first, second = (opened("programs/xdp").load()["sort"] for _ in range(2))
    assert first.tag == second.tag
    assert len(bytes.fromhex(first.tag)) == 8
    assert len(first.insns) == len(second.insns) > 0
    assert len(first.insns) % 8 == 0


@pytest.mark.obj("programs/syscall")
@pytest.mark.needs("syscall_program")
def check_syscall(obj: SubjectObject) -> None:
    """A program that only a system call runs, with a context of the caller's."""
    assert obj.test_run("add", ctx=u64(6) + u64(7) + u64(0)).retval == 21
    assert unsigned(obj.variable("product")) == 42
