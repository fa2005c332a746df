"""Reading the data sections: each becomes a map of one value, its variables live in it.

Their DATASECs in BTF are put right: clang writes size 0, and offset 0 for global variables; the
ELF symbols know them.
"""

from __future__ import annotations

from ..btf import Btf
from ..btf.table import u32_room
from ..elf import STB_LOCAL, STT_OBJECT, ElfFile, place_of
from ..enums import MapFlags, MapType
from ..lean import NATIVE
from ..native import native
from . import MapSpec, VariableSpec
from .file import DATA_SECTIONS, MAX_NUMBER, Datasec, ObjectFile, data_kind


def read_datasecs(file: ObjectFile) -> None:
    """Put right what the compiler left open in the BTF of the data sections, and note their types."""
    btf, elf = file.btf, file.elf
    if btf is None:
        return
    symbols = elf.symbols_of(STT_OBJECT)
    found = _put_right(btf, elf) if elf.byte_order == NATIVE else None
    if found is None:
        from .datasecs import fix_datasecs  # here, as it says what is wrong, or does the unusual

        found = fix_datasecs(btf, elf.size_of, symbols)
    file.datasecs = found


def _put_right(btf: Btf, elf: ElfFile) -> dict[str, Datasec] | None:
    """As `fix_datasecs`, which would be a tenth of a small load; None where it has to do it."""
    words, offsets = btf.words, btf.offsets
    room = u32_room(len(words))
    count = native.btf_datasecs(words, offsets, btf.strings, *elf.raw_symbols, room)
    if count < 0:
        return None
    found: dict[str, Datasec] = {}
    numbers, at = room[:count].tolist(), 0
    while at < count:
        type_id, is_shared, held = numbers[at : at + 3]
        first, at = at + 3, at + 3 + 2 * held
        word = offsets[type_id - 1]
        name = btf.string(words[word])
        size = words[word + 2] or elf.size_of(name)
        if not 0 < size <= MAX_NUMBER:
            return None
        words[word + 2] = size
        types = {numbers[one]: numbers[one + 1] for one in range(first, at, 2)}
        found.setdefault(name, tuple.__new__(Datasec, (type_id, bool(is_shared), types)))
    return found


def read_data_maps(file: ObjectFile) -> None:
    """Add a map for each data section that is not empty, in the order of the file."""
    for section in file.elf.sections_named(DATA_SECTIONS):
        kind = data_kind(section)
        if kind is None or not section.size:
            continue
        spec = MapSpec(section.name, MapType.ARRAY, 4, section.size, 1)
        spec.kind = kind
        if kind == "rodata":
            spec.flags = MapFlags.RDONLY_PROG
        if kind != "bss":
            spec.contents = file.elf.contents(section)
        datasec = file.datasecs.get(section.name)
        if datasec:
            spec.value_type_id = datasec.type_id
            if datasec.is_shared:
                spec.mmapable = True
                spec.flags |= MapFlags.MMAPABLE
        file.add_map(spec, section.name)
        file.data_maps[section.number] = spec.name


def read_variables(file: ObjectFile) -> dict[str, VariableSpec]:
    """The variables of all data maps; of two with one name the global one. Raises ObjectError."""
    variables: dict[str, VariableSpec] = {}
    maps, data_maps, btf, order = file.maps, file.data_maps, file.btf, file.elf.byte_order
    number = 0
    for name, at, size, _, bind, _, home in sorted(file.elf.symbols_of(STT_OBJECT), key=place_of):
        if not size or home not in data_maps:
            continue
        if home != number:
            number, map_name, section = home, data_maps[home], file.elf.section_at(home)
            datasec = file.datasecs.get(section.name)
            types = datasec.types if datasec else {}
        if at + size > section.size:
            problem = f"variable '{name}' ({at}+{size}) reaches beyond {section.size} bytes"
            raise file.error(section.name, problem)
        is_static = bind == STB_LOCAL
        if name not in variables or variables[name].is_static:
            variables[name] = VariableSpec(
                name, map_name, at, size, types.get(at, 0), is_static, maps[map_name], btf, order
            )
    return variables
