"""String tables, of ELF and of BTF: strings that end with a zero byte, known by their offset."""

from __future__ import annotations

from .errors import BtfError, ObjectError
from .lean import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence
    from mmap import mmap

    Data = bytes | bytearray | memoryview | mmap

LONG = 256
"""Bytes from which a string is looked at more closely; hardly any name is as long."""
SHARED = 4
"""How often, on average, a byte may be part of different long strings; compilers share none or a few ends."""
FEW = 1 << 22
"""Bytes of text that may be read without a closer look."""
MOST = 1 << 20
"""Bytes of strings that are decoded at once: those of objects, not of kernels."""


class LongStrings:
    """The long strings of one table, each decoded once.

    If every record named another part of one long string, reading them all would
    take the number of records times its length.
    """

    def __init__(self, size: int) -> None:
        """For a table of `size` bytes."""
        self._known: dict[int, str] = {}
        self._left = SHARED * size

    def decode(self, at: int, raw: bytes) -> str | None:
        """The text of `raw`, the string at offset `at`; None if the table's strings overlap too much."""
        text = self._known.get(at)
        if text is None and self._left >= len(raw):
            self._left -= len(raw)
            text = self._known[at] = raw.decode("utf-8", "replace")
        return text


class ElfStrings:
    """One string table. Errors are ObjectErrors of the file, and say what string it was (`what` it names)."""

    def __init__(self, table: bytes, file: str) -> None:
        self.table = table
        self._file = file
        # ASCII, as hardly any table is not, needs no decoding of each name.
        self.text = table.decode("ascii") if table.isascii() else ""
        """All of them, if they are as simple as they mostly are; else nothing."""
        self._long: LongStrings | None = None

    def many(self, offsets: Sequence[int], what: str) -> list[str]:
        """The strings at the offsets; `what` all of them name, each with its number."""
        text = self.text
        # At once from tables that are too small for strings that overlap to make work.
        if len(text) * len(offsets) <= FEW and max(offsets) < len(text) and text[0] == text[-1] == "\0":
            find = text.find
            return [text[at : find("\0", at)] for at in offsets]
        return [self.one(at, what, number) for number, at in enumerate(offsets)]

    def one(self, at: int, what: str, number: int) -> str:
        """The string at an offset; 0 is the empty one."""
        if not at:
            return ""
        end = self.text.find("\0", at)
        if 0 <= end - at < LONG:
            return self.text[at:end]
        what = f"{what} {number}"
        end = self.table.find(0, at)
        if end < 0:
            size = len(self.table)
            raise ObjectError(self._file, "", f"{what} at {at} lies outside its string table ({size} bytes)")
        raw = self.table[at:end]
        if len(raw) < LONG:
            return raw.decode("utf-8", "replace")
        if self._long is None:
            self._long = LongStrings(len(self.table))
        text = self._long.decode(at, raw)
        if text is None:
            raise ObjectError(self._file, "", f"{what}: long strings overlap, which no compiler makes")
        return text


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
        self._long: LongStrings | None = None
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
        if self._long is None:
            self._long = LongStrings(self._end - self._start)
        text = self._long.decode(offset, self._all_of(start))
        if text is None:
            raise BtfError("long strings of the BTF overlap, which no compiler makes")
        return text

    def __contains__(self, part: str) -> bool:
        """Whether its own strings have this part somewhere."""
        return part in self._ascii if self._ascii else part.encode() in self.own

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
