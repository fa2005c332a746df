"""Putting right what a compiler leaves open in an object's BTF: where the variables of each section are.

clang writes DATASEC size 0 and offset 0 for global variables; the ELF symbols know them.
"""

from __future__ import annotations

from ..elf import STV_HIDDEN, STV_INTERNAL
from ..errors import BtfError
from ..lean import TYPE_CHECKING
from .btf import Btf
from .kinds import Kind, Linkage
from .records import SectionVariable

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from ..elf import Symbol

HIDDEN = (STV_HIDDEN, STV_INTERNAL)

KCONFIG = ".kconfig"
KSYMS = ".ksyms"


def fix_sections(btf: Btf, section_size: Callable[[str], int | None], symbols: Mapping[str, Symbol]) -> None:
    """Fill in size and offsets of every DATASEC of defined variables, and sort its variables.

    In place: the words of `btf` must be the caller's own. `symbols` are those of global variables.
    A hidden one becomes static: like libbpf, this decides which data maps user space may map.
    Raises BtfError if the BTF names a section or variable that the file lacks.
    """
    for section in btf.sections:
        name = section.name
        if name in (KCONFIG, KSYMS):
            continue
        size = section.size_or_type or section_size(name)
        if not size:
            raise BtfError(f"DATASEC '{name}' has no ELF section of that name with data")
        placed = []
        for entry in btf.section_variables(section):
            variable = btf.type(entry.type_id)
            if variable.kind != Kind.VAR:
                raise BtfError(f"DATASEC '{name}' holds '{variable.name}', which is no variable")
            if btf.linkage(variable) == Linkage.GLOBAL:
                symbol = symbols.get(variable.name)
                if symbol is None:
                    raise BtfError(f"variable '{variable.name}' of '{name}' has no ELF symbol")
                if symbol.visibility in HIDDEN:
                    btf.set_static(variable)
                # The static linker (bpftool gen object) writes offsets as well, but wrong ones where
                # an extern or a weak definition came before the one that counts.
                entry = tuple.__new__(SectionVariable, (entry.type_id, symbol.value, entry.size))
            placed.append(entry)
        placed.sort(key=_offset)
        btf.set_section(section, size, placed)


def _offset(entry: SectionVariable) -> int:
    return entry.offset
