"""Putting right what a compiler leaves open in an object's BTF: where the variables of each section are.

clang writes DATASEC size 0 and offset 0 for global variables; the ELF symbols know them.
"""

from __future__ import annotations

from ..elf import STV_HIDDEN, STV_INTERNAL
from ..errors import BtfError
from ..lean import TYPE_CHECKING
from .btf import Btf
from .records import HEADER_WORDS, Kind, Linkage, info_kind, info_vlen, make_info

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping

    from ..elf import Symbol

HIDDEN = (STV_HIDDEN, STV_INTERNAL)

KCONFIG = ".kconfig"
KSYMS = ".ksyms"


def fix_sections(btf: Btf, section_size: Callable[[str], int | None], symbols: Mapping[str, Symbol]) -> None:
    """Fill in size and offsets of every DATASEC of defined variables, and sort its variables.

    In place, before any of these types is asked for: the words of `btf`, which has no base, must be
    the caller's own.
    `symbols` are those of global variables. A hidden one becomes static: like libbpf, this decides
    which data maps user space may map. Raises BtfError if the BTF names a section or variable that
    the file lacks.
    """
    words, text, offsets = btf.words, btf.string, btf.offsets
    count = len(offsets)
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
        places = range(first, first + 3 * info_vlen(words[at + 1]), 3)
        entries = []
        for place in places:
            type_id, offset = words[place], words[place + 1]
            variable = offsets[type_id - 1] if 0 < type_id <= count else None
            if variable is None or info_kind(words[variable + 1]) != Kind.VAR:
                raise BtfError(f"DATASEC '{name}' holds '{btf.type(type_id).name}', which is no variable")
            if words[variable + HEADER_WORDS] == Linkage.GLOBAL:
                symbol = symbols.get(text(words[variable]))
                if symbol is None:
                    raise BtfError(f"variable '{text(words[variable])}' of '{name}' has no ELF symbol")
                if symbol.visibility in HIDDEN:
                    words[variable + HEADER_WORDS] = Linkage.STATIC
                # The static linker (bpftool gen object) writes offsets as well, but wrong ones where
                # an extern or a weak definition came before the one that counts.
                offset = symbol.value
            entries.append((offset, place, type_id, words[place + 2]))
        entries.sort()
        try:
            words[at + 2] = size
            for place, (offset, _, type_id, length) in zip(places, entries, strict=True):
                words[place], words[place + 1], words[place + 2] = type_id, offset, length
        except (ValueError, OverflowError):
            raise BtfError(f"DATASEC '{name}' has a size or an offset beyond 32 bits") from None


def hide_functions(btf: Btf, names: Collection[str]) -> None:
    """Make functions static, in place as `fix_sections`."""
    for type_id in btf.ids_of(Kind.FUNC):
        at = btf.word_offset(type_id)
        if btf.string(btf.words[at]) in names:
            btf.words[at + 1] = make_info(Kind.FUNC, Linkage.STATIC)
