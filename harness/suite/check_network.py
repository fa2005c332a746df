"""Programs of the network stack: netfilter, routes, the flow dissector."""

from __future__ import annotations

import socket

import pytest

from ..subjects.errors import ErrorClass, SubjectError
from ..subjects.handles import SubjectObject
from .addresses import add_address, forwarding_ipv6, hardware_address, without_neighbours
from .fixtures import Open
from .network import LOOPBACK, Veth, frame, free_port, udp_socket
from .numbers import u16, unsigned
from .packets import ETH_P_IP, ETH_P_IPV6, ethernet, ipv4_udp, segment_routed_udp

# Of the network for benchmarks of RFC 2544, and of IPv6's for documentation: no host has them.
HERE, AWAY, SENDER = "198.18.0.1", "198.18.1.1", "198.18.2.1"
ROUTE = "198.18.1.0/24"
SEGMENT, HERE6, AWAY6, SENDER6 = "2001:db8::5", "2001:db8::1", "2001:db8::9", "2001:db8::2"


@pytest.mark.parametrize(
    ("family", "address_family"),
    [
        pytest.param("ipv4", socket.AF_INET, marks=pytest.mark.id("network/netfilter_ipv4")),
        pytest.param("ipv6", socket.AF_INET6, marks=pytest.mark.id("network/netfilter_ipv6")),
    ],
)
@pytest.mark.obj("network/netfilter")
@pytest.mark.needs("netfilter")
def check_netfilter(loaded: Open, family: str, address_family: socket.AddressFamily) -> None:
    """Packets are dropped at a hook, of one family."""
    port = free_port(address_family)
    obj = loaded("network/netfilter", port=u16(port))
    target: dict[str, str | int] = {"kind": "netfilter", "family": family, "hook": "input", "priority": -5}
    link = obj.attach(f"filter_{family}", target)
    with pytest.raises(SubjectError) as refused:
        obj.attach(f"filter_{family}", target)
    assert refused.value.cls is ErrorClass.KERNEL
    with udp_socket(address_family, port) as receiver, udp_socket(address_family) as sender:
        sender.sendto(b"Dropped", (LOOPBACK[address_family], port))
        sender.sendto(b"accepted", (LOOPBACK[address_family], port))
        assert receiver.recv(64) == b"accepted"
        assert unsigned(obj.variable("dropped")) == 1
        assert unsigned(obj.variable("accepted")) == 1
        link.detach()
        sender.sendto(b"Done", (LOOPBACK[address_family], port))
        assert receiver.recv(64) == b"Done"


@pytest.mark.obj("network/netfilter")
@pytest.mark.needs("netfilter_defrag")
def check_netfilter_defrag(loaded: Open) -> None:
    """A program that asks for it sees packets whole that came in pieces."""
    port = free_port()
    obj = loaded("network/netfilter", port=u16(port))
    target: dict[str, str | int] = {"kind": "netfilter", "family": "ipv4", "hook": "prerouting"}
    obj.attach("filter_ipv4", target | {"defrag": 1, "priority": -300})
    with udp_socket(port=port) as receiver:
        _send_in_pieces(ipv4_udp("127.0.0.1", "127.0.0.1", port, b"pieces" * 20))
        assert receiver.recv(256) == b"pieces" * 20
    assert unsigned(obj.variable("accepted")) == 1
    assert unsigned(obj.variable("length")) == 28 + 120


@pytest.mark.obj("network/lwt")
def check_lwt_in(veth: Veth, obj: SubjectObject) -> None:
    """What arrives for an address of a route is dropped or delivered."""
    add_address(veth.near.name, HERE)
    to = hardware_address(veth.near.name)
    route: dict[str, str | int] = {"kind": "route", "ifindex": veth.near.ifindex, "local": 1}
    obj.attach("in", route | {"destination": f"{AWAY}/32"})
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as receiver:
        receiver.settimeout(5)
        receiver.bind((AWAY, 0))
        port = receiver.getsockname()[1]
        for payload in (b"Dropped", b"delivered"):
            veth.far.send(ethernet(to, ETH_P_IP, ipv4_udp(SENDER, AWAY, port, payload)))
        assert receiver.recv(64) == b"delivered"
    assert unsigned(obj.variable("dropped")) == 1
    assert unsigned(obj.variable("arriving")) == 1


@pytest.mark.obj("network/lwt")
def check_lwt_out(veth: Veth, obj: SubjectObject) -> None:
    """What leaves by a route is refused or counted."""
    _leaves(veth, obj, "out", "leaving", b"passed")


@pytest.mark.obj("network/lwt")
def check_lwt_xmit(veth: Veth, obj: SubjectObject) -> None:
    """What is sent by a route is refused or changed."""
    _leaves(veth, obj, "xmit", "sent", b"Massed")


@pytest.mark.obj("network/seg6local")
def check_seg6local(veth: Veth, obj: SubjectObject) -> None:
    """What comes by a segment is dropped, or goes on to its destination."""
    without_neighbours(veth.near.name)
    add_address(veth.near.name, HERE6)
    to = hardware_address(veth.near.name)
    obj.attach("segment", {"kind": "route", "destination": f"{SEGMENT}/128", "ifindex": veth.near.ifindex})
    with forwarding_ipv6(), socket.socket(socket.AF_PACKET, socket.SOCK_DGRAM) as wire:
        wire.bind((veth.far.name, ETH_P_IPV6))
        wire.settimeout(5)
        for payload, tag in ((b"dropped", ord("D")), (b"delivered", 0)):
            packet = segment_routed_udp(SENDER6, SEGMENT, AWAY6, 9, payload, tag)
            veth.far.send(ethernet(to, ETH_P_IPV6, packet))
        while not (arrived := wire.recv(256)).endswith((b"dropped", b"delivered")):
            pass  # the kernel's own: who is there, who forwards
    assert arrived.endswith(b"delivered")
    assert socket.inet_ntop(socket.AF_INET6, arrived[24:40]) == AWAY6
    assert unsigned(obj.variable("dropped")) == 1
    assert unsigned(obj.variable("passed")) == 1


@pytest.mark.obj("network/flow_dissector")
def check_flow_dissector(veth: Veth, obj: SubjectObject) -> None:
    """What makes frames a flow, the program says: frames of different flows have different hashes."""
    obj.attach("keep_hash", {"kind": "tc", "ifindex": veth.near.ifindex, "direction": "ingress"})
    assert _hash(veth, obj, b"a") == _hash(veth, obj, b"b")
    with obj.attach("by_first_byte", {"kind": "netns"}):
        assert unsigned(obj.variable("dissected")) == 0
        first, second, again = (_hash(veth, obj, payload) for payload in (b"a", b"b", b"a"))
        assert first == again != second
        assert unsigned(obj.variable("dissected")) >= 3
    assert _hash(veth, obj, b"a") == _hash(veth, obj, b"b")


def _hash(veth: Veth, obj: SubjectObject, payload: bytes) -> int:
    veth.far.send(frame(payload))
    assert veth.near.receive() is not None
    return unsigned(obj.variable("hash"))


def _leaves(veth: Veth, obj: SubjectObject, program: str, counter: str, arrives: bytes) -> None:
    """A route's program refuses one datagram and lets another out, which arrives at the far end."""
    without_neighbours(veth.near.name)
    add_address(veth.near.name, HERE)
    link = obj.attach(program, {"kind": "route", "destination": ROUTE, "ifindex": veth.near.ifindex})
    with (
        socket.socket(socket.AF_PACKET, socket.SOCK_DGRAM, socket.htons(ETH_P_IP)) as wire,
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender,
    ):
        wire.bind((veth.far.name, ETH_P_IP))
        wire.settimeout(5)
        with pytest.raises(PermissionError):
            sender.sendto(b"Dropped", (AWAY, 9))
        sender.sendto(b"passed", (AWAY, 9))
        assert wire.recv(256)[28:] == arrives
        assert unsigned(obj.variable("dropped")) == 1
        assert unsigned(obj.variable(counter)) == 1
        link.detach()
        with pytest.raises(OSError):
            sender.sendto(b"no route", (AWAY, 9))


def _send_in_pieces(packet: bytes) -> None:
    """An IPv4 packet in two fragments over the loopback interface."""
    header, body = bytearray(packet[:20]), packet[20:]
    header[4:6] = b"\x12\x34"
    with socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_RAW) as raw:
        for start, more in ((0, 0x2000), (64, 0)):
            piece = body[start : start + 64] if more else body[start:]
            header[2:4] = (20 + len(piece)).to_bytes(2, "big")
            header[6:8] = (more | start // 8).to_bytes(2, "big")
            raw.sendto(bytes(header) + piece, ("127.0.0.1", 0))
