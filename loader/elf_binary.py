"""Programs and shared libraries: where in the file a function, or an address of the running program, lies.

What a uprobe is placed at is an offset in the file, whatever address the file is mapped at.
"""

from __future__ import annotations

import struct
from bisect import bisect_right
from collections.abc import Iterator
from functools import cached_property
from typing import TYPE_CHECKING, NamedTuple

from .elf import SHN_LORESERVE, SHN_UNDEF, SHT_SYMTAB, STB_WEAK, STT_FUNC, SYMBOL, ElfFile, Section
from .errors import ObjectError
from .pattern import matcher

if TYPE_CHECKING:
    from mmap import mmap

EM_X86_64, EM_AARCH64 = 62, 183
ET_EXEC, ET_DYN = 2, 3
PF_X = 1

_PT_LOAD = 1
_PROGRAM_HEADER = struct.calcsize("<IIQQQQQQ")
_SHT_DYNSYM, _SHT_VERDEF, _SHT_VERSYM = 11, 0x6FFFFFFD, 0x6FFFFFFF
_STT_GNU_IFUNC = 10
_HIDDEN_VERSION = 0x8000
"""In .gnu.version: a version that only programs linked against it ask for, not the default."""


class Segment(NamedTuple):
    """A part of the file that is mapped (PT_LOAD): `size` bytes from `offset`, at `address`."""

    address: int
    size: int
    offset: int
    flags: int


class Function(NamedTuple):
    """A function by one of its names; `offset` is where in the file it begins."""

    name: str
    offset: int
    version: str
    """Of a library's symbol, as in ``name@VERSION``; empty for none."""
    is_default: bool
    """Whether a program that asks for no version gets this one."""
    is_weak: bool
    is_indirect: bool
    """An IFUNC: a function that chooses another one when the program starts."""


class Binary(ElfFile):
    """A program or shared library. Raises ObjectError for anything malformed, or of another kind."""

    def __init__(self, data: bytes | mmap, name: str) -> None:
        super().__init__(data, name)
        if self.type not in (ET_EXEC, ET_DYN):
            raise ObjectError(name, "", f"ELF type {self.type} is neither a program nor a shared library")

    @cached_property
    def segments(self) -> list[Segment]:
        """What is mapped, in the order of addresses."""
        (at,) = struct.unpack_from(self.byte_order + "Q", self._data, 32)
        entry_size, count = struct.unpack_from(self.byte_order + "HH", self._data, 54)
        if count and (entry_size != _PROGRAM_HEADER or at + count * entry_size > len(self._data)):
            raise ObjectError(self.name, "", f"{count} program headers at {at} reach beyond the file")
        rows = struct.iter_unpack(self.byte_order + "IIQQQQQQ", self._data[at : at + count * _PROGRAM_HEADER])
        return sorted(
            Segment(address, size, offset, flags)
            for kind, flags, offset, address, _, size, _, _ in rows
            if kind == _PT_LOAD
        )

    def segment(self, address: int) -> Segment | None:
        """The segment that an address of the program lies in, as far as the file fills it."""
        at = bisect_right(self.segments, address, key=lambda segment: segment.address) - 1
        if at < 0 or address >= self.segments[at].address + self.segments[at].size:
            return None
        return self.segments[at]

    def file_offset(self, address: int) -> int | None:
        """Where in the file the byte is that the program has at an address; None if it is in none."""
        segment = self.segment(address)
        return None if segment is None else address - segment.address + segment.offset

    def read(self, offset: int, size: int) -> bytes:
        """Bytes of the file; fewer at its end."""
        return bytes(self._data[offset : offset + size])

    def function(self, name: str) -> Function:
        """The function of a name, which may say a version: ``name@VERSION``.

        Of several, that which a program gets that is linked now: of the default version, not weak.
        Raises LookupError, in words, if there is none or still more than one.
        """
        wanted, _, version = name.partition("@")
        version = version.removeprefix("@")
        # Only where no dynamic symbol fits is it looked for in .symtab, which is often stripped.
        for table in self._symbol_tables:
            found = [
                each
                for each in self._functions(table, self._name_offsets(table, wanted))
                if version in ("", each.version)
            ]
            if found:
                return self._chosen(found, name)
        raise LookupError(f"'{self.name}' has no function '{name}'; 'nm -D' and 'nm' list what it has")

    def _chosen(self, found: list[Function], name: str) -> Function:
        if any(each.is_indirect for each in found):
            raise LookupError(
                f"'{name}' of '{self.name}' is an IFUNC: another function is chosen when the program starts; "
                f"name one of those, such as '{name}_…'"
            )
        default = [each for each in found if each.is_default] or found
        strong = [each for each in default if not each.is_weak] or default
        if len({each.offset for each in strong}) > 1:
            places = ", ".join(
                f"{each.name}{'@' if each.version else ''}{each.version} at {each.offset:#x}"
                for each in strong
            )
            raise LookupError(
                f"'{self.name}' has several functions '{name}' ({places}): give a version, or the offset"
            )
        return strong[0]

    def matching(self, pattern: str) -> list[Function]:
        """The functions whose names fit a pattern (``*`` and ``?``), each place once, by offset.

        Of the dynamic symbols, or of .symtab if none of those fits.
        """
        fits = matcher(pattern)
        for table in self._symbol_tables:
            found = {
                each.offset: each
                for each in self._functions(table)
                if not each.is_indirect and fits(each.name)
            }
            if found:
                return [found[offset] for offset in sorted(found)]
        return []

    @cached_property
    def _symbol_tables(self) -> list[Section]:
        by_type = {section.type: section for section in reversed(self.sections)}
        found = [by_type[kind] for kind in (_SHT_DYNSYM, SHT_SYMTAB) if kind in by_type]
        for table in found:
            if table.size % SYMBOL or table.link >= len(self.sections):
                raise ObjectError(self.name, table.name, "is no table of symbols with names")
        return found

    def _name_offsets(self, table: Section, name: str) -> set[int]:
        """Where a name stands in a table's strings, also as the end of a longer one, or before an ``@``."""
        names, needle = self.contents(self.sections[table.link]), name.encode()
        found, at = set(), names.find(needle) if needle else -1
        while at >= 0:
            if names[at + len(needle) : at + len(needle) + 1] in (b"\0", b"@"):
                found.add(at)
            at = names.find(needle, at + 1)
        return found

    def _functions(self, table: Section, names_at: set[int] | None = None) -> Iterator[Function]:
        """The functions of a table, or those whose names begin at one of these offsets."""
        names = self.contents(self.sections[table.link])
        versions = self._versions(table)
        rows = struct.iter_unpack(self.byte_order + "IBBHQQ", self.contents(table))
        for number, (name_at, info, _, section, value, _) in enumerate(rows):
            if names_at is not None and name_at not in names_at:
                continue
            kind = info & 0xF
            if kind not in (STT_FUNC, _STT_GNU_IFUNC) or not SHN_UNDEF < section < SHN_LORESERVE:
                continue
            offset = self.file_offset(value)
            if offset is None:
                continue
            end = names.find(b"\0", name_at)
            name, at, version = names[name_at:end].decode("utf-8", "replace").partition("@")
            is_default = not at or version.startswith("@")
            if number < len(versions):
                version, is_default = versions[number]
            yield Function(
                name,
                offset,
                version.removeprefix("@"),
                is_default,
                info >> 4 == STB_WEAK,
                kind == _STT_GNU_IFUNC,
            )

    def _versions(self, table: Section) -> list[tuple[str, bool]]:
        """(version, whether it is the default one) of each dynamic symbol; none for other tables."""
        if table.type != _SHT_DYNSYM:
            return []
        numbers = next((section for section in self.sections if section.type == _SHT_VERSYM), None)
        if numbers is None or numbers.size % 2:
            return []
        defined = dict(self._defined_versions())
        return [
            (defined.get(number & ~_HIDDEN_VERSION, ""), not number & _HIDDEN_VERSION)
            for (number,) in struct.iter_unpack(self.byte_order + "H", self.contents(numbers))
        ]

    def _defined_versions(self) -> Iterator[tuple[int, str]]:
        """(number, name) of each version that the library defines."""
        section = next((section for section in self.sections if section.type == _SHT_VERDEF), None)
        if section is None or section.link >= len(self.sections):
            return
        data, names = self.contents(section), self.contents(self.sections[section.link])
        at = 0
        # `info` is the number of entries; each says how far it is to the next.
        for _ in range(min(section.info, len(data) // 20)):
            if at + 20 > len(data):
                break
            _, _, number, _, _, name_from, following = struct.unpack_from(
                self.byte_order + "HHHHIII", data, at
            )
            if at + name_from + 4 <= len(data):
                (name_at,) = struct.unpack_from(self.byte_order + "I", data, at + name_from)
                end = names.find(b"\0", name_at)
                # The first entry is the library's own name, and no version.
                if end >= 0 and number > 1:
                    yield number, names[name_at:end].decode("utf-8", "replace")
            if not following:
                break
            at += following
