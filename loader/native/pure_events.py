"""The part of `pure` that reads ring and perf buffers.

Reading positions that another CPU writes needs loads and stores of 8 bytes at
once, in program order. memoryview gives the first on every machine; the second
holds on x86 and s390x only, elsewhere the readers need the compiled module.
"""

from __future__ import annotations

from errno import EBADMSG
from mmap import mmap
from struct import Struct

from ..lean import TYPE_CHECKING, partial

if TYPE_CHECKING:
    from collections.abc import Callable

_BUSY, _DISCARD = 1 << 31, 1 << 30
_RECORD = Struct("=IHH")  # type, misc, size
_RECORD_LOST, _RECORD_SAMPLE = 2, 9
_SIZE, _NUMBER = Struct("=I"), Struct("=Q")


def load(buffer: mmap | memoryview, offset: int) -> int:
    with memoryview(buffer)[offset : offset + 8].cast("Q") as word:
        return word[0]


def store(buffer: mmap | memoryview, offset: int, value: int) -> None:
    with memoryview(buffer)[offset : offset + 8].cast("Q") as word:
        word[0] = value


def loader(buffer: mmap | memoryview, offset: int) -> Callable[[], int]:
    return partial(load, buffer, offset)


def storer(buffer: mmap | memoryview, offset: int) -> Callable[[int], None]:
    return partial(store, buffer, offset)


class _Found:
    """The samples found so far."""

    def __init__(self, spans: memoryview, limit: int) -> None:
        self._spans = spans
        self._most = min(len(spans) // 2, limit)
        self._next = 0
        self._even = True
        self.count = 0

    def wants_more(self) -> bool:
        return self.count < self._most

    def add(self, record: int, following: int, start: int, length: int) -> None:
        spans, at = self._spans, 2 * self.count
        if at and (record != self._next or length != spans[1] - spans[0]):
            self._even = False
        self._next = following
        spans[at] = start
        spans[at + 1] = start + length
        self.count += 1

    def end(self, state: memoryview, position: int, error: int) -> int:
        state[0] = position
        state[2] = self._spans[2] - self._spans[0] if self._even and self.count > 1 else 0
        return self.count or error


def _check(state: memoryview, size: int) -> int:
    position, end = state[0], state[1]
    return -EBADMSG if not 0 <= end - position <= size or position % 8 or end % 8 else 0


def ringbuf_scanner(
    data: memoryview, size: int, spans: memoryview, state: memoryview
) -> Callable[[int], int]:
    return partial(_ringbuf_scan, data, size, spans, state)


def _ringbuf_scan(data: memoryview, size: int, spans: memoryview, state: memoryview, limit: int) -> int:
    found, error = _Found(spans, limit), _check(state, size)
    begin, end = state[0], state[1]
    position = begin
    # The data is there twice in a row: what begins before the end goes on behind it.
    turn = position & ~(size - 1)
    while not error and position != end and found.wants_more():
        if found.count and position - begin >= size // 2:
            break  # it is time to give room back to the producer
        start = position - turn
        (header,) = _SIZE.unpack_from(data, start)
        length = header & ~(_BUSY | _DISCARD)
        room = (length + 8 + 7) & ~7
        if header & _BUSY:
            break
        if room > end - position:
            error = -EBADMSG
            break
        if not header & _DISCARD:
            found.add(position, position + room, start + 8, length)
        position += room
    return found.end(state, position, error)


def perf_drainer(
    data: memoryview, size: int, skip: int, out: bytearray, spans: memoryview, state: memoryview
) -> Callable[[int], int]:
    return partial(_perf_drain, data, size, skip, out, spans, state)


def _perf_drain(
    data: memoryview,
    size: int,
    skip: int,
    out: bytearray,
    spans: memoryview,
    state: memoryview,
    limit: int,
) -> int:
    def read(start: int, length: int) -> bytes:
        start &= size - 1
        first = bytes(data[start : min(start + length, size)])
        return first + data[: length - len(first)]

    found, error = _Found(spans, limit), _check(state, size)
    begin, end = state[0], state[1]
    position = begin
    before = _RECORD.size + skip + _SIZE.size
    while not error and position != end and found.wants_more():
        kind, _, room = _RECORD.unpack(read(position, _RECORD.size))
        if room < _RECORD.size or room % 8 or room > end - position:
            error = -EBADMSG
            break
        if position - begin + room > len(out):
            break
        if kind == _RECORD_SAMPLE:
            length = (
                _SIZE.unpack(read(position + before - _SIZE.size, _SIZE.size))[0] if room >= before else room
            )
            if length > room - before:
                error = -EBADMSG
                break
            found.add(position, position + room, position - begin + before, length)
        elif kind == _RECORD_LOST and room >= _RECORD.size + 16:
            state[3] += _NUMBER.unpack(read(position + _RECORD.size + 8, 8))[0]
        position += room
    out[: position - begin] = read(begin, position - begin)
    return found.end(state, position, error)
