"""From an object file to its spec: the order in which its parts are read."""

from __future__ import annotations

import struct

from ..btf import Kind
from ..btf.datasec import HIDDEN, fix_sections
from ..btf.edit import BtfEdit
from ..elf import STB_LOCAL, STT_FUNC, STT_OBJECT, Symbol
from ..errors import BtfError, ObjectError
from . import ExternSpec, ObjectSpec
from .data import read_data_maps, read_variables
from .externs import add_kconfig_map, fix_extern_btf, read_externs
from .file import ObjectFile, open_object
from .functions import TEXT, FunctionReader, make_programs
from .maps import read_arena, read_maps, read_slots
from .struct_ops import read_callbacks, read_struct_ops

LICENSE_LIMIT = 63
"""The kernel's longest licence string."""


def read_object(data: bytes, name: str) -> ObjectSpec:
    """Read a BPF object. Raises ObjectError for anything malformed or not supported."""
    file = open_object(data, name)
    try:
        return _read(file, name)
    except BtfError as error:
        raise ObjectError(name, ".BTF", str(error)) from error


def _read(file: ObjectFile, name: str) -> ObjectSpec:
    externs = read_externs(file)
    _fix_btf(file, externs)
    read_maps(file)
    read_data_maps(file)
    read_arena(file)
    add_kconfig_map(file, externs)
    struct_ops = read_struct_ops(file)

    reader = FunctionReader(file, externs)
    functions = reader.read()
    programs = make_programs(file, functions)
    entries = {id(program.function): program.name for program in programs.values()}
    program_places = {
        place: entries[id(functions[index])]
        for place, index in reader.places.items()
        if id(functions[index]) in entries
    }
    read_slots(file, program_places)
    read_callbacks(file, struct_ops, program_places)
    return ObjectSpec(
        name=name.split("/")[-1].split(".")[0],
        byte_order=file.elf.byte_order,
        license=_license(file),
        version=_version(file),
        programs=programs,
        maps=file.maps,
        variables=read_variables(file),
        btf=file.btf,
        functions=functions,
        externs=externs,
    )


def _fix_btf(file: ObjectFile, externs: dict[str, ExternSpec]) -> None:
    """Make the BTF one that the kernel takes: sections filled in, externs and hidden names turned."""
    if file.btf is None:
        return
    if externs:
        edit = BtfEdit(file.btf)
        fix_extern_btf(file, edit, externs)
        file.btf = edit.finish()
    elf = file.elf
    symbols = {
        symbol.name: symbol
        for symbol in elf.symbols_of(STT_OBJECT)
        if symbol.bind != STB_LOCAL and elf.section_of(symbol)
    }

    def section_size(name: str) -> int | None:
        section = elf.section(name)
        return section.size if section else None

    fix_sections(file.btf, section_size, symbols)
    # A hidden function is verified with its caller's context, as a static one is.
    hidden = {
        symbol.name
        for symbol in elf.symbols_of(STT_FUNC)
        if symbol.visibility in HIDDEN and symbol.is_global and _is_in_text(file, symbol)
    }
    if hidden:
        for found in file.btf.of_kind(Kind.FUNC):
            if found.name in hidden:
                file.btf.set_static(found)


def _is_in_text(file: ObjectFile, symbol: Symbol) -> bool:
    section = file.elf.section_of(symbol)
    return section is not None and section.name == TEXT


def _license(file: ObjectFile) -> str:
    section = file.elf.section("license")
    raw = file.elf.contents(section) if section else b""
    return raw[:LICENSE_LIMIT].split(b"\0")[0].decode("utf-8", "replace")


def _version(file: ObjectFile) -> int:
    section = file.elf.section("version")
    if section is None:
        return 0
    raw = file.elf.contents(section)
    if len(raw) != 4:
        raise file.error("version", f"{len(raw)} bytes are no version number of 4")
    return int(struct.unpack(file.elf.byte_order + "I", raw)[0])
