"""The part of `pure` that reads ring and perf buffers.

Reading positions that another CPU writes needs loads and stores of 8 bytes at
once, in program order. memoryview gives the first on every machine; the second
holds on x86 and s390x only, elsewhere the readers need the compiled module.
"""

from __future__ import annotations

from errno import EBADMSG
from mmap import mmap
from struct import Struct

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


class _Found:
    """The samples found so far."""

    def __init__(self, spans: memoryview) -> None:
        self._spans = spans
        self._next = 0
        self._even = True
        self.count = 0

    def goes_on(self, scanned: int, size: int) -> bool:
        """After half of the buffer it is time to give room back to the producer."""
        return self.count < len(self._spans) // 2 and (scanned < size // 2 or not self.count)

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


def ringbuf_scan(data: memoryview, size: int, spans: memoryview, state: memoryview) -> int:
    found, error = _Found(spans), _check(state, size)
    position, end = state[0], state[1]
    # The data is there twice in a row: what begins before the end goes on behind it.
    turn = position & ~(size - 1)
    while not error and position != end and found.goes_on(position - state[0], size):
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


def perf_drain(
    data: memoryview, size: int, skip: int, out: bytearray, spans: memoryview, state: memoryview
) -> int:
    def read(start: int, length: int) -> bytes:
        start &= size - 1
        first = bytes(data[start : min(start + length, size)])
        return first + data[: length - len(first)]

    found, error = _Found(spans), _check(state, size)
    position, end = state[0], state[1]
    before = _RECORD.size + skip + _SIZE.size
    used = 0
    while not error and position != end and found.count < len(spans) // 2:
        kind, _, room = _RECORD.unpack(read(position, _RECORD.size))
        if room < _RECORD.size or room % 8 or room > end - position:
            error = -EBADMSG
            break
        if kind == _RECORD_SAMPLE:
            length = (
                _SIZE.unpack(read(position + before - _SIZE.size, _SIZE.size))[0] if room >= before else room
            )
            if length > room - before:
                error = -EBADMSG
                break
            if length > len(out) - used:
                break
            out[used : used + length] = read(position + before, length)
            found.add(used, used + length, used, length)
            used += length
        elif kind == _RECORD_LOST and room >= _RECORD.size + 16:
            state[3] += _NUMBER.unpack(read(position + _RECORD.size + 8, 8))[0]
        position += room
    return found.end(state, position, error)
