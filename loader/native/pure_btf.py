"""The passes over BTF of `pure`."""

from __future__ import annotations

from array import array
from itertools import compress
from operator import itemgetter
from zlib import crc32

from ..flavor import essential_name
from ..lean import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from .interface import BtfStrings, Words

_HEADER_WORDS = 3

_MAX_NAME = 512
"""KSYM_NAME_LEN, beyond which the kernel refuses a name (128 until 6.1)."""

_BEYOND = 1 << 31
"""More words than there are in any BTF, the bytes of which 32 bits count."""

_BLOCK = 1024
"""Records that are looked at together: their numbers stay in the processor's cache."""

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
    if isinstance(words, array):
        return words
    copy = array("I")
    if words:  # views of nothing cannot be cast
        copy.frombytes(words.cast("B"))  # of the bytes' view: `tobytes` would be a copy more
    return copy


def btf_offsets(words: Words, offsets: memoryview) -> int:
    infos, at = _array(words[1:]), 0
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
    words, starts, joined = _array(words), _array(offsets), bytes(base) + bytes(strings)
    wanted = _Wanted(joined, names)
    numbers: array[int] = array("I")
    for first in range(0, len(starts), _BLOCK):
        block = itemgetter(*starts[first : first + _BLOCK], 0)(words)  # of a single item it makes no tuple
        hits = wanted.among(block)
        if hits:
            numbers.extend(n for n, name in enumerate(block[:-1], first) if name in hits)
    found[: len(numbers)] = memoryview(numbers)
    return len(numbers)


class _Wanted:
    """Which strings are one of some names, or begin with one and a flavor.

    The strings are not searched for the names: that takes a millisecond for each name.
    """

    def __init__(self, strings: bytes, names: Collection[bytes]) -> None:
        self._strings = strings
        by_pair: dict[bytes, list[bytes]] = {}
        for beginning in (name + end for name in names if name for end in (b"\0", b"___")):
            by_pair.setdefault(beginning[:2], []).append(beginning)
        self._beginnings = {pair: tuple(beginnings) for pair, beginnings in by_pair.items()}
        firsts = {pair[0] for pair in by_pair}
        self._is_first = bytes(byte in firsts for byte in range(256))

    def among(self, offsets: Sequence[int]) -> set[int]:
        """Those of the strings at these offsets, two at least."""
        strings, beginnings = self._strings, self._beginnings
        try:
            firsts = bytes(itemgetter(*offsets)(strings))
        except IndexError:  # some are beyond the strings
            return self.among([0, 0, *(at for at in offsets if at < len(strings))]) if strings else set()
        # A fifth of a kernel's names gets past the first byte, which is compared in C, few past the second.
        hits = {
            at
            for at in compress(offsets, firsts.translate(self._is_first))
            if (pair := strings[at : at + 2]) in beginnings
            and strings.startswith(beginnings[pair], at)
            and strings.find(b"\0", at, at + _MAX_NAME + 1) > at
        }
        return hits - {0}


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
