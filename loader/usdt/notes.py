"""The probes that a program or library declares in its section .note.stapsdt."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from typing import NamedTuple

from ..elf import Section
from ..elf_binary import PF_X, Binary
from ..errors import ObjectError

_SECTION = ".note.stapsdt"
_BASE_SECTION = ".stapsdt.base"
_OWNER, _TYPE = b"stapsdt\0", 3
_NOP, _LONG_NOP = b"\x90", bytes.fromhex("0f1f440000")


class Probe(NamedTuple):
    """One place in the code where a probe is; a probe of one name may have several."""

    provider: str
    name: str
    arguments: str
    """Where they are, as the compiler wrote it: ``-4@%edi 8@-24(%rbp)``."""
    address: int
    """In the running program, relative to where a library is loaded."""
    offset: int
    """In the file."""
    semaphore: int
    """Offset in the file of the counter of those who listen; 0 if the probe has none."""


def read_probes(binary: Binary) -> Iterator[Probe]:
    """Every probe, in the order of the notes. Raises ObjectError for a malformed one."""
    section = binary.section(_SECTION)
    if section is None:
        return
    base = binary.section(_BASE_SECTION)
    for owner, kind, content in _notes(binary, section):
        if owner == _OWNER and kind == _TYPE:
            yield _probe(binary, content, base.address if base else 0)


def optimizable(binary: Binary, offset: int) -> int:
    """How far behind a probe the kernel can place it cheaper; 0 where it is.

    Newer headers leave a nop of one byte and one of five: in place of the second, kernels from
    6.18 on put a call (x86-64), which spares a trap.
    """
    return len(_NOP) if binary.read(offset, 6) == _NOP + _LONG_NOP else 0


def _notes(binary: Binary, section: Section) -> Iterator[tuple[bytes, int, bytes]]:
    """(owner, type, content) of each note of a section."""
    data, at = binary.contents(section), 0
    header = struct.Struct(binary.byte_order + "III")
    while at + header.size <= len(data):
        owner_size, size, kind = header.unpack_from(data, at)
        start = at + header.size
        content = start + (owner_size + 3 & ~3)
        if content + size > len(data):
            raise ObjectError(binary.name, section.name, f"the note at {at} reaches beyond the section")
        yield data[start : start + owner_size], kind, data[content : content + size]
        at = content + (size + 3 & ~3)


def _probe(binary: Binary, content: bytes, base: int) -> Probe:
    """A note's content is three addresses and three strings."""
    texts = content[24:].split(b"\0")
    if len(texts) < 4 or not texts[1]:
        raise ObjectError(binary.name, _SECTION, f"a note of {len(content)} bytes is no probe's")
    address, noted_base, semaphore = struct.unpack_from(binary.byte_order + "QQQ", content)
    provider, name, arguments = (text.decode("utf-8", "replace") for text in texts[:3])
    # The section's address tells how far prelink has moved the program since the note was written.
    moved = base - noted_base if base and noted_base else 0
    segment = binary.segment(address + moved)
    if segment is None or not segment.flags & PF_X:
        where = f"probe '{provider}:{name}' at {address + moved:#x}"
        raise ObjectError(binary.name, _SECTION, f"{where} lies in no executable part of the file")
    offset = address + moved - segment.address + segment.offset
    counter = _counter(binary, semaphore + moved, f"{provider}:{name}") if semaphore else 0
    # Some compilers' macros write ':' where there are no arguments.
    arguments = "" if arguments.startswith(":") else arguments
    return Probe(provider, name, arguments, address + moved, offset, counter)


def _counter(binary: Binary, address: int, probe: str) -> int:
    offset = binary.file_offset(address)
    if offset is None:
        raise ObjectError(
            binary.name, _SECTION, f"the semaphore of probe '{probe}' at {address:#x} is not in the file"
        )
    return offset
