"""The string section of BTF."""

from __future__ import annotations

from ..errors import BtfError
from ..lean import TYPE_CHECKING
from ..string_table import LONG, LongStrings

if TYPE_CHECKING:
    from mmap import mmap

    Data = bytes | bytearray | memoryview | mmap

MOST = 1 << 20
"""Bytes of strings that are decoded at once: those of objects, not of kernels."""


class StringSection:
    """Strings that end with a zero byte and are known by offset; in split BTF those of the base come first.

    They stay where they are, for a kernel in a mapping of its file.
    """

    def __init__(
        self,
        data: Data,
        start: int = 0,
        end: int | None = None,
        base: StringSection | None = None,
    ) -> None:
        """The strings at ``data[start:end]``."""
        self._data = data
        self._start = start
        self._end = len(data) if end is None else end
        self._base = base
        self.first: int = base.end if base else 0
        """Offset of the first string of its own."""
        self._long = LongStrings(self._end - start)
        own = bytes(data[start : self._end]) if base is None and self._end - start <= MOST else b""
        self._ascii = own.decode("ascii") if own.isascii() else ""
        """The same as text where that is small, and as simple as it mostly is."""

    @property
    def end(self) -> int:
        """One past the last offset."""
        return self.first + self._end - self._start

    def text(self, offset: int) -> str:
        """The string at an offset. Raises BtfError outside the section."""
        if not offset:
            return ""  # of every anonymous type and member
        end = self._ascii.find("\0", offset)
        if 0 <= end - offset < LONG:
            return self._ascii[offset:end]
        start = self._start + offset - self.first
        if not self._start <= start < self._end:
            if self._base and offset < self.first:
                return self._base.text(offset)
            raise BtfError(f"BTF has no string at {offset} (strings end at {self.end})")
        raw = bytes(self._data[start : start + LONG])
        size = raw.find(b"\0")
        if size >= 0:
            try:
                return raw[:size].decode()
            except UnicodeDecodeError:
                return raw[:size].decode("utf-8", "replace")
        text = self._long.decode(offset, self._all_of(start))
        if text is None:
            raise BtfError("long strings of the BTF overlap, which no compiler makes")
        return text

    def _all_of(self, start: int) -> bytes:
        """The long string that begins there."""
        room = LONG
        while True:
            room *= 2
            raw = bytes(self._data[start : start + room])
            if b"\0" in raw or start + room >= self._end:
                return raw.partition(b"\0")[0]

    @property
    def own(self) -> bytes:
        """Its own strings, those of the base left out."""
        return bytes(self._data[self._start : self._end])

    def view(self) -> memoryview:
        """Its own strings without a copy."""
        return memoryview(self._data)[self._start : self._end]

    def below(self) -> bytes | memoryview:
        """All strings of its base: what comes before its own."""
        if self._base is None:
            return b""
        below = self._base.below()
        return bytes(below) + self._base.own if below else self._base.view()
