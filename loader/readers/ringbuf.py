"""Reading BPF ring buffers (BPF_MAP_TYPE_RINGBUF, kernel 5.8)."""

from __future__ import annotations

import select
from mmap import MAP_SHARED, PAGESIZE, PROT_READ, PROT_WRITE, mmap

from ..enums import MapFlags
from ..errors import BpflabError, KernelError
from ..lean import TYPE_CHECKING, NamedTuple
from ..native import native
from .reader import Reader, unmap
from .samples import Batch, new_spans

if TYPE_CHECKING:
    from ..maps.map import Map

_HEADER = 8
_PRODUCER, _OVERWRITTEN = 0, 16
"""Where in the producer's page its position is, and the end of what it has overwritten (6.19)."""
_ATTEMPTS = 3
"""How often to read again what was overwritten while being read."""


class RingState(NamedTuple):
    """How far the two sides of a ring buffer are: positions in bytes since it was made.

    `size` is that of the buffer. `available` bytes (headers, discarded and busy samples
    included) wait for the consumer.
    """

    size: int
    consumer: int
    producer: int

    @property
    def available(self) -> int:
        """Bytes between the consumer and the producer."""
        return self.producer - self.consumer


class RingBuffer(Reader):
    """The consumer of one or more ring buffers, each of which should have only one.

    Keeps its own mappings and a descriptor of them: the maps may be closed first.
    Of buffers in overwrite mode (BPF_F_RB_OVERWRITE, 6.19) it gives what is left.
    """

    lost = 0
    """A full ring buffer refuses the program's reservation: nothing is lost behind its back."""

    def __init__(self, ring: Map, *others: Map) -> None:
        """Map the buffers into memory. Raises KernelError."""
        names = ", ".join(f"'{one.name}'" for one in (ring, *others))
        super().__init__(f"map {names}", ring)
        self._rings: dict[str, _Ring] = {}
        try:
            for one in (ring, *others):
                self.add(one)
        except BaseException:
            self.close()
            raise

    def add(self, ring: Map) -> None:
        """Read one more ring buffer. Raises KernelError."""
        if ring.name in self._rings:
            raise BpflabError(f"map '{ring.name}' is read by this reader already")
        source = (_OverwriteRing if ring.flags & MapFlags.RB_OVERWRITE else _Ring)(ring)
        self._enter()
        try:
            self._epoll.register(ring.fd, select.EPOLLIN)
            self._sources.append(source)
            self._rings[ring.name] = source
        finally:
            self._leave()

    def state(self, name: str | None = None) -> RingState:
        """The state of the ring buffer of that name (None: the first). Raises BpflabError."""
        if self.closed:
            raise BpflabError(f"the reader of {self._what} is closed")
        return (self._rings[name] if name else next(iter(self._rings.values()))).state()

    @property
    def overwritten(self) -> int:
        """Bytes, headers included, that buffers in overwrite mode lost unread, as far as was noticed."""
        return sum(one.overwritten for one in self._rings.values())


class _Ring:
    """One ring buffer's mappings."""

    def __init__(self, ring: Map) -> None:
        self.name = ring.name
        self.size = ring.max_entries
        self.overwritten = 0
        self._spans = new_spans()
        self._state = memoryview(bytearray(32)).cast("Q")
        try:
            self._consumer = mmap(ring.fd, PAGESIZE, MAP_SHARED, PROT_READ | PROT_WRITE)
            try:
                # The data is mapped twice in a row, so that every record is in one piece.
                size = PAGESIZE + 2 * self.size
                self._producer = mmap(ring.fd, size, MAP_SHARED, PROT_READ, offset=PAGESIZE)
            except BaseException:
                self._consumer.close()
                raise
        except OSError as error:
            raise KernelError(f"map '{ring.name}': mapping the ring buffer", error.errno or 0) from None
        self._data = memoryview(self._producer)[PAGESIZE:]
        self._consumed = native.loader(self._consumer, 0)
        self._consume = native.storer(self._consumer, 0)
        self._produced = native.loader(self._producer, _PRODUCER)
        self._scan = native.ringbuf_scanner(self._data, self.size, self._spans, self._state)

    def state(self) -> RingState:
        return RingState(self.size, self._consumed(), self._produced())

    def scan(self, limit: int) -> Batch | None:
        position = self._consumed()
        count = self._find(position, limit)
        if count < 0:
            raise self._corrupt()
        if count:
            return self._batch(count)
        if self._state[0] != position:
            self.commit()  # of discarded samples
        return None

    def commit(self) -> None:
        self._consume(self._state[0])

    def close(self) -> None:
        del self._consumed, self._consume, self._produced, self._scan
        self._consumer.close()
        self._data.release()
        unmap(self._producer)
        del self._producer  # or it would live as long as the reader

    def _find(self, position: int, limit: int) -> int:
        end, state = self._produced(), self._state
        state[0], state[1] = position, end
        return self._scan(limit) if position != end else 0

    def _batch(self, count: int) -> Batch:
        return Batch(self._data, self._spans, count, _HEADER, self._state[2], self.name)

    def _corrupt(self) -> BpflabError:
        return BpflabError(
            f"map '{self.name}': the ring buffer holds no record at position {self._state[0]}: "
            f"has another process written the consumer's position?"
        )


class _OverwriteRing(_Ring):
    """One whose producer does not wait for the consumer (6.19).

    It may overtake the reading at any time: samples are copied, and those that it has
    reached meanwhile are left out.
    """

    def state(self) -> RingState:
        size, consumer, producer = super().state()
        return RingState(size, max(consumer, native.load(self._producer, _OVERWRITTEN)), producer)

    def scan(self, limit: int) -> Batch | None:
        for _ in range(_ATTEMPTS):
            consumed = self._consumed()
            position = max(consumed, native.load(self._producer, _OVERWRITTEN))
            count = self._find(position, limit)
            copy = bytes(self._batch(count).block) if count > 0 else b""
            kept = max(position, native.load(self._producer, _OVERWRITTEN))
            if count < 0 and kept == position:
                raise self._corrupt()
            if kept < self._state[0] or kept == position:
                break
        else:
            return None
        self.overwritten += kept - consumed
        if not count:
            self.commit()
            return None
        return self._rest(memoryview(copy), count, kept - (position & -self.size))

    def _rest(self, copy: memoryview, count: int, kept: int) -> Batch:
        """A batch of the samples in the copy whose records begin at `kept` or behind it."""
        spans = self._spans
        base = spans[0]
        gone = sum(start < kept + _HEADER for start in spans[: 2 * count : 2])
        for index in range(2 * gone, 2 * count):
            spans[index - 2 * gone] = spans[index] - base
        return Batch(copy, spans, count - gone, 0, 0, self.name)
