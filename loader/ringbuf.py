"""Reading a BPF ring buffer (BPF_MAP_TYPE_RINGBUF, kernel 5.8)."""

from __future__ import annotations

import select
import sys
from mmap import MAP_SHARED, PAGESIZE, PROT_READ, PROT_WRITE, mmap

from .errors import BpflabError, KernelError
from .lean import TYPE_CHECKING
from .native import native
from .samples import SampleBuffer, wait_for

if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Self

    from .map import Map


class RingBuffer:
    """The consumer of one ring buffer; there should be only one.

    Keeps its own mappings and a descriptor of them: the map may be closed first.
    """

    lost = 0
    """A full ring buffer refuses the program's reservation: nothing is lost behind its back."""

    def __init__(self, ring: Map) -> None:
        """Map the buffer into memory. Raises KernelError."""
        self._size = ring.max_entries
        self._samples = SampleBuffer()
        try:
            self._consumer = mmap(ring.fd, PAGESIZE, MAP_SHARED, PROT_READ | PROT_WRITE)
            try:
                # The data is mapped twice in a row, so that every record is in one piece.
                self._producer = mmap(
                    ring.fd, PAGESIZE + 2 * self._size, MAP_SHARED, PROT_READ, offset=PAGESIZE
                )
            except BaseException:
                self._consumer.close()
                raise
        except OSError as error:
            raise KernelError(f"map '{ring.name}': mapping the ring buffer", error.errno or 0) from None
        self._epoll = select.epoll()
        self._epoll.register(ring.fd, select.EPOLLIN)

    def read(self, limit: int = sys.maxsize) -> list[bytes]:
        """The samples that are there now, up to `limit`, without waiting."""
        self._check_open()
        return self._samples.take(
            lambda out, offsets: native.ringbuf_drain(
                self._consumer, self._producer, self._size, out, offsets
            ),
            limit,
        )

    def poll(self, timeout_s: float | None = None, limit: int = sys.maxsize) -> list[bytes]:
        """Those that are there; waits for one, at most `timeout_s` seconds (None: for ever)."""
        return wait_for(lambda: self.read(limit), self._epoll, timeout_s)

    def __iter__(self) -> Iterator[bytes]:
        """Sample after sample, waiting for each; ends when the reader is closed."""
        while not self._consumer.closed:
            yield from self.poll(None)

    def fileno(self) -> int:
        """A descriptor that polls readable when there may be samples."""
        return self._epoll.fileno()

    def close(self) -> None:
        """Unmap. What was not read stays in the ring buffer."""
        self._epoll.close()
        self._consumer.close()
        self._producer.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _check_open(self) -> None:
        if self._consumer.closed:
            raise BpflabError("the ring buffer's reader is closed")
