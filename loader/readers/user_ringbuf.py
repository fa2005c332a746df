"""Writing to a user ring buffer (BPF_MAP_TYPE_USER_RINGBUF, kernel 6.1), which programs drain."""

from __future__ import annotations

import errno
import select
import time
from mmap import MAP_SHARED, PAGESIZE, PROT_READ, PROT_WRITE, mmap
from struct import Struct
from typing import TYPE_CHECKING, Self

from ..errors import BpflabError, KernelError
from ..native import native
from .reader import unmap

if TYPE_CHECKING:
    from ..maps.map import Map

_HEADER = Struct("=II")  # length and flags, and a field of the kernel's
_WORD = Struct("=Q")
_BUSY, _DISCARD = 1 << 31, 1 << 30
_LOOK_S = 0.05
"""How often to look for room: programs may drain and not wake the producer (BPF_RB_NO_WAKEUP)."""


class UserSample:
    """Room for one sample: fill `data`, then `submit` or `discard` it.

    Used in a ``with`` it is submitted at the end, or discarded by an exception. A program stops
    at one that is neither.
    """

    def __init__(self, ring: UserRingBuffer, position: int, data: memoryview) -> None:
        self._ring: UserRingBuffer | None = ring
        self._position = position
        self.data = data

    def submit(self) -> None:
        """Let programs see it. Raises BpflabError the second time."""
        self._end(0)

    def discard(self) -> None:
        """Let programs pass over it. Raises BpflabError the second time."""
        self._end(_DISCARD)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if self._ring is not None:
            self._end(_DISCARD if kind else 0)

    def _end(self, flags: int) -> None:
        if self._ring is None:
            raise BpflabError("the sample was submitted or discarded before")
        ring, self._ring = self._ring, None
        length = len(self.data)
        self.data.release()
        ring.commit(self._position, length | flags)


class UserRingBuffer:
    """The producer of one user ring buffer; there should be only one, and one thread at a time.

    Samples are there for ``bpf_user_ringbuf_drain`` in the order of their reservation; a
    program waits for nothing and is not told: run it, or let it run by what it is attached to.
    """

    def __init__(self, ring: Map) -> None:
        """Map the buffer into memory. Raises KernelError."""
        self.name = ring.name
        self.size = ring.max_entries
        try:
            self._consumer = mmap(ring.fd, PAGESIZE, MAP_SHARED, PROT_READ)
            try:
                # The data is mapped twice in a row, so that every sample is in one piece.
                size = PAGESIZE + 2 * self.size
                self._producer = mmap(ring.fd, size, MAP_SHARED, PROT_READ | PROT_WRITE, offset=PAGESIZE)
            except BaseException:
                self._consumer.close()
                raise
        except OSError as error:
            raise KernelError(f"map '{ring.name}': mapping the user ring buffer", error.errno or 0) from None
        self._data = memoryview(self._producer)[PAGESIZE:]
        self._epoll = select.epoll()
        # By edge: it is ready for writing as long as any byte is free.
        self._epoll.register(ring.fd, select.EPOLLOUT | select.EPOLLET)

    @property
    def free(self) -> int:
        """Bytes that are free; a sample takes 8 more than its own, and up to a multiple of 8."""
        self._check_open()
        written, read = native.load(self._producer, 0), native.load(self._consumer, 0)
        return self.size - (written - read)

    def reserve(self, size: int, timeout_s: float | None = 0) -> UserSample:
        """Room for a sample of `size` bytes; what is in it is undefined.

        Waits at most `timeout_s` seconds (None: for ever) for a program to drain the buffer.
        Raises KernelError: ENOSPC if there is no room by then, E2BIG if there never can be.
        """
        room = (_HEADER.size + size + 7) & ~7
        if room > self.size:
            raise self._refused(errno.E2BIG, size)
        deadline = None if timeout_s is None else time.monotonic() + timeout_s
        while room > self.free:
            left = None if deadline is None else deadline - time.monotonic()
            if left is not None and left <= 0:
                raise self._refused(errno.ENOSPC, size)
            self._epoll.poll(_LOOK_S if left is None else min(left, _LOOK_S), 1)
        position = native.load(self._producer, 0)
        start = (position & (self.size - 1)) + _HEADER.size
        self.commit(position, size | _BUSY)
        native.store(self._producer, 0, position + room)
        return UserSample(self, position, self._data[start : start + size])

    def write(self, data: bytes | bytearray | memoryview, timeout_s: float | None = 0) -> None:
        """Submit a copy of `data` as one sample. Raises KernelError as `reserve` does."""
        with self.reserve(len(data), timeout_s) as sample:
            sample.data[:] = data

    def commit(self, position: int, length: int) -> None:
        """Write a sample's header (samples do that themselves): length and flags at once."""
        self._check_open()
        offset = PAGESIZE + (position & (self.size - 1))
        native.store(self._producer, offset, _WORD.unpack(_HEADER.pack(length, 0))[0])

    def close(self) -> None:
        """Unmap. What was submitted stays for programs."""
        self._epoll.close()
        self._consumer.close()
        self._data.release()
        unmap(self._producer)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _check_open(self) -> None:
        if self._consumer.closed:
            raise BpflabError(f"the writer of map '{self.name}' is closed")

    def _refused(self, number: int, size: int) -> KernelError:
        hint = f"the buffer has {self.size} bytes"
        if number == errno.ENOSPC:
            hint += f", of which {self.free} are free until a program drains it"
        return KernelError(f"map '{self.name}': room for a sample of {size} bytes", number, hint)
