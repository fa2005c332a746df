"""Objects that no compiler makes: good ones of the corpus, broken in one place each."""

from __future__ import annotations

import io
import struct
from collections.abc import Callable
from dataclasses import dataclass

from elftools.elf.elffile import ELFFile
from elftools.elf.sections import Section

EM_X86_64 = 62


@dataclass(frozen=True)
class Mutation:
    """How to break the object named `good`."""

    good: str
    break_it: Callable[[bytes], bytes]


def empty(_: bytes) -> bytes:
    """Nothing at all."""
    return b""


def text(_: bytes) -> bytes:
    """A text file."""
    return b"This is not an object file.\n" * 20


def truncated(good: bytes) -> bytes:
    """The first half: the header points at section headers that are gone."""
    return good[: len(good) // 2]


def wrong_machine(good: bytes) -> bytes:
    """An object of another processor."""
    e_machine = 18
    return _patched(good, e_machine, struct.pack("<H", EM_X86_64))


def section_beyond_end(good: bytes) -> bytes:
    """The licence lies behind the end of the file."""
    sh_offset = 24
    return _patched(good, _header_offset(good, "license") + sh_offset, struct.pack("<Q", len(good) + 4096))


def bad_btf(good: bytes) -> bytes:
    """The BTF's string table lies outside of the BTF."""
    str_off = 16
    return _patched(good, _section(good, ".BTF")["sh_offset"] + str_off, struct.pack("<I", 0x7FFFFFF0))


def bad_btf_type(good: bytes) -> bytes:
    """The first BTF type is of a kind that does not exist."""
    header_length, info = 24, 4
    kind = struct.pack("<I", 31 << 24)
    return _patched(good, _section(good, ".BTF")["sh_offset"] + header_length + info, kind)


def bad_relocation(good: bytes) -> bytes:
    """The program's relocation names a symbol that the table does not have."""
    symbol_index = 12
    return _patched(good, _section(good, ".reltc")["sh_offset"] + symbol_index, struct.pack("<I", 0xFFFF))


MUTATIONS = {
    f"hostile/{function.__name__}": Mutation("maps/hash", function)
    for function in (
        empty,
        text,
        truncated,
        wrong_machine,
        section_beyond_end,
        bad_btf,
        bad_btf_type,
        bad_relocation,
    )
}
"""Every broken object by name."""


def _patched(content: bytes, offset: int, patch: bytes) -> bytes:
    return content[:offset] + patch + content[offset + len(patch) :]


def _section(content: bytes, name: str) -> Section:
    section = ELFFile(io.BytesIO(content)).get_section_by_name(name)
    if section is None:
        raise ValueError(f"the good object has no section '{name}'")
    return section


def _header_offset(content: bytes, name: str) -> int:
    elf = ELFFile(io.BytesIO(content))
    index = elf.get_section_index(name)
    return int(elf["e_shoff"] + index * elf["e_shentsize"])
