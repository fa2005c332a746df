"""The passes over BTF of `pure`."""

from __future__ import annotations

from array import array
from itertools import compress
from operator import itemgetter
from zlib import crc32

from ..lean import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from .interface import BtfStrings, Words

_HEADER_WORDS = 3

_MAX_NAME = 512
"""KSYM_NAME_LEN, beyond which the kernel refuses a name (128 until 6.1)."""

_BEYOND = 1 << 31
"""More words than there are in any BTF, the bytes of which 32 bits count."""

_BLOCK = 2048
"""Records that are looked at together: their numbers stay in the processor's cache."""

_PLACES = 8
"""Bytes of a name that are compared one by one, which few of a kernel's names get past."""

_EXTRA_WORDS: dict[int, tuple[int, int]] = {
    # kind: (words behind the header, and for each element)
    1: (1, 0),  # INT
    2: (0, 0),  # PTR
    3: (3, 0),  # ARRAY
    4: (0, 3),  # STRUCT
    5: (0, 3),  # UNION
    6: (0, 2),  # ENUM
    7: (0, 0),  # FWD
    8: (0, 0),  # TYPEDEF
    9: (0, 0),  # VOLATILE
    10: (0, 0),  # CONST
    11: (0, 0),  # RESTRICT
    12: (0, 0),  # FUNC
    13: (0, 2),  # FUNC_PROTO
    14: (1, 0),  # VAR
    15: (0, 3),  # DATASEC
    16: (0, 0),  # FLOAT
    17: (1, 0),  # DECL_TAG
    18: (0, 0),  # TYPE_TAG
    19: (0, 3),  # ENUM64
}


def btf_offsets(words: Words, offsets: memoryview) -> int:
    # Where it lies: memory for a copy costs more than it gains.
    infos, at = words[1:], 0
    # Not a list: 100,000 numbers would be made and kept for it, 4 MiB that have to come from the kernel.
    found: array[int] = array("I")
    lengths: dict[int, int] = {}
    while True:
        try:
            while True:
                found.append(at)
                at += lengths[infos[at]]
        except KeyError:  # `dict.__missing__` would make every look-up slower by a fifth of the step
            lengths[infos[at]] = _record_length(infos[at])
            found.pop()
        except IndexError:  # a look at the end before every step would take as long as the step
            break
    if at > len(words):
        found.pop()
    offsets[: len(found)] = memoryview(found)
    return len(found) - 1


def _record_length(info: int) -> int:
    """Words of a record by its info word, of which 100,000 types of a kernel have but 300 different ones."""
    extra = _EXTRA_WORDS.get(info >> 24 & 0x7F)
    return _HEADER_WORDS + extra[0] + extra[1] * (info & 0xFFFFFF) if extra else _BEYOND


def btf_find(
    words: Words,
    offsets: memoryview,
    base: BtfStrings,
    strings: BtfStrings,
    names: Collection[bytes],
    found: memoryview,
) -> int:
    wanted = _Wanted(_joined(base, strings), names)
    numbers: array[int] = array("I")
    for first in range(0, len(offsets), _BLOCK):
        names_at = _items(words, offsets[first : first + _BLOCK])
        hits = wanted.among(names_at)
        if hits:
            numbers.extend(number for number, at in enumerate(names_at, first) if at in hits)
    found[: len(numbers)] = memoryview(numbers)
    return len(numbers)


def _joined(base: BtfStrings, strings: BtfStrings) -> BtfStrings:
    return bytes(base) + bytes(strings) if base else strings


def _items(values: BtfStrings | Words, indexes: Sequence[int]) -> tuple[int, ...]:
    """In C, which takes half as long as a loop; for one alone it makes no tuple."""
    return itemgetter(*indexes)(values) if len(indexes) > 1 else tuple(values[index] for index in indexes)


class _Wanted:
    """Which strings are one of some names, or begin with one and a flavor.

    The whole section is not searched for the names: that takes a millisecond for each.
    """

    def __init__(self, strings: BtfStrings, names: Collection[bytes]) -> None:
        self._strings = strings
        self._beginnings = tuple(name + end for name in names if name for end in (b"\0", b"___"))
        columns = zip(*(beginning[:_PLACES] for beginning in self._beginnings), strict=False)
        self._places = [
            (memoryview(strings)[place:], bytes(byte in column for byte in range(256)))
            for place, column in enumerate(columns)
        ]
        """The strings from their first, second … byte on, and which values one of the names has there."""

    def among(self, offsets: Sequence[int]) -> set[int]:
        """Those of the strings at these offsets, of which 0 is none."""
        offsets = [*filter(None, offsets)]
        for strings, is_there in self._places:
            try:
                found = bytes(_items(strings, offsets))
            except IndexError:  # a look at each offset before would take as long as the rest
                offsets = [at for at in offsets if at < len(strings)]
                found = bytes(_items(strings, offsets))
            offsets = [*compress(offsets, found.translate(is_there))]
        return {at for at in offsets if self._is_wanted(bytes(self._strings[at : at + _MAX_NAME + 1]))}

    def _is_wanted(self, text: bytes) -> bool:
        return text.startswith(self._beginnings) and b"\0" in text


def btf_members(members: Words, base: BtfStrings, strings: BtfStrings, name: bytes, found: memoryview) -> int:
    wanted, below, numbers = name + b"\0", len(base), []
    for number, at in enumerate(members[::3].tolist()):
        string = base[at:] if at < below else strings[at - below :]
        beginning = bytes(string[: len(wanted)])
        if beginning == wanted or beginning.startswith(b"\0"):
            numbers.append(number)
        if beginning == wanted:
            break
    found[: len(numbers)] = memoryview(array("I", numbers))
    return len(numbers)


def btf_index(
    words: Words, offsets: memoryview, base: BtfStrings, strings: BtfStrings, entries: memoryview
) -> int:
    from ..btf.records import essential_name  # here, as all of BTF needs this module

    joined = bytes(base) + bytes(strings)
    found = []
    for number, at in enumerate(offsets):
        name = words[at]
        end = joined.find(b"\0", name, name + _MAX_NAME + 1) if name else -1
        if end > name:
            text = joined[name:end]
            if b"___" in text:
                text = essential_name(text.decode("latin-1")).encode("latin-1")
            found.append(crc32(text) << 32 | number)
    found.sort()
    entries[: len(found)] = memoryview(array("Q", found))
    return len(found)


def btf_datasecs(
    words: Words, offsets: memoryview, strings: bytes, symbols: bytes, names: bytes, found: memoryview
) -> int:
    return -1  # what the caller does then is as fast


def btf_ext(words: Words, found: memoryview) -> int:
    return -1  # as above
