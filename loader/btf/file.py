"""BTF in files: raw, or in the sections of an ELF file (vmlinux, a module, a BPF object)."""

from __future__ import annotations

import mmap
from pathlib import Path
from typing import NamedTuple

from ..elf import ElfFile, Section
from ..errors import BtfError, ObjectError
from . import Btf
from .kernel import find_build_id

_SHT_NOTE = 7


class BtfSections(NamedTuple):
    """What a file holds of BTF."""

    btf: bytes
    distilled_base: bytes = b""
    """Section .BTF.base (6.11): the few types of vmlinux that a module's BTF refers to."""
    build_id: str = ""
    """Of the ELF file, in hexadecimal digits; empty if it has none."""


def read_btf(path: str | Path, base: Btf | None = None) -> Btf:
    """BTF from a raw file or the .BTF section of an ELF file. Raises BtfError, OSError.

    `base` is what split BTF continues: the vmlinux of the kernel that a module is for. One
    that brings a base of its own is moved to it; without `base` it continues its own.
    """
    return btf_of(read_sections(path), base)


def btf_of(sections: BtfSections, base: Btf | None = None) -> Btf:
    """What `read_btf` makes of a file. Raises BtfError."""
    if not sections.distilled_base:
        return Btf.from_bytes(sections.btf, base)
    split = Btf.from_bytes(sections.btf, Btf.from_bytes(sections.distilled_base))
    if base is None:
        return split
    from .distilled import onto_base  # here, as few modules need it

    return onto_base(split, base)


def read_sections(path: str | Path) -> BtfSections:
    """The raw bytes. Raises BtfError, OSError."""
    with Path(path).open("rb") as file:
        start = file.read(4)
        if start != b"\x7fELF":
            return BtfSections(start + file.read())
        # A vmlinux with debug information can have hundreds of megabytes.
        with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as image:
            found = sections_of(image, str(path))
            if not found.btf:
                raise BtfError(f"{path}: this ELF file has no .BTF section")
            return found


def sections_of(image: bytes | mmap.mmap, name: str) -> BtfSections:
    """Of an ELF file in memory; its BTF is empty if it has none. Raises BtfError."""
    try:
        return _of_elf(ElfFile(image, name))
    except ObjectError as error:
        raise BtfError(str(error)) from error


def _of_elf(elf: ElfFile) -> BtfSections:
    def contents(section: Section | None) -> bytes:
        return elf.contents(section) if section else b""

    btf = contents(elf.section(".BTF"))
    notes = (contents(section) for section in elf.sections if section.type == _SHT_NOTE)
    build_ids = (find_build_id(data, elf.byte_order) for data in notes)
    return BtfSections(btf, contents(elf.section(".BTF.base")), next(filter(None, build_ids), ""))
