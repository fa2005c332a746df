"""An AF_XDP socket that receives: frames that XDP gives to user space without the network stack."""

from __future__ import annotations

import ctypes
import mmap
import os
import select
import socket
import struct
import sys
from typing import Self

from .classify import Unavailable

# linux/if_xdp.h
AF_XDP, SOL_XDP = 44, 283
XDP_MMAP_OFFSETS, XDP_RX_RING, XDP_UMEM_REG, XDP_UMEM_FILL_RING, XDP_UMEM_COMPLETION_RING = 1, 2, 4, 5, 6
XDP_PGOFF_RX_RING, XDP_UMEM_PGOFF_FILL_RING = 0, 0x100000000
XDP_COPY = 1 << 1

FRAMES, FRAME_SIZE = 8, 2048
"""Of the memory that frames are copied to; rings have an entry for each frame."""


class XdpSocket:
    """Bound to the first queue of a device. Raises `Unavailable` if the kernel has none of these."""

    def __init__(self, ifindex: int) -> None:
        try:
            self.socket = socket.socket(AF_XDP, socket.SOCK_RAW, 0)
        except OSError as error:
            raise Unavailable(f"this kernel has no AF_XDP sockets: {error.strerror}") from error
        self._memory = mmap.mmap(-1, FRAMES * FRAME_SIZE)
        place = ctypes.addressof(ctypes.c_char.from_buffer(self._memory))
        register = struct.pack("=QQII", place, FRAMES * FRAME_SIZE, FRAME_SIZE, 0)
        self.socket.setsockopt(SOL_XDP, XDP_UMEM_REG, register)
        for ring in (XDP_RX_RING, XDP_UMEM_FILL_RING, XDP_UMEM_COMPLETION_RING):
            self.socket.setsockopt(SOL_XDP, ring, FRAMES)
        # Of each of the rings rx, tx, fill, completion: producer, consumer, descriptors, flags.
        offsets = struct.unpack("=16Q", self.socket.getsockopt(SOL_XDP, XDP_MMAP_OFFSETS, 128))
        self._received = _Ring(self.socket, XDP_PGOFF_RX_RING, offsets[0:3], 16)
        fill = _Ring(self.socket, XDP_UMEM_PGOFF_FILL_RING, offsets[8:11], 8)
        for number in range(FRAMES):
            fill.put(number, struct.pack("=Q", number * FRAME_SIZE))
        fill.publish(FRAMES)
        fill.close()
        _bind(self.socket, struct.pack("=HHIII", AF_XDP, XDP_COPY, ifindex, 0, 0))

    def receive(self, timeout_s: float = 5.0) -> bytes | None:
        """The next frame, of up to as many as there is room for; None if none comes in time."""
        if not select.select([self.socket], [], [], timeout_s)[0]:
            return None
        place, length, _ = struct.unpack("=QII", self._received.take())
        return self._memory[place : place + length]

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        self._received.close()
        self.socket.close()


class _Ring:
    """One of the socket's rings, mapped; the places are those of producer, consumer and entries."""

    def __init__(self, sock: socket.socket, page: int, places: tuple[int, ...], entry_size: int) -> None:
        self._producer, self._consumer, self._entries = places
        self._size = entry_size
        self._map = mmap.mmap(sock.fileno(), self._entries + FRAMES * entry_size, offset=page)

    def put(self, number: int, entry: bytes) -> None:
        at = self._entries + number % FRAMES * self._size
        self._map[at : at + self._size] = entry

    def publish(self, number: int) -> None:
        self._map[self._producer : self._producer + 4] = number.to_bytes(4, sys.byteorder)

    def take(self) -> bytes:
        number = int.from_bytes(self._map[self._consumer : self._consumer + 4], sys.byteorder)
        at = self._entries + number % FRAMES * self._size
        entry = self._map[at : at + self._size]
        self._map[self._consumer : self._consumer + 4] = (number + 1).to_bytes(4, sys.byteorder)
        return entry

    def close(self) -> None:
        self._map.close()


def _bind(sock: socket.socket, address: bytes) -> None:
    """bind(2): the module `socket` does not know this family's addresses."""
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.bind(sock.fileno(), address, len(address)):
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))
