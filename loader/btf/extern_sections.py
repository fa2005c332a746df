"""Putting right how an object's BTF describes its externs, in a way that the kernel takes."""

from __future__ import annotations

from ..errors import BtfError
from ..lean import TYPE_CHECKING
from .edit import BtfEdit
from .records import KCONFIG, KSYMS, BtfType, IntEncoding, Kind, Linkage, SectionVariable, make_info

if TYPE_CHECKING:
    from collections.abc import Mapping

DUMMY = "dummy_ksym"


def fix_kconfig(edit: BtfEdit, offsets: Mapping[str, int], size: int) -> None:
    """Give each ``.kconfig`` variable its place in the map's value, and make it a defined one."""
    btf = edit.btf
    for section in btf.sections:
        if section.name == KCONFIG:
            placed = []
            for entry in btf.section_variables(section):
                variable = btf.type(entry.type_id)
                if variable.name not in offsets:
                    raise BtfError(f"'{variable.name}' of '{KCONFIG}' has no ELF symbol")
                edit.set_linkage(variable.id, Linkage.GLOBAL)
                placed.append(entry._replace(offset=offsets[variable.name]))
            edit.set_section(section.id, size, sorted(placed, key=lambda entry: entry.offset))


def fix_ksyms(edit: BtfEdit) -> None:
    """Turn each ``.ksyms`` entry into a defined 4-byte integer; the kernel takes nothing else.

    Functions cannot be in a DATASEC before 5.x, so one dummy variable stands for all of
    them; parameters without names get its name, since the kernel wants named ones.
    """
    btf = edit.btf
    integer = _four_byte_int(edit)
    for section in btf.sections:
        if section.name == KSYMS:
            entries = btf.section_variables(section)
            dummy = 0
            if any(btf.type(entry.type_id).kind == Kind.FUNC for entry in entries):
                dummy = edit.append(DUMMY, make_info(Kind.VAR), integer, Linkage.GLOBAL)
            placed = []
            for number, entry in enumerate(entries):
                extern = btf.type(entry.type_id)
                if extern.kind == Kind.FUNC:
                    _name_parameters(edit, btf.type(extern.size_or_type))
                    edit.set_linkage(extern.id, Linkage.GLOBAL)
                    type_id = dummy
                elif extern.kind == Kind.VAR:
                    edit.set_linkage(extern.id, Linkage.GLOBAL)
                    edit.set_type(extern.id, integer)
                    type_id = extern.id
                else:
                    raise BtfError(f"'{extern.name}' of '{KSYMS}' is neither variable nor function")
                placed.append(SectionVariable(type_id, 4 * number, 4))
            edit.set_section(section.id, 4 * len(placed), placed)


def _four_byte_int(edit: BtfEdit) -> int:
    """Some 4-byte INT of the object, added if there is none."""
    btf = edit.btf
    for found in btf.of_kind(Kind.INT):
        if found.size_or_type == 4 and btf.integer(found)[2] == 32:
            return found.id
    return edit.append("int", make_info(Kind.INT), 4, IntEncoding.SIGNED << 24 | 32)


def _name_parameters(edit: BtfEdit, prototype: BtfType) -> None:
    if prototype.kind != Kind.FUNC_PROTO:
        raise BtfError(f"BTF type {prototype.id} is no function type")
    dummy = edit.add_string(DUMMY)
    for number, (name, type_id) in enumerate(edit.btf.parameters(prototype)):
        if type_id and not name:
            edit.set_extra(prototype.id, 2 * number, dummy)
