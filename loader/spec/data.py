"""Reading the data sections: each becomes a map of one value, its variables live in it."""

from __future__ import annotations

from ..btf import Linkage
from ..btf.records import HEADER_WORDS, info_vlen
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
        # Like libbpf: user space may map the value if at least one variable is not static.
        spec.value_type_id, spec.mmapable = read_types(file, section)
        if spec.mmapable:
            spec.flags |= MapFlags.MMAPABLE
        file.add_map(spec, section.name)
        file.data_maps[section.number] = spec.name


def read_types(file: ObjectFile, section: Section) -> tuple[int, bool]:
    """Note the types of a section's variables; the id of its DATASEC (0: none), and whether one is global."""
    btf, shared = file.btf, False
    section_id = btf.section_id(section.name) if btf else 0
    if btf and section_id:
        types = file.variable_types[section.number] = dict[int, int]()
        words, offsets, at = btf.words, btf.offsets, btf.word_offset(section_id)
        for place in range(at + HEADER_WORDS, at + HEADER_WORDS + 3 * info_vlen(words[at + 1]), 3):
            variable = offsets[words[place] - 1]  # a VAR: the BTF is in order (`fix_sections`)
            types[words[place + 1]] = words[variable + 2]
            if words[variable + HEADER_WORDS] != Linkage.STATIC:
                shared = True
    return section_id, shared


def read_variables(file: ObjectFile) -> dict[str, VariableSpec]:
    """The variables of all data maps; of two with one name the global one. Raises ObjectError."""
    variables: dict[str, VariableSpec] = {}
    symbols: dict[int, list[Symbol]] = {}
    for symbol in file.elf.symbols_of(STT_OBJECT):
        if symbol.size and symbol.section in file.data_maps:
            symbols.setdefault(symbol.section, []).append(symbol)
    for number, map_name in file.data_maps.items():
        section = file.elf.section_at(number)
        types = file.variable_types.get(number, {})
        for symbol in sorted(symbols.get(number, ()), key=_place):
            spec = _variable(file, section, map_name, symbol, types)
            if symbol.name not in variables or variables[symbol.name].is_static:
                variables[symbol.name] = spec
    return variables


def _place(symbol: Symbol) -> int:
    return symbol.value


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
