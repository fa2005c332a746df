"""The passes over BTF of `pure`."""

from __future__ import annotations

from array import array
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
    words = _array(words)
    found: array[int] = array("I")
    append = found.append
    lengths: dict[int, int] = {}
    at, end = 0, len(words)
    while end - at >= _HEADER_WORDS:
        info = words[at + 1]
        # One look-up for each info word that was seen before: 10 ms for a kernel.
        length = lengths.get(info) or lengths.setdefault(info, _record_length(info))
        if not 0 < length <= end - at:
            break
        append(at)
        at += length
    append(at)
    offsets[: len(found)] = memoryview(found)
    return len(found) - 1


def _record_length(info: int) -> int:
    """Words of a record; -1 for an unknown kind."""
    extra = _EXTRA_WORDS.get(info >> 24 & 0x7F)
    return _HEADER_WORDS + extra[0] + extra[1] * (info & 0xFFFFFF) if extra else -1


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
    numbers = array("I", [number for number, at in enumerate(offsets) if words[at] in wanted])
    found[: len(numbers)] = memoryview(numbers)
    return len(numbers)


def _occurrences(strings: bytes, name: bytes) -> Iterator[int]:
    """Where a string is or ends in `name` or begins with it and a flavor."""
    at = strings.find(name) if len(name) <= _MAX_NAME else -1
    while at >= 0:
        if (
            strings.startswith((b"\0", b"___"), at + len(name))
            and strings.find(b"\0", at, at + _MAX_NAME + 1) > at
        ):
            yield at
        at = strings.find(name, at + 1)


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
