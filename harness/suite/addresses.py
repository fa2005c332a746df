"""Addresses and other properties of network devices, by ioctl."""

from __future__ import annotations

import fcntl
import socket
import struct
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

IFF_UP, IFF_NOARP = 0x1, 0x80
SIOCGIFFLAGS, SIOCSIFFLAGS, SIOCSIFADDR, SIOCSIFMTU, SIOCGIFHWADDR = 0x8913, 0x8914, 0x8916, 0x8922, 0x8927


def set_mtu(name: str, size: int) -> None:
    """The size in bytes of the largest packet that a device sends."""
    _ioctl(SIOCSIFMTU, struct.pack("16si20x", name.encode(), size))


def without_neighbours(name: str) -> None:
    """A device that asks nobody for hardware addresses, and no one whether its own are taken."""
    flags = struct.unpack_from("H", _ioctl(SIOCGIFFLAGS, struct.pack("16sH22x", name.encode(), 0)), 16)[0]
    _ioctl(SIOCSIFFLAGS, struct.pack("16sH22x", name.encode(), flags | IFF_NOARP))


def add_address(name: str, address: str) -> None:
    """An IPv4 address with the network of its class, or an IPv6 address in a network of 64 bits."""
    if ":" in address:
        raw = socket.inet_pton(socket.AF_INET6, address)
        _ioctl(SIOCSIFADDR, struct.pack("16sIi", raw, 64, socket.if_nametoindex(name)), socket.AF_INET6)
    else:
        request = struct.pack("16sHH4s16x", name.encode(), socket.AF_INET, 0, socket.inet_aton(address))
        _ioctl(SIOCSIFADDR, request)


def hardware_address(name: str) -> bytes:
    """The six bytes that frames to a device begin with."""
    return _ioctl(SIOCGIFHWADDR, struct.pack("16s24x", name.encode()))[18:24]


@contextmanager
def forwarding_ipv6() -> Iterator[None]:
    """Packets for others go on to them, until the end of the block."""
    switch = Path("/proc/sys/net/ipv6/conf/all/forwarding")
    before = switch.read_text()
    switch.write_text("1")
    try:
        yield
    finally:
        switch.write_text(before)


def _ioctl(number: int, request: bytes, family: int = socket.AF_INET) -> bytes:
    with socket.socket(family, socket.SOCK_DGRAM) as control:
        return fcntl.ioctl(control, number, request)
