"""What the readers of events have in common: taking turns, waiting, iterating, ending."""

from __future__ import annotations

import os
import select
import sys
import time
from _thread import RLock, allocate_lock, get_ident

from ..errors import BpflabError
from ..lean import TYPE_CHECKING, Protocol
from .samples import CHUNK, OBJECTS, Batch

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator
    from mmap import mmap
    from typing import Any, Self

    from ..maps.map import Map

_PATIENCE = 2
_BUSY_S = 0.0005
"""After so many wake-ups for nothing, sleep so long: a program is still writing its sample."""


class Source(Protocol):
    """One buffer of the kernel's."""

    name: str

    def scan(self, limit: int) -> Batch | None:
        """The next samples where they lie, at most `limit`; None if there are none."""

    def commit(self) -> None:
        """Give the kernel the room of the last batch back."""

    def close(self) -> None:
        """Unmap."""


class Reader:
    """A consumer of one or more of the kernel's buffers.

    Samples come as batches where they lie (`batches`, the fastest), as lists of bytes (`read`,
    `poll`), or one by one (iteration, also asynchronous). Threads may share a reader: each sample
    goes to one of them. `close` ends the waiting and the iterations of all.
    """

    def __init__(self, what: str, first: Map, flush_s: float | None = None) -> None:
        """`what` names it in errors. `flush_s`: look for samples so often, woken up or not."""
        self._what = what
        self._first = first
        self._flush_s = flush_s
        self._sources: list[Source] = []
        self._next = 0
        self._taken: list[bytes] = []
        """Samples that an iteration has taken out of the buffer and not given yet, the next one last."""
        # Ctrl-C may come between taking the lock and noting whose it is: its thread can still take it again.
        self._turn, self._owner = RLock(), 0
        self._guard, self._waiting = allocate_lock(), 0
        self._leased: Source | None = None
        self._fruitless = 0
        """Number of wake-ups since there was a sample."""
        self._closed = False
        self._epoll = select.epoll()
        self._bell = os.eventfd(0, os.EFD_CLOEXEC | os.EFD_NONBLOCK)
        self._epoll.register(self._bell, select.EPOLLIN)

    @property
    def closed(self) -> bool:
        """Whether it was closed."""
        return self._closed

    def read(self, limit: int = sys.maxsize) -> list[bytes]:
        """The samples that are there now, up to `limit`, without waiting. Raises BpflabError.

        In order within a buffer; buffers take turns.
        """
        if self._closed:
            raise BpflabError(f"the reader of {self._what} is closed")
        return self._read(limit)

    def poll(self, timeout_s: float | None = None, limit: int = sys.maxsize) -> list[bytes]:
        """Those that are there; waits for one, at most `timeout_s` seconds (None: for ever).

        None of them if it is closed meanwhile. Raises BpflabError if it was closed before.
        """
        # Reads before it waits: a ring buffer wakes up only a reader that had read everything.
        samples = self.read(limit)
        deadline = _deadline(timeout_s)
        while not samples and limit and self._wait(deadline):
            samples = self._read(limit)
        return samples

    def batches(self, timeout_s: float | None = None) -> Iterator[Batch]:
        """Batch after batch, each valid until the next; waits at most `timeout_s` seconds for one.

        Ends when none came in time (0: when nothing is left), or when the reader is closed.
        No other reading from within the loop; other threads wait for the end of the batch.
        """
        deadline = _deadline(timeout_s)
        while not self._closed:
            self._enter()
            try:
                batch = self._lease(CHUNK)
                if batch is not None:
                    yield batch
            finally:
                self._leave()
            if batch is not None:
                deadline = _deadline(timeout_s)
            elif not self._wait(deadline):
                return

    def __iter__(self) -> Iterator[bytes]:
        """Sample after sample, waiting for each; ends when the reader is closed.

        What a loop leaves over is there for the next reading.
        """
        while True:
            try:
                yield from iter(self._taken.pop, None)
            except IndexError:
                while not self._take():
                    if not self._wait(None):
                        return

    def records(self, type: str = "") -> Iterator[Any]:
        """The same as values of a type: '' is the one that the (first) map's definition says.

        Raises BtfError if there is no such type (see `Map.event_decoder`), while iterating
        BpflabError for a sample that is too short for it.
        """
        return map(self._first.event_decoder(type), self)

    async def __aiter__(self) -> AsyncIterator[bytes]:
        """The same for asyncio, one task at a time."""
        import asyncio

        while not self._closed:
            self._take()
            while self._taken:
                yield self._taken.pop()
            if self._fruitless > _PATIENCE:
                await asyncio.sleep(_BUSY_S)
            if self._begin_waiting():
                woken = asyncio.Event()
                loop = asyncio.get_running_loop()
                loop.add_reader(self.fileno(), woken.set)
                try:
                    await asyncio.wait_for(woken.wait(), self._flush_s)
                except TimeoutError:
                    pass
                finally:
                    loop.remove_reader(self.fileno())
                    self._end_waiting()

    def fileno(self) -> int:
        """A descriptor that polls readable when there may be samples."""
        return self._epoll.fileno()

    def close(self) -> None:
        """Unmap. What was not read stays with the kernel."""
        with self._guard:
            if self._closed:
                return
            self._closed = True
            os.eventfd_write(self._bell, 1)
            if not self._waiting:
                self._close_epoll()
        # Else from within a loop over batches: the batch's end does it.
        if self._owner != get_ident():
            with self._turn:
                self._close_sources()
            self._release_all()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    # Reading, by the thread whose turn it is

    def _read(self, limit: int) -> list[bytes]:
        samples: list[bytes] = []
        self._enter()
        try:
            while len(samples) < limit and (batch := self._lease(min(OBJECTS, limit - len(samples)))):
                copies = batch.tolist()
                if samples:
                    samples += copies
                else:
                    samples = copies if isinstance(copies, list) else list(copies)
                self._commit()
        finally:
            self._leave()
        return samples

    def _take(self) -> bool:
        samples = self._read(OBJECTS)
        self._taken[:0] = samples[::-1]
        return bool(samples)

    def _enter(self) -> None:
        me = get_ident()
        if self._owner == me:
            raise BpflabError(f"{self._what}: reading in the midst of its own batch")
        self._turn.acquire()
        self._owner = me

    def _leave(self) -> None:
        self._commit()
        if self._closed:
            self._close_sources()
        self._owner = 0
        self._turn.release()

    def _release_all(self) -> None:
        """Release what Ctrl-C has left taken."""
        try:
            while True:
                self._turn.release()
        except RuntimeError:
            return

    def _lease(self, limit: int) -> Batch | None:
        """The next samples of the buffer whose turn it is, or of one behind it; `_commit` gives them back."""
        if self._taken:
            number = min(limit, len(self._taken))
            return Batch.of([self._taken.pop() for _ in range(number)])
        sources = self._sources
        for turn in range(len(sources)):
            source = sources[(self._next + turn) % len(sources)]
            batch = source.scan(limit)
            if batch is not None:
                self._next = (self._next + turn + 1) % len(sources)
                self._leased = source
                self._fruitless = 0
                return batch
        return None

    def _commit(self) -> None:
        if self._leased is not None:
            self._leased.commit()
            self._leased = None

    def _close_sources(self) -> None:
        while self._sources:
            self._sources.pop().close()

    # Waiting, by any number of threads

    def _wait(self, deadline: float | None) -> bool:
        """Until it is worth to look again; False if the time is over or the reader is closed."""
        left = None if deadline is None else deadline - time.monotonic()
        if left is not None and left <= 0:
            return False
        if self._flush_s is not None:
            left = self._flush_s if left is None else min(left, self._flush_s)
        if self._fruitless > _PATIENCE:
            time.sleep(_BUSY_S)
        if not self._begin_waiting():
            return False
        try:
            if self._epoll.poll(left, 1):
                self._fruitless += 1
        finally:
            self._end_waiting()
        return not self._closed

    def _begin_waiting(self) -> bool:
        with self._guard:
            self._waiting += not self._closed
        return not self._closed

    def _end_waiting(self) -> None:
        with self._guard:
            self._waiting -= 1
            if self._closed and not self._waiting:
                self._close_epoll()

    def _close_epoll(self) -> None:
        self._epoll.close()
        os.close(self._bell)


def unmap(memory: mmap) -> None:
    """Close a mapping; if a part of it is still held, it goes with that."""
    try:
        memory.close()
    except BufferError:
        return


def _deadline(timeout_s: float | None) -> float | None:
    return None if timeout_s is None else time.monotonic() + timeout_s
