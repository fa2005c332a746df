"""Reading the data sections: each becomes a map of one value, its variables live in it."""

from __future__ import annotations

from ..btf import Btf, Linkage
from ..elf import STT_OBJECT, Section, Symbol
from ..enums import MapFlags, MapType
from . import MapSpec, VariableSpec
from .file import DATA_SECTIONS, ObjectFile, data_kind


def read_data_maps(file: ObjectFile) -> None:
    """Add a map for each data section that is not empty, in the order of the file."""
    for section in file.elf.sections_named(DATA_SECTIONS):
        kind = data_kind(section)
        if kind is None or not section.size:
            continue
        spec = MapSpec(
            section.name,
            MapType.ARRAY,
            key_size=4,
            value_size=section.size,
            max_entries=1,
            flags=MapFlags.RDONLY_PROG if kind == "rodata" else 0,
            contents=None if kind == "bss" else file.elf.contents(section),
            kind=kind,
        )
        if file.btf is not None:
            _describe(file.btf, spec)
        file.add_map(spec, section.name)
        file.data_maps[section.number] = spec.name


def _describe(btf: Btf, spec: MapSpec) -> None:
    """Take the value's type from the BTF, and whether user space may map the value.

    Like libbpf: it may if at least one variable is not static.
    """
    datasec = btf.section(spec.name)
    if datasec:
        spec.value_type_id = datasec.id
        variables = [btf.type(entry.type_id) for entry in btf.section_variables(datasec)]
        spec.mmapable = any(btf.linkage(variable) != Linkage.STATIC for variable in variables)
        if spec.mmapable:
            spec.flags |= MapFlags.MMAPABLE


def read_variables(file: ObjectFile) -> dict[str, VariableSpec]:
    """The variables of all data maps; of two with one name the global one. Raises ObjectError."""
    variables: dict[str, VariableSpec] = {}
    symbols: dict[int, list[Symbol]] = {}
    for symbol in file.elf.symbols_of(STT_OBJECT):
        if symbol.size and symbol.section in file.data_maps:
            symbols.setdefault(symbol.section, []).append(symbol)
    for number, map_name in file.data_maps.items():
        section = file.elf.section_at(number)
        types = _types(file.btf, section.name) if file.btf else {}
        for symbol in sorted(symbols.get(number, ()), key=lambda symbol: symbol.value):
            spec = _variable(file, section, map_name, symbol, types)
            if symbol.name not in variables or variables[symbol.name].is_static:
                variables[symbol.name] = spec
    return variables


def _types(btf: Btf, section: str) -> dict[int, int]:
    """Offset → type id of a section's variables."""
    datasec = btf.section(section)
    entries = btf.section_variables(datasec) if datasec else ()
    return {entry.offset: btf.type(entry.type_id).size_or_type for entry in entries}


def _variable(
    file: ObjectFile, section: Section, map_name: str, symbol: Symbol, types: dict[int, int]
) -> VariableSpec:
    if symbol.value + symbol.size > section.size:
        raise file.error(
            section.name,
            f"variable '{symbol.name}' ({symbol.value}+{symbol.size}) reaches beyond {section.size} bytes",
        )
    return VariableSpec(
        symbol.name,
        map_name,
        symbol.value,
        symbol.size,
        types.get(symbol.value, 0),
        is_static=not symbol.is_global,
        map_spec=file.maps[map_name],
        btf=file.btf,
        byte_order=file.elf.byte_order,
    )
