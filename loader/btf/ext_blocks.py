"""The parts of .BTF.ext, where `native.btf_ext` leaves them to Python.

It says what is wrong with them, and reads those of the other byte order, of newer compilers, or
without the native module.
"""

from __future__ import annotations

from ..errors import BtfError
from ..insn import SIZE
from ..lean import TYPE_CHECKING, read_words, struct
from . import MAGIC, Btf
from .ext import FUNCTIONS, LINES, RELOCATIONS, line_rows

if TYPE_CHECKING:
    from .ext import Block

HEADER_SIZE = 24
"""Up to line info; with CO-RE relocations it has 32 bytes."""
_PARTS = {FUNCTIONS: ("func_info", 2), LINES: ("line_info", 4), RELOCATIONS: ("core_relo", 4)}
"""What each is called, and the numbers of its records."""


def read_blocks(data: bytes, btf: Btf) -> list[Block]:
    """All parts. Raises BtfError."""
    order = btf.byte_order
    if len(data) < HEADER_SIZE:
        raise BtfError(f".BTF.ext is too short for its header ({len(data)} bytes)")
    magic, version, _, header_size, *places = struct.unpack_from(order + "HBBIIIII", data)
    if magic != MAGIC:
        raise BtfError(f".BTF.ext has the magic number {magic:#x}, not {MAGIC:#x}")
    if version != 1:
        raise BtfError(f".BTF.ext version {version} is not known")
    if not HEADER_SIZE <= header_size <= len(data):
        raise BtfError(f".BTF.ext header has {header_size} bytes of {len(data)}")
    if header_size >= 32:
        places += struct.unpack_from(order + "II", data, 24)
    if header_size % 4 or any(start % 4 for start in places[::2]):
        raise BtfError(".BTF.ext has parts that do not start at a multiple of 4 bytes")
    # It is all numbers of 32 bits.
    body = read_words(data, header_size, (len(data) - header_size) & ~3, order).tolist()
    blocks: list[Block] = []
    for part, start, size in zip(_PARTS, places[::2], places[1::2], strict=False):
        blocks += [(part, name, rows) for name, rows in _blocks_of(body, part, start, size)]
    for part, name, numbers in blocks:
        for offset in numbers[:: _PARTS[part][1]]:
            if offset % SIZE:
                raise BtfError(f"a record at {offset} of section '{btf.string(name)}' hits no instruction")
    return blocks


def _blocks_of(body: list[int], part: int, start: int, size: int) -> list[tuple[int, list[int]]]:
    """The name of each section, and the numbers of its records in one of the parts."""
    what, width = _PARTS[part]
    if not size:
        return []
    at, end = start // 4, (start + size) // 4
    if end > len(body) or size < 4:
        raise BtfError(f".BTF.ext {what} ({start}+{size}) exceeds the data ({4 * len(body)} bytes)")
    row_size = body[at]
    if row_size < 4 * width or row_size % 4:
        raise BtfError(f".BTF.ext {what} has records of {row_size} bytes; expected {4 * width}")
    if row_size > size:
        raise BtfError(f".BTF.ext {what} has records of {row_size} bytes in {size}")
    row, at = row_size // 4, at + 1
    blocks: list[tuple[int, list[int]]] = []
    while at < end:
        if at + 2 > end:
            raise BtfError(f".BTF.ext {what} is cut off at {4 * at}")
        name, count = body[at], body[at + 1]
        first, at = at + 2, at + 2 + count * row
        if at > end:
            problem = f"{count} records at {4 * first} exceeds its {size} bytes"
            raise BtfError(f".BTF.ext {what} of {problem}")
        numbers = body[first:at]
        if row > width:  # by a newer compiler; what is behind the records is passed over
            numbers = [number for one in range(0, len(numbers), row) for number in numbers[one : one + width]]
        if part == LINES and numbers[::4] != sorted(numbers[::4]):
            numbers = [number for line in sorted(line_rows(numbers)) for number in line]
        blocks.append((name, numbers))
    return blocks
