"""Program types, run once by the kernel's test run: verdicts, packets, what loading tells."""

from __future__ import annotations

import socket

import pytest

from ..subjects.handles import SubjectObject
from .fixtures import Open
from .network import ETH_P_BPFLAB, bring_up, frame, udp_frame
from .numbers import u16, u32, u64, unsigned

XDP_DROP, XDP_PASS = 1, 2
TC_ACT_OK, TC_ACT_SHOT = 0, 2
PORT = 5353

MARK, PRIORITY = 8, 32
"""Where struct __sk_buff has them."""


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


@pytest.mark.obj("programs/syscall")
@pytest.mark.needs("syscall_program")
def check_syscall_context(obj: SubjectObject) -> None:
    """What such a program writes into its context comes back."""
    run = obj.test_run("add", ctx=u64(6) + u64(7) + u64(0))
    assert run.ctx_out[:16] == u64(6) + u64(7)
    assert len(run.ctx_out) == 24


@pytest.mark.obj("programs/test_run")
def check_packet_context(obj: SubjectObject) -> None:
    """A packet's context goes in and comes back changed."""
    context = bytearray(192)
    context[MARK : MARK + 4] = u32(21)
    context[PRIORITY : PRIORITY + 4] = u32(5)
    run = obj.test_run("double_mark", frame(), ctx=bytes(context))
    assert run.retval == 5
    assert run.ctx_out[MARK : MARK + 4] == u32(42)


@pytest.mark.obj("programs/test_run")
def check_raw_tracepoint(obj: SubjectObject) -> None:
    """A raw tracepoint's program runs with arguments of the caller's on a CPU of its choice."""
    obj.test_run("on_cpu", ctx=u64(1) + u64(0x1122334455667788), cpu=0)
    assert unsigned(obj.variable("cpu")) == 1 + 0
    assert unsigned(obj.variable("argument")) == 0x1122334455667788


@pytest.mark.obj("programs/xdp")
@pytest.mark.needs("xdp_live_frames")
def check_live_frames(obj: SubjectObject) -> None:
    """What XDP passes in a live run arrives, as often as it runs; what it drops does not."""
    bring_up("lo")
    with socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(ETH_P_BPFLAB)) as receiver:
        receiver.bind(("lo", ETH_P_BPFLAB))
        receiver.settimeout(5)
        obj.test_run("sort", frame(b"D1"), repeat=3, live_frames=True, batch_size=2)
        obj.test_run("sort", frame(b"P1"), repeat=3, live_frames=True, batch_size=2)
        assert [receiver.recv(2048) for _ in range(3)] == [frame(b"P1")] * 3
    assert unsigned(obj.variable("passed")) == 3
    assert unsigned(obj.variable("dropped")) == 3
