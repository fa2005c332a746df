"""The buffer that samples are drained into, and their way into Python."""

from __future__ import annotations

import itertools
import select
import struct
import time

from .lean import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

CHUNK = 1024
"""Samples per drain: with usual sizes they fit the L2 cache."""
_ROOM = 64 * 1024
_MANY = 32
"""From this number on it pays to look whether samples are of one size."""


class SampleBuffer:
    """Room for one chunk of samples; grows when a single one is larger."""

    def __init__(self) -> None:
        self._out = bytearray(_ROOM)
        self._offsets = memoryview(bytearray(4 * (CHUNK + 1))).cast("I")
        self._shape = _EqualSizes(0)

    def take(self, drain: Callable[[bytearray, memoryview], int], limit: int) -> list[bytes]:
        """Up to `limit` samples by calling `drain(out, offsets)` until it gives no more."""
        samples: list[bytes] = []
        while len(samples) < limit:
            wanted = min(CHUNK, limit - len(samples))
            number = drain(self._out, self._offsets[: wanted + 1])
            if number < 0:
                self._out = bytearray(-number)
                continue
            if number == 0:
                break
            samples += self._split(self._offsets[: number + 1])
        return samples

    def _split(self, offsets: memoryview) -> tuple[bytes, ...] | list[bytes]:
        """The samples between the offsets; in one go where many have one size, the usual case."""
        number = len(offsets) - 1
        if number >= _MANY and 0 < offsets[1] * number == offsets[-1]:
            if offsets[1] != self._shape.size:
                self._shape = _EqualSizes(offsets[1])
            if self._shape.bounds.startswith(offsets.tobytes()):
                return self._shape.split(self._out, number)
        data = bytes(memoryview(self._out)[: offsets[-1]])
        return [data[start:end] for start, end in itertools.pairwise(offsets.tolist())]


class _EqualSizes:
    """How samples of one size lie in the buffer: several times as fast as slicing one by one."""

    def __init__(self, size: int) -> None:
        self.size = size
        self.bounds = struct.pack(f"={CHUNK + 1}I", *(size * i for i in range(CHUNK + 1)))
        self._one = struct.Struct(f"{size}s")
        self._chunk = struct.Struct(f"{size}s" * CHUNK)

    def split(self, out: bytearray, number: int) -> tuple[bytes, ...] | list[bytes]:
        """The first `number` samples."""
        if number == CHUNK:
            return self._chunk.unpack_from(out)
        return [sample for (sample,) in self._one.iter_unpack(memoryview(out)[: number * self.size])]


def wait_for(read: Callable[[], list[bytes]], epoll: select.epoll, timeout_s: float | None) -> list[bytes]:
    """What `read` gives, waiting for it to give something until the time is over.

    Reads before it waits: a ring buffer wakes up only a reader that had read everything.
    """
    deadline = None if timeout_s is None else time.monotonic() + timeout_s
    while not (samples := read()):
        left = None if deadline is None else deadline - time.monotonic()
        if left is not None and left <= 0:
            break
        epoll.poll(left)
    return samples
