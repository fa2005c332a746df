"""Batches of samples, where they lie in a buffer, and their way into Python."""

from __future__ import annotations

from itertools import accumulate
from struct import Struct

from ..lean import TYPE_CHECKING, cache

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from typing import Self

CHUNK = 8192
"""Samples per batch at most: so many that what a batch costs does not show."""
OBJECTS = 4096
"""Samples that become objects at once: with usual sizes they fit the L2 cache."""
_POWERS = [OBJECTS >> power for power in range(OBJECTS.bit_length())]
_MANY = 32
"""From this number on, unpacking samples of one size is faster than slicing."""


def new_spans() -> memoryview:
    """Room for where the samples of a batch begin and end."""
    return memoryview(bytearray(8 * CHUNK)).cast("I")


class Batch:
    """Samples of one buffer in order, where they lie: a sequence of memoryviews.

    They are valid until the next batch is taken: then the kernel writes over those of a ring
    buffer, and the reader over its copy of a perf buffer's. `tolist` copies.

    Sample i is ``data[spans[2 * i]:spans[2 * i + 1]]``. `stride` is the distance of samples that have
    one size and lie close (as of records of one struct), else 0. `map` is the name of the map that
    they come from ("" for what an iteration left over), `cpu` the CPU of a perf buffer, else -1.
    """

    __slots__ = ("_count", "_header", "cpu", "data", "map", "spans", "stride")

    def __init__(
        self,
        data: memoryview,
        spans: memoryview,
        count: int,
        header: int,
        stride: int,
        map: str,
        cpu: int = -1,
    ) -> None:
        """`count` samples, each behind `header` bytes of the kernel's."""
        self.data = data
        self.spans = spans
        self.stride = stride
        self.map = map
        self.cpu = cpu
        self._count = count
        self._header = header

    @classmethod
    def of(cls, samples: Sequence[bytes], map: str = "", cpu: int = -1) -> Self:
        """Of samples that are in Python already."""
        ends = list(accumulate(len(sample) for sample in samples))
        flat = [0, *(bound for end in ends[:-1] for bound in (end, end)), ends[-1]]
        spans = memoryview(bytearray(4 * len(flat))).cast("I")
        for index, bound in enumerate(flat):
            spans[index] = bound
        return cls(memoryview(b"".join(samples)), spans, len(samples), 0, 0, map, cpu)

    def __len__(self) -> int:
        return self._count

    def __getitem__(self, index: int) -> memoryview:
        if not -self._count <= index < self._count:
            raise IndexError(f"sample {index} of {self._count}")
        start = 2 * (index % self._count)
        return self.data[self.spans[start] : self.spans[start + 1]]

    def __iter__(self) -> Iterator[memoryview]:
        return map(self.__getitem__, range(self._count))

    @property
    def block(self) -> memoryview:
        """From the first sample to the end of the last, with the kernel's headers between them."""
        return self.data[self.spans[0] : self.spans[2 * self._count - 1]]

    def tolist(self) -> Sequence[bytes]:
        """Copies of the samples."""
        count, spans = self._count, self.spans
        if self.stride and count >= _MANY:
            return self._unpack(spans[0], spans[1] - spans[0])
        base = spans[0]
        block = bytes(self.block)
        bounds = spans[: 2 * count].tolist()
        return [
            block[start - base : end - base] for start, end in zip(bounds[::2], bounds[1::2], strict=True)
        ]

    def _unpack(self, first: int, size: int) -> Sequence[bytes]:
        """Samples of one size in as few steps as their number has bits."""
        layouts = _layouts(self._header, size, self.stride)
        at = first - self._header
        if self._count == OBJECTS:
            return layouts[0].unpack_from(self.data, at)
        samples: list[bytes] = []
        left = self._count
        for layout, number in zip(layouts, _POWERS, strict=True):
            while left >= number:
                samples += layout.unpack_from(self.data, at)
                at += layout.size
                left -= number
        return samples


@cache
def _layouts(header: int, size: int, stride: int) -> list[Struct]:
    """How 4096, 2048, … 1 samples of one size lie in the buffer."""
    one = f"{header}x{size}s{stride - header - size}x"
    return [Struct(one * number) for number in _POWERS]
