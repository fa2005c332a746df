"""String tables: those of ELF files, and what is to be said of the long strings of any, BTF's too."""

from __future__ import annotations

from .errors import ObjectError
from .lean import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

LONG = 256
"""Bytes from which a string is looked at more closely; hardly any name is as long."""
SHARED = 4
"""How often, on average, a byte may be part of different long strings; compilers share none or a few ends."""
FEW = 1 << 22
"""Bytes of text that may be read without a closer look."""


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
        self._table = table
        self._file = file
        # ASCII, as hardly any table is not, needs no decoding of each name.
        self._text = table.decode("ascii") if table.isascii() else ""
        self._long = LongStrings(len(table))

    def many(self, offsets: Sequence[int], what: str) -> list[str]:
        """The strings at the offsets; `what` all of them name, each with its number."""
        text = self._text
        # At once from tables that are too small for strings that overlap to make work.
        if len(text) * len(offsets) <= FEW and max(offsets) < len(text) and text[0] == text[-1] == "\0":
            find = text.find
            return [text[at : find("\0", at)] for at in offsets]
        return [self.one(at, what, number) for number, at in enumerate(offsets)]

    def one(self, at: int, what: str, number: int) -> str:
        """The string at an offset; 0 is the empty one."""
        if not at:
            return ""
        end = self._text.find("\0", at)
        if 0 <= end - at < LONG:
            return self._text[at:end]
        what = f"{what} {number}"
        end = self._table.find(0, at)
        if end < 0:
            size = len(self._table)
            raise ObjectError(self._file, "", f"{what} at {at} lies outside its string table ({size} bytes)")
        raw = self._table[at:end]
        text = raw.decode("utf-8", "replace") if len(raw) < LONG else self._long.decode(at, raw)
        if text is None:
            raise ObjectError(self._file, "", f"{what}: long strings overlap, which no compiler makes")
        return text
