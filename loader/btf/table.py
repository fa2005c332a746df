"""Where each type's record is, and which types have a name: found by passes over the whole BTF."""

from __future__ import annotations

from ..errors import BtfError
from ..lean import TYPE_CHECKING, Protocol
from ..native import native
from .records import HEADER_WORDS, info_kind, is_known

if TYPE_CHECKING:
    from collections.abc import Collection

    from ..native.interface import Words
    from ..string_table import StringSection


class TypeTable(Protocol):
    """A way to types. Records are counted from 0, own ones only."""

    @property
    def offsets(self) -> memoryview:
        """Where each record starts, in words."""

    def find(self, names: Collection[str]) -> list[int]:
        """The records that have one of the essential names, and perhaps some that have not."""


class ScannedTable:
    """Found by one pass over the types, and one more for each question."""

    def __init__(
        self, words: Words, strings: StringSection, layout: bytes = b"", byte_order: str = "="
    ) -> None:
        """Raises BtfError if the records do not fill the words exactly."""
        self.words = words
        self.strings = strings
        room = u32_room(len(words) // HEADER_WORDS + 1)
        number = native.btf_offsets(words, room)
        if layout:
            from .layout import scan  # here, as all kinds are known, mostly

            number = scan(words, room, number, layout, byte_order)
        if room[number] != len(words):
            raise _malformed(words, room[number], number + 1)
        self.offsets = room[:number]

    def find(self, names: Collection[str]) -> list[int]:
        """In one pass for all names."""
        found = u32_room(len(self.offsets))
        number = native.btf_find(
            self.words,
            self.offsets,
            self.strings.below(),
            self.strings.view(),
            [name.encode() for name in names],
            found,
        )
        return found[:number].tolist()


def named_entries(words: Words, offsets: memoryview, strings: StringSection) -> memoryview:
    """For each record with a name: crc32 of the essential name << 32, and the record's number; sorted."""
    entries = memoryview(bytearray(8 * max(len(offsets), 1))).cast("Q")
    return entries[: native.btf_index(words, offsets, strings.below(), strings.view(), entries)]


def u32_room(count: int) -> memoryview:
    """Room for that many 32-bit words, at least one: a view of nothing cannot be cast."""
    return memoryview(bytearray(4 * max(count, 1))).cast("I")


def _malformed(words: Words, at: int, number: int) -> BtfError:
    if len(words) - at >= HEADER_WORDS and not is_known(info_kind(words[at + 1])):
        return BtfError(f"BTF type {number} has the unknown kind {info_kind(words[at + 1])}")
    return BtfError(f"BTF type {number} is cut off")
