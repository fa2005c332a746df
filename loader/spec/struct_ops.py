"""Reading ``.struct_ops`` sections: each variable is a map that holds one struct of callbacks."""

from __future__ import annotations

from ..btf import Btf, Kind, SectionVariable
from ..elf import Section
from ..enums import MapFlags, MapType
from ..errors import BtfError
from ..lean import bisect_right
from . import MapSpec
from .file import STRUCT_OPS, ObjectFile

StructOps = tuple[Section, int, MapSpec]
"""A map, and where its struct is."""


def read_struct_ops(file: ObjectFile) -> list[StructOps]:
    """Add the struct_ops maps; gives section, offset and spec of each. Raises ObjectError."""
    found = []
    for name in STRUCT_OPS:
        section = file.elf.section(name)
        if section is None or not section.size:
            continue
        if file.btf is None:
            raise file.error(name, "struct_ops need BTF; compile with -g")
        try:
            datasec = file.btf.section(name)
            end = 0
            for entry in file.btf.section_variables(datasec) if datasec else ():
                spec = _read_variable(file, file.btf, section, entry)
                if entry.offset < end:
                    raise file.error(name, f"variable '{spec.name}' starts within another one")
                end = entry.offset + spec.value_size
                file.add_map(spec, name)
                found.append((section, entry.offset, spec))
        except BtfError as error:
            raise file.error(name, str(error)) from error
    return found


def _read_variable(file: ObjectFile, btf: Btf, section: Section, entry: SectionVariable) -> MapSpec:
    variable = btf.type(entry.type_id)
    struct = btf.resolve(variable.size_or_type)
    if struct.kind != Kind.STRUCT or not struct.name:
        raise file.error(section.name, f"variable '{variable.name}' is no named struct")
    size = struct.size_or_type
    if entry.offset + size > section.size:
        raise file.error(section.name, f"variable '{variable.name}' reaches beyond {section.size} bytes")
    return MapSpec(
        variable.name,
        MapType.STRUCT_OPS,
        key_size=4,
        value_size=size,
        max_entries=1,
        flags=MapFlags.LINK if section.name.endswith(".link") else 0,
        value_type_id=struct.id,
        contents=file.elf.contents(section)[entry.offset : entry.offset + size],
        kind="struct_ops",
        autocreate=not section.name.startswith("?"),
    )


def read_callbacks(file: ObjectFile, maps: list[StructOps], programs: dict[tuple[int, int], str]) -> None:
    """Fill in which program is at which offset of each struct. Raises ObjectError."""
    for section in {section.number: section for section, _, _ in maps}.values():
        relocations = file.elf.section(".rel" + section.name)
        if relocations is None:
            continue
        # In the order of their offsets.
        places = [(start, spec) for home, start, spec in maps if home is section]
        for relocation in file.elf.relocations(relocations):
            symbol = relocation.symbol
            program = programs.get((symbol.section, symbol.value))
            if program is None:
                raise file.error(section.name, f"'{symbol.name}' at {relocation.offset} is no program")
            before = bisect_right(places, relocation.offset, key=lambda place: place[0]) - 1
            start, spec = places[max(before, 0)]
            if not 0 <= relocation.offset - start < spec.value_size:
                raise file.error(section.name, f"'{symbol.name}' at {relocation.offset} is in no variable")
            spec.initial_slots.append((relocation.offset - start, program))
