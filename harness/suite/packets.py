"""IP packets as they go over a wire, for what no socket would send."""

from __future__ import annotations

import socket
import struct

ETH_P_IP, ETH_P_IPV6 = 0x0800, 0x86DD
_ROUTING = 43
_SEGMENT_ROUTING = 4


def ipv4_udp(source: str, destination: str, port: int, payload: bytes) -> bytes:
    """An IPv4 UDP packet; the UDP checksum is left out, as IPv4 allows."""
    udp = struct.pack("!HHHH", 4000, port, 8 + len(payload), 0) + payload
    addresses = socket.inet_aton(source) + socket.inet_aton(destination)
    header = struct.pack("!BBHHHBBH", 0x45, 0, 20 + len(udp), 0, 0, 64, socket.IPPROTO_UDP, 0)
    checksum = _checksum(header + addresses)
    return header[:10] + struct.pack("!H", checksum) + addresses + udp


def segment_routed_udp(
    source: str, segment: str, destination: str, port: int, payload: bytes, tag: int
) -> bytes:
    """An IPv6 UDP packet that goes by a segment to its destination (RFC 8754)."""
    start, via, end = (socket.inet_pton(socket.AF_INET6, each) for each in (source, segment, destination))
    udp = struct.pack("!HHHH", 4000, port, 8 + len(payload), 0) + payload
    pseudo = start + end + struct.pack("!II", len(udp), socket.IPPROTO_UDP)
    udp = udp[:6] + struct.pack("!H", _checksum(pseudo + udp) or 0xFFFF) + udp[8:]
    # Two segments, the last one first; one is left.
    routing = struct.pack("!BBBBBBH", socket.IPPROTO_UDP, 4, _SEGMENT_ROUTING, 1, 1, 0, tag) + end + via
    body = routing + udp
    return struct.pack("!IHBB", 6 << 28, len(body), _ROUTING, 64) + start + via + body


def ethernet(to: bytes, protocol: int, packet: bytes) -> bytes:
    """A frame to a hardware address."""
    return to + b"\x02\0\0\0\0\x01" + struct.pack("!H", protocol) + packet


def _checksum(data: bytes) -> int:
    data += bytes(len(data) % 2)
    total: int = sum(struct.unpack(f"!{len(data) // 2}H", data))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF
