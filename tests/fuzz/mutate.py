"""Changing inputs so that most of their structure survives; otherwise little beyond headers is reached."""

from __future__ import annotations

import struct
from collections.abc import Callable, Sequence
from random import Random

from . import parts

Change = Callable[[bytes], bytes]
"""Any change of a byte string: of ours, or libFuzzer's own."""

Structure = Callable[[bytes, Random, Change], bytes]
"""Applies a change to one place of an input, and keeps the rest whole."""

BYTES = (0, 1, 2, 127, 128, 255)
WORDS = (0, 1, 2, 3, 64, 0x7FFF, 0x8000, 0xFFFF, 0x7FFFFFFF, 0x80000000, 0xFFFFFFF8, 0xFFFFFFFF)
ELF_HEADER, SECTION_HEADER, SHT_NOBITS = 64, 64, 8
BTF_HEADER = "<HBBIIIII"


def scramble(data: bytes, chance: Random) -> bytes:
    """One to four small changes: bytes, words, and blocks copied, moved in or cut out."""
    changed = bytearray(data)
    for _ in range(chance.choice((1, 1, 2, 4))):
        at = chance.randrange(len(changed) + 1)
        match chance.randrange(6):
            case 0 | 1 if at < len(changed):
                changed[at] = chance.choice((*BYTES, chance.randrange(256)))
            case 2 | 3 if len(changed) >= 4:
                _set_word(changed, chance)
            case 4:
                source = chance.randrange(len(changed) + 1)
                block = changed[source : source + chance.choice((4, 8, 12, 16, 24, 64))]
                if chance.random() < 0.5:
                    changed[at:at] = block
                else:
                    changed[at : at + len(block)] = block
            case _:
                del changed[at : at + chance.choice((1, 4, 12, 16, 64))]
    return bytes(changed)


def _set_word(changed: bytearray, chance: Random) -> None:
    """Set a word at a multiple of 4 to a telling number, one near the old, or one found elsewhere."""
    words = len(changed) // 4
    at, other = (4 * chance.randrange(words) for _ in range(2))
    (old,) = struct.unpack_from("<I", changed, at)
    new = chance.choice(
        (
            chance.choice(WORDS),
            old + chance.choice((-8, -4, -1, 1, 4, 8)),
            old ^ 1 << chance.randrange(32),
            chance.randrange(words + 1),
            *struct.unpack_from("<I", changed, other),
        )
    )
    struct.pack_into("<I", changed, at, new & 0xFFFFFFFF)


def anywhere(data: bytes, _: Random, change: Change) -> bytes:
    """No structure at all."""
    return change(data)


def in_section(data: bytes, chance: Random, change: Change) -> bytes:
    """Change the contents of one section of an ELF file, or one header; nothing else moves."""
    places = _elf_places(data) if chance.random() < 0.9 else []
    if not places:
        return change(data)
    start, size = chance.choice(places)
    piece = change(data[start : start + size])[:size].ljust(size, b"\0")
    return data[:start] + piece + data[start + size :]


def _elf_places(data: bytes) -> list[tuple[int, int]]:
    """(offset, size) of the file header, of each section header and each section's contents."""
    if len(data) < ELF_HEADER or data[4:6] != b"\2\1":
        return []
    (at,) = struct.unpack_from("<Q", data, 40)
    (count,) = struct.unpack_from("<H", data, 60)
    places = [(0, ELF_HEADER)]
    for header in range(at, at + count * SECTION_HEADER, SECTION_HEADER):
        if header + SECTION_HEADER > len(data):
            break
        _, kind, _, _, offset, size = struct.unpack_from("<IIQQQQ", data, header)
        places.append((header, SECTION_HEADER))
        if kind != SHT_NOBITS and 0 < size <= len(data) - offset:
            places.append((offset, size))
    return places


def in_btf(data: bytes, chance: Random, change: Change) -> bytes:
    """Change types or strings of raw BTF; the header then fits again, mostly."""
    if len(data) < struct.calcsize(BTF_HEADER) or chance.random() < 0.05:
        return change(data)
    magic, version, flags, size, type_off, type_len, str_off, str_len = struct.unpack_from(BTF_HEADER, data)
    body = data[size:]
    types, strings = body[type_off : type_off + type_len], body[str_off : str_off + str_len]
    if chance.random() < 0.75:
        types = change(types)
        types = types[: len(types) // 4 * 4]
    else:
        strings = b"\0" + change(strings[1:-1]) + b"\0"
    header = struct.pack(BTF_HEADER, magic, version, flags, 24, 0, len(types), len(types), len(strings))
    return header + types + strings


def in_part(*structures: Structure) -> Structure:
    """Change one of several parts, each by its own structure."""

    def mutate(data: bytes, chance: Random, change: Change) -> bytes:
        pieces: Sequence[bytes] = parts.unpack(data, len(structures))
        chosen = chance.randrange(len(structures))
        changed = [
            structure(piece, chance, change) if number == chosen else piece
            for number, (piece, structure) in enumerate(zip(pieces, structures, strict=True))
        ]
        return parts.pack(changed)

    return mutate
