"""Reading the data sections: each becomes a map of one value, its variables live in it.

Their DATASECs in BTF are put right: clang writes size 0, and offset 0 for global variables; the
ELF symbols know them.
"""

from __future__ import annotations

from ..btf import Btf, Kind, Linkage
from ..btf.records import HEADER_WORDS, KCONFIG, KSYMS, info_vlen
from ..elf import SHN_LORESERVE, STB_LOCAL, STT_OBJECT, STV_HIDDEN, STV_INTERNAL, Section, Symbol
from ..enums import MapFlags, MapType
from ..errors import BtfError
from ..lean import TYPE_CHECKING
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
    count, found = len(offsets), dict[str, Datasec]()
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
        end = first + 3 * info_vlen(words[at + 1])
        entries, types, is_shared = [], dict[int, int](), False
        for place in range(first, end, 3):
            type_id, offset, length = words[place], words[place + 1], words[place + 2]
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
            entries.append((offset, place, type_id, length))
        entries.sort()
        try:
            words[at + 2] = size
            place = first
            for offset, _, type_id, length in entries:
                words[place], words[place + 1], words[place + 2] = type_id, offset, length
                place += 3
        except (ValueError, OverflowError):
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
    symbols: dict[int, list[Symbol]] = {}
    for symbol in file.elf.symbols_of(STT_OBJECT):
        if symbol.size and symbol.section in file.data_maps:
            symbols.setdefault(symbol.section, []).append(symbol)
    for number, map_name in file.data_maps.items():
        section = file.elf.section_at(number)
        datasec = file.datasecs.get(section.name)
        types = datasec.types if datasec else {}
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
