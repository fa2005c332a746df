"""Reading the data sections: each becomes a map of one value, its variables live in it.

Their DATASECs in BTF are put right: clang writes size 0, and offset 0 for global variables; the
ELF symbols know them.
"""

from __future__ import annotations

from ..btf import Btf, Kind, Linkage
from ..btf.records import HEADER_WORDS, KCONFIG, KSYMS, info_vlen
from ..elf import SHN_LORESERVE, STB_LOCAL, STT_OBJECT, STV_HIDDEN, STV_INTERNAL, Symbol, place_of
from ..enums import MapFlags, MapType
from ..errors import BtfError
from ..lean import TYPE_CHECKING, struct
from . import MapSpec, VariableSpec
from .file import DATA_SECTIONS, Datasec, ObjectFile, data_kind

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

HIDDEN = (STV_HIDDEN, STV_INTERNAL)
_VAR, _STATIC, _GLOBAL = int(Kind.VAR), int(Linkage.STATIC), int(Linkage.GLOBAL)
"""As plain numbers, which are compared in a third of the time."""


def read_datasecs(file: ObjectFile) -> None:
    """Put right what the compiler left open in the BTF of the data sections, and note their types."""
    if file.btf is None:
        return
    symbols = {
        symbol.name: symbol
        for symbol in file.elf.symbols_of(STT_OBJECT)
        if symbol.bind != STB_LOCAL and 0 < symbol.section < SHN_LORESERVE
    }
    file.datasecs = fix_datasecs(file.btf, file.elf.size_of, symbols)


def fix_datasecs(
    btf: Btf, section_size: Callable[[str], int], symbols: Mapping[str, Symbol]
) -> dict[str, Datasec]:
    """Fill in size and offsets of every DATASEC of defined variables, and sort its variables; all by name.

    In place, before any of these types is asked for: the words of `btf`, which has no base, must be
    the caller's own.
    `symbols` are those of global variables. A hidden one becomes static: like libbpf, this decides
    which data maps user space may map. Raises BtfError if the BTF names a section or variable that
    the file lacks.
    """
    words, text, offsets = btf.words, btf.string, btf.offsets
    count = len(offsets)
    found: dict[str, Datasec] = {}
    # The words themselves: making an object of each record would take a tenth of a small load.
    for section_id in btf.section_ids:
        at = offsets[section_id - 1]
        name = text(words[at])
        if name in (KCONFIG, KSYMS):
            continue
        size = words[at + 2] or section_size(name)
        if not size:
            raise BtfError(f"DATASEC '{name}' has no ELF section of that name with data")
        first = at + HEADER_WORDS
        numbers = iter(words[first : first + 3 * info_vlen(words[at + 1])].tolist())
        entries: list[tuple[int, int, int, int]] = []
        types: dict[int, int] = {}
        is_shared = False
        for type_id, offset, length in zip(numbers, numbers, numbers, strict=True):
            variable = offsets[type_id - 1] if 0 < type_id <= count else None
            if variable is None or words[variable + 1] >> 24 & 0x7F != _VAR:
                raise BtfError(f"DATASEC '{name}' holds '{btf.type(type_id).name}', which is no variable")
            linkage = words[variable + HEADER_WORDS]
            if linkage == _GLOBAL:
                symbol = symbols.get(text(words[variable]))
                if symbol is None:
                    raise BtfError(f"variable '{text(words[variable])}' of '{name}' has no ELF symbol")
                # The static linker (bpftool gen object) writes offsets as well, but wrong ones where
                # an extern or a weak definition came before the one that counts.
                _, offset, _, _, _, visibility, _ = symbol
                if visibility in HIDDEN:
                    words[variable + HEADER_WORDS] = linkage = _STATIC
            if linkage != _STATIC:
                is_shared = True
            types[offset] = words[variable + 2]
            entries.append((offset, len(entries), type_id, length))
        entries.sort()
        sorted_numbers = [one for offset, _, type_id, length in entries for one in (type_id, offset, length)]
        try:
            struct.pack_into(f"={len(sorted_numbers) + 1}I", words, 4 * (at + 2), size, *sorted_numbers)
        except struct.error:
            raise BtfError(f"DATASEC '{name}' has a size or an offset beyond 32 bits") from None
        found.setdefault(name, tuple.__new__(Datasec, (section_id, is_shared, types)))
    return found


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
