"""Memory shared with the kernel: what `mmap.mmap` gives, and the same at an address of one's choice."""

from __future__ import annotations

import ctypes
import os
from mmap import MAP_SHARED, PROT_READ, PROT_WRITE

from ..lean import Protocol

MAP_FIXED_NOREPLACE = 0x100000
"""Of linux/mman.h (4.17): fail rather than take the place of another mapping."""
_FAILED = ctypes.c_void_p(-1).value


class Memory(Protocol):
    """Bytes that are read and written by slices."""

    def __getitem__(self, place: slice, /) -> bytes: ...
    def __setitem__(self, place: slice, data: bytes, /) -> None: ...
    def close(self) -> None:
        """Give the mapping up."""


class FixedMemory:
    """A file descriptor's memory at a given address, readable and writable."""

    def __init__(self, fd: int, size: int, address: int) -> None:
        """Raises OSError; EEXIST if something is there already."""
        self._libc = ctypes.CDLL(None, use_errno=True)
        self._libc.mmap.restype = ctypes.c_void_p
        self._libc.mmap.argtypes = [
            ctypes.c_void_p,
            ctypes.c_size_t,
            *[ctypes.c_int] * 3,
            ctypes.c_long,
        ]
        self._libc.munmap.argtypes = [ctypes.c_void_p, ctypes.c_size_t]
        flags = MAP_SHARED | MAP_FIXED_NOREPLACE
        self._address = self._libc.mmap(address, size, PROT_READ | PROT_WRITE, flags, fd, 0)
        if self._address == _FAILED:
            number = ctypes.get_errno()
            raise OSError(number, os.strerror(number))
        self._size = size

    def __getitem__(self, place: slice, /) -> bytes:
        start, stop, _ = place.indices(self._size)
        return ctypes.string_at(self._address + start, stop - start)

    def __setitem__(self, place: slice, data: bytes, /) -> None:
        start, stop, _ = place.indices(self._size)
        if len(data) != stop - start:
            raise IndexError(f"{len(data)} bytes for a slice of {stop - start}")
        ctypes.memmove(self._address + start, data, len(data))

    def close(self) -> None:
        """Give the mapping up."""
        self._libc.munmap(self._address, self._size)
