"""A pair of virtual network devices of our own, and frames that nobody else sends."""

from __future__ import annotations

import fcntl
import os
import socket
import struct
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from typing import Self

from .classify import Unavailable

ETH_P_BPFLAB = 0x88B5
"""IEEE 802's local experimental ethertype; the same as in corpus/include/frame.h."""

ETH_P_IP = 0x0800

SETTLE_S = 5.0
"""Seconds within which a device that was just brought up must carry frames."""

# linux/rtnetlink.h, linux/if_link.h, linux/veth.h; written out because a netlink
# library costs seconds to import in an emulated guest.
RTM_NEWLINK, RTM_DELLINK = 16, 17
NLM_F_REQUEST, NLM_F_ACK, NLM_F_EXCL, NLM_F_CREATE = 0x1, 0x4, 0x200, 0x400
IFLA_IFNAME, IFLA_LINKINFO, IFLA_INFO_KIND, IFLA_INFO_DATA = 3, 18, 1, 2
VETH_INFO_PEER, IFLA_NETKIT_PEER_INFO, IFLA_NETKIT_MODE, NETKIT_L2 = 1, 1, 4, 0
IFF_UP = 0x1
SIOCGIFFLAGS, SIOCSIFFLAGS = 0x8913, 0x8914


LOOPBACK = {socket.AF_INET: "127.0.0.1", socket.AF_INET6: "::1"}


def udp_socket(family: socket.AddressFamily = socket.AF_INET, port: int = 0) -> socket.socket:
    """A UDP socket on the loopback interface, which waits some seconds for what it receives."""
    sock = socket.socket(family, socket.SOCK_DGRAM)
    sock.settimeout(SETTLE_S)
    try:
        sock.bind((LOOPBACK[family], port))
    except BaseException:
        sock.close()
        raise
    return sock


def free_port(family: socket.AddressFamily = socket.AF_INET) -> int:
    """A UDP port that nobody has at the moment. Raises `Unavailable` without that family's loopback."""
    bring_up("lo")
    try:
        with udp_socket(family) as sock:
            port: int = sock.getsockname()[1]
    except OSError as error:
        raise Unavailable(f"no UDP socket can be bound to {LOOPBACK[family]}: {error}") from error
    return port


def frame(payload: bytes = b"", size: int = 64) -> bytes:
    """An Ethernet frame of the lab's own ethertype, zero-padded to `size` bytes."""
    header = b"\xff" * 6 + b"\x02\0\0\0\0\x01" + struct.pack("!H", ETH_P_BPFLAB)
    return (header + payload).ljust(size, b"\0")


def udp_frame(port: int, payload: bytes) -> bytes:
    """An Ethernet frame with an IPv4 UDP packet between loopback addresses; checksums are left 0."""
    udp = struct.pack("!HHHH", 4000, port, 8 + len(payload), 0) + payload
    loopback = socket.inet_aton("127.0.0.1")
    header = struct.pack("!BBHHHBBH", 0x45, 0, 20 + len(udp), 0, 0, 64, socket.IPPROTO_UDP, 0)
    ethernet = b"\xff" * 6 + b"\x02\0\0\0\0\x01" + struct.pack("!H", ETH_P_IP)
    return (ethernet + header + loopback * 2 + udp).ljust(64, b"\0")


@dataclass
class Port:
    """One end of a pair: sends frames out of it, receives the lab's frames that arrive at it."""

    name: str
    ifindex: int = field(init=False)
    _socket: socket.socket = field(init=False)

    def __enter__(self) -> Self:
        self.ifindex = socket.if_nametoindex(self.name)
        # Bound to an ethertype, a packet socket is served after XDP and tc, and only what arrives.
        self._socket = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(ETH_P_BPFLAB))
        self._socket.bind((self.name, ETH_P_BPFLAB))
        return self

    def __exit__(self, *exception: object) -> None:
        self._socket.close()

    def send(self, content: bytes) -> None:
        """Send one frame out of this end: it arrives at the other."""
        self._socket.send(content)

    def receive(self, timeout_s: float = SETTLE_S) -> bytes | None:
        """The next of the lab's frames that arrived at this end; None if there is none in time."""
        self._socket.settimeout(timeout_s)
        try:
            return self._socket.recv(1 << 16)
        except TimeoutError:
            return None


@dataclass(frozen=True)
class Veth:
    """The two ends: what is sent out of `far` arrives at `near`, where programs are attached."""

    near: Port
    far: Port


class Netkit(Veth):
    """A netkit pair: `near` is the primary device, where programs are attached for both ends."""


def veth_pair(near: str = "bpflab0", far: str = "bpflab1") -> AbstractContextManager[Veth]:
    """A pair in the current network namespace, up and carrying frames; gone afterwards.

    Entering it raises `Unavailable` if the kernel has no veth.
    """
    return _pair(Veth, "veth", near, far, _peer(VETH_INFO_PEER, far))


def netkit_pair() -> AbstractContextManager[Veth]:
    """The same of netkit, which carries frames like veth if told to (6.7)."""
    mode = _attribute(IFLA_NETKIT_MODE, struct.pack("I", NETKIT_L2))
    info = mode + _peer(IFLA_NETKIT_PEER_INFO, "bpflab1")
    return _pair(Netkit, "netkit", "bpflab0", "bpflab1", info)


@contextmanager
def _pair(made: type[Veth], kind: str, near: str, far: str, info: bytes) -> Iterator[Veth]:
    data = _attribute(IFLA_INFO_KIND, _text(kind)) + _attribute(IFLA_INFO_DATA, info)
    try:
        _link_request(RTM_NEWLINK, NLM_F_CREATE | NLM_F_EXCL, near, _attribute(IFLA_LINKINFO, data))
    except OSError as error:
        raise Unavailable(f"this kernel cannot make a {kind} pair: {error.strerror}") from error
    try:
        bring_up(near)
        bring_up(far)
        with Port(near) as near_port, Port(far) as far_port:
            _settle(near_port, far_port)
            yield made(near_port, far_port)
    finally:
        _link_request(RTM_DELLINK, 0, near, b"")


def bring_up(name: str) -> None:
    """Set a device's IFF_UP."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as control:
        request = struct.pack("16sH22x", name.encode(), 0)
        flags = struct.unpack_from("H", fcntl.ioctl(control, SIOCGIFFLAGS, request), 16)[0]
        fcntl.ioctl(control, SIOCSIFFLAGS, struct.pack("16sH22x", name.encode(), flags | IFF_UP))


def _settle(near: Port, far: Port) -> None:
    """Wait until frames pass in both directions: a device's queue starts a moment after it is up."""
    for sender, receiver in ((near, far), (far, near)):
        deadline = time.monotonic() + SETTLE_S
        while receiver.receive(0.01) is None:
            if time.monotonic() > deadline:
                raise Unavailable(f"no frame gets from {sender.name} to {receiver.name}")
            sender.send(frame(b"settle"))
        while receiver.receive(0.01) is not None:
            pass


def _peer(kind: int, name: str) -> bytes:
    peer_link = struct.pack("BxHiII", socket.AF_UNSPEC, 0, 0, 0, 0) + _attribute(IFLA_IFNAME, _text(name))
    return _attribute(kind, peer_link)


def _link_request(kind: int, flags: int, name: str, attributes: bytes) -> None:
    """One rtnetlink request about a device; raises OSError if the kernel refuses."""
    link = struct.pack("BxHiII", socket.AF_UNSPEC, 0, 0, 0, 0)
    body = link + _attribute(IFLA_IFNAME, _text(name)) + attributes
    header = struct.pack("IHHII", 16 + len(body), kind, flags | NLM_F_REQUEST | NLM_F_ACK, 1, 0)
    with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, socket.NETLINK_ROUTE) as netlink:
        netlink.send(header + body)
        error = -struct.unpack_from("i", netlink.recv(8192), 16)[0]
    if error:
        raise OSError(error, os.strerror(error))


def _attribute(kind: int, content: bytes) -> bytes:
    raw = struct.pack("HH", 4 + len(content), kind) + content
    return raw.ljust((len(raw) + 3) & ~3, b"\0")


def _text(text: str) -> bytes:
    return text.encode() + b"\0"
