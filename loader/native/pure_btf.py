"""The passes over BTF of `pure`."""

from __future__ import annotations

from array import array
from itertools import compress
from operator import itemgetter
from zlib import crc32

from ..flavor import essential_name
from ..lean import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator

    from .interface import BtfStrings, Words

_HEADER_WORDS = 3

_MAX_NAME = 512
"""KSYM_NAME_LEN, beyond which the kernel refuses a name (128 until 6.1)."""

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


def _array(words: Words) -> array[int]:
    """A copy, which costs less than walking through a view: arrays are indexed a third faster."""
    return words if isinstance(words, array) else array("I", words.tobytes())


def btf_offsets(words: Words, offsets: memoryview) -> int:
    infos = _array(words[1:])
    found: list[int] = []
    append, lengths = found.append, _Lengths()
    at = 0
    try:
        while True:
            append(at)
            at += lengths[infos[at]]
    except IndexError:  # a look at the end before every step would take as long as the step
        pass
    if at > len(words):
        found.pop()
    offsets[: len(found)] = memoryview(array("I", found))
    return len(found) - 1


class _Lengths(dict[int, int]):
    """Info word → words of its record; beyond all data for an unknown kind.

    Remembers every info word that was seen before: a kernel's 100,000 types have a thousand.
    """

    def __missing__(self, info: int) -> int:
        extra = _EXTRA_WORDS.get(info >> 24 & 0x7F)
        length = _HEADER_WORDS + extra[0] + extra[1] * (info & 0xFFFFFF) if extra else 1 << 32
        self[info] = length
        return length


def btf_find(
    words: Words,
    offsets: memoryview,
    base: BtfStrings,
    strings: BtfStrings,
    names: Collection[bytes],
    found: memoryview,
) -> int:
    words, joined = _array(words), bytes(base) + bytes(strings)
    wanted = {at for name in names for at in _occurrences(joined, name)} - {0}
    # All in C, which takes half as long as a loop.
    names_at = itemgetter(*offsets)(words) if len(offsets) > 1 else [words[at] for at in offsets]
    numbers = array("I", compress(range(len(offsets)), map(wanted.__contains__, names_at)))
    found[: len(numbers)] = memoryview(numbers)
    return len(numbers)


def _occurrences(strings: bytes, name: bytes) -> Iterator[int]:
    """Where a string is or ends in `name` or begins with it and a flavor."""
    length, find, ends = len(name), strings.find, (b"\0", b"___")
    at = find(name) if length <= _MAX_NAME else -1
    while at >= 0:
        if strings.startswith(ends, at + length) and find(0, at, at + _MAX_NAME + 1) > at:
            yield at
        at = find(name, at + 1)


def btf_index(
    words: Words, offsets: memoryview, base: BtfStrings, strings: BtfStrings, entries: memoryview
) -> int:
    words, joined = _array(words), bytes(base) + bytes(strings)
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
