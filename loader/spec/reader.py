"""From an object file to its spec: the order in which its parts are read."""

from __future__ import annotations

from ..btf.records import Kind, Linkage, make_info
from ..elf import HIDDEN, STT_FUNC, Symbol
from ..errors import BtfError, ObjectError
from ..lean import TYPE_CHECKING, struct
from . import ExternSpec, ObjectSpec
from .data import read_data_maps, read_datasecs, read_variables
from .file import ARENA, LEGACY_MAPS, MAPS, STRUCT_OPS, ObjectFile, open_object
from .functions import TEXT, FunctionReader, make_programs

if TYPE_CHECKING:
    from . import ProgramSpec
    from .struct_ops import StructOps

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
    symbols = file.elf.externs
    externs = _read_externs(file, symbols) if symbols else {}
    read_datasecs(file)
    if file.elf.has_visibilities:
        _hide_functions(file)
    if file.elf.has(MAPS, LEGACY_MAPS, ARENA):
        from .maps import read_maps  # here and below: what few objects have is imported for these alone

        read_maps(file)
    read_data_maps(file)
    if externs:
        from .externs import add_kconfig_map

        add_kconfig_map(file, externs)
    structs = _read_struct_ops(file) if file.elf.has(*STRUCT_OPS) else []

    reader = FunctionReader(file, externs)
    functions = reader.read()
    programs = make_programs(file, functions)
    if structs or file.elf.has(".rel" + MAPS):
        _fill_slots(file, structs, _places(reader, programs))
    return ObjectSpec(
        name.split("/")[-1].split(".")[0],
        file.elf.byte_order,
        _license(file),
        _version(file),
        programs,
        file.maps,
        read_variables(file),
        file.btf,
        functions,
        externs,
    )


def _read_externs(file: ObjectFile, symbols: list[Symbol]) -> dict[str, ExternSpec]:
    """What the object expects of the kernel; its BTF is made one that the kernel takes."""
    from .externs import fix_extern_btf, read_externs

    externs = read_externs(file, symbols)
    fix_extern_btf(file, externs)
    return externs


def _read_struct_ops(file: ObjectFile) -> list[StructOps]:
    from .struct_ops import read_struct_ops

    return read_struct_ops(file)


def _places(reader: FunctionReader, programs: dict[str, ProgramSpec]) -> dict[tuple[int, int], str]:
    """(section number, offset) → name of the program there."""
    entries = {id(program.function): program.name for program in programs.values()}
    functions = reader.functions
    return {
        place: entries[id(functions[index])]
        for place, index in reader.places.items()
        if id(functions[index]) in entries
    }


def _fill_slots(file: ObjectFile, structs: list[StructOps], programs: dict[tuple[int, int], str]) -> None:
    if file.elf.has(".rel" + MAPS):
        from .maps import read_slots

        read_slots(file, programs)
    if structs:
        from .struct_ops import read_callbacks

        read_callbacks(file, structs, programs)


def _hide_functions(file: ObjectFile) -> None:
    """Make hidden functions static: they are verified with their caller's context, as static ones are."""
    btf, elf = file.btf, file.elf
    if btf is None:
        return
    hidden = {
        symbol.name
        for symbol in elf.symbols_of(STT_FUNC)
        if symbol.visibility in HIDDEN and symbol.is_global and _is_in_text(file, symbol)
    }
    for type_id in btf.ids_of(Kind.FUNC) if hidden else ():
        at = btf.word_offset(type_id)
        if btf.string(btf.words[at]) in hidden:
            btf.words[at + 1] = make_info(Kind.FUNC, Linkage.STATIC)


def _is_in_text(file: ObjectFile, symbol: Symbol) -> bool:
    section = file.elf.section_of(symbol)
    return section is not None and section.name == TEXT


def _license(file: ObjectFile) -> str:
    return file.elf.contents_of("license")[:LICENSE_LIMIT].split(b"\0")[0].decode("utf-8", "replace")


def _version(file: ObjectFile) -> int:
    section = file.elf.section("version")
    if section is None:
        return 0
    raw = file.elf.contents(section)
    if len(raw) != 4:
        raise file.error("version", f"{len(raw)} bytes are no version number of 4")
    return int(struct.unpack(file.elf.byte_order + "I", raw)[0])
