"""Putting right the DATASECs of an object's BTF, where `native.btf_datasecs` leaves it to Python.

It says what is wrong with them, and does it for objects of the other byte order, or without the
native module.
"""

from __future__ import annotations

from ..btf import Btf, Kind, Linkage
from ..btf.records import HEADER_WORDS, KCONFIG, KSYMS, info_vlen
from ..elf import HIDDEN, SHN_LORESERVE, STB_LOCAL, Symbol
from ..errors import BtfError
from ..lean import TYPE_CHECKING, struct
from .file import Datasec

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

_VAR, _STATIC, _GLOBAL = int(Kind.VAR), int(Linkage.STATIC), int(Linkage.GLOBAL)
"""As plain numbers, which are compared in a third of the time."""


def fix_datasecs(
    btf: Btf, section_size: Callable[[str], int], symbols: Iterable[Symbol]
) -> dict[str, Datasec]:
    """Fill in size and offsets of every DATASEC of defined variables, and sort its variables; all by name.

    In place, before any of these types is asked for: the words of `btf`, which has no base, must be
    the caller's own.
    `symbols` are those of variables. A hidden one becomes static: like libbpf, this decides which data
    maps user space may map. Raises BtfError if the BTF names a section or variable that the file lacks.
    """
    words, text, offsets = btf.words, btf.string, btf.offsets
    count = len(offsets)
    defined = {
        symbol.name: symbol
        for symbol in symbols
        if symbol.bind != STB_LOCAL and 0 < symbol.section < SHN_LORESERVE
    }
    found: dict[str, Datasec] = {}
    # The words themselves: without the native module, making objects of them would be a tenth of a load.
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
                symbol = defined.get(text(words[variable]))
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
