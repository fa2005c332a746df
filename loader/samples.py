"""The buffer that samples are drained into, and their way into Python."""

from __future__ import annotations

import itertools
import select
import time
from collections.abc import Callable

CHUNK = 1024
"""Samples per drain: with usual sizes they fit the L2 cache."""
_ROOM = 64 * 1024


class SampleBuffer:
    """Room for one chunk of samples; grows when a single one is larger."""

    def __init__(self) -> None:
        self._out = bytearray(_ROOM)
        self._offsets = memoryview(bytearray(4 * (CHUNK + 1))).cast("I")

    def take(self, drain: Callable[[bytearray, memoryview], int], limit: int) -> list[bytes]:
        """Up to `limit` samples by calling `drain(out, offsets)` until it gives no more."""
        samples: list[bytes] = []
        while len(samples) < limit:
            wanted = min(CHUNK, limit - len(samples))
            offsets = self._offsets[: wanted + 1]
            number = drain(self._out, offsets)
            if number < 0:
                self._out = bytearray(-number)
                continue
            if number == 0:
                break
            samples += self._slices(offsets[: number + 1].tolist())
        return samples

    def _slices(self, bounds: list[int]) -> list[bytes]:
        data = bytes(memoryview(self._out)[: bounds[-1]])
        return [data[start:end] for start, end in itertools.pairwise(bounds)]


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
