"""The layout section of BTF (7.2): how long the records of each kind are, also of kinds not known here.

A kind that a newer compiler or kernel writes is then passed over instead of making all of the BTF unreadable.
"""

from __future__ import annotations

import struct

from ..lean import TYPE_CHECKING
from ..native import native
from .records import HEADER_WORDS, info_kind, info_vlen, is_known

if TYPE_CHECKING:
    from ..native.interface import Words
    from ..string_table import Data

_HEADER = "24xII"
"""Offset behind the header, and size."""
_ROW = "BBH"
"""struct btf_layout: bytes behind a record's header, bytes of each of its elements, flags."""


def layout_of(data: Data, byte_order: str, header_size: int) -> bytes:
    """The section of raw BTF; empty if it has none or what there is makes no sense."""
    if header_size < struct.calcsize(_HEADER):
        return b""
    start, size = struct.unpack_from(byte_order + _HEADER, data)
    section = bytes(data[header_size + start : header_size + start + size])
    return section if len(section) == size and size % struct.calcsize(_ROW) == 0 else b""


def scan(words: Words, room: memoryview, number: int, layout: bytes, byte_order: str) -> int:
    """Go on where `native.btf_offsets` stopped after `number` records, as far as the layout knows the way.

    What is in `room` afterwards is as it would have left it; the number of records.
    """
    rows = [*struct.iter_unpack(byte_order + _ROW, layout)]
    view, end = memoryview(words), len(words)
    while end - room[number] >= HEADER_WORDS:
        at = room[number]
        kind, count = info_kind(words[at + 1]), info_vlen(words[at + 1])
        if is_known(kind) or kind >= len(rows) or rows[kind][0] % 4 or rows[kind][1] % 4:
            break
        length = HEADER_WORDS + (rows[kind][0] + rows[kind][1] * count) // 4
        if length > end - at:
            break
        number, at = number + 1, at + length
        more = native.btf_offsets(view[at:], room[number:])
        for known in range(number, number + more + 1):
            room[known] += at
        number += more
    return number
