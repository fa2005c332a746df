"""Long strings of a string table, which only hostile files let overlap."""

from __future__ import annotations

LONG = 256
"""Bytes from which a string is looked at more closely; hardly any name is as long."""
SHARED = 4
"""How often, on average, a byte may be part of different long strings; compilers share none or a few ends."""


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
