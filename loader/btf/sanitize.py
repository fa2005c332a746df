"""Rewriting an object's BTF for kernels that lack newer kinds.

Each feature can be dropped on its own; the ids of all types stay the same, so
func_info, line_info and map ids stay true.
"""

from __future__ import annotations

from enum import Enum

from . import Btf
from .edit import BtfEdit
from .records import BtfType, Kind, Linkage, make_info


class BtfFeature(Enum):
    """A part of BTF that some kernels refuse; the value says since when it is known."""

    FUNC = "4.20"
    DATASEC = "5.2"
    GLOBAL_FUNC = "5.6"
    FLOAT = "5.13"
    DECL_TAG = "5.16"
    TYPE_TAG = "5.17"
    ENUM64 = "6.0"
    QMARK_DATASEC = "6.9"


NEWEST_FIRST = sorted(
    BtfFeature, key=lambda feature: [int(part) for part in feature.value.split(".")], reverse=True
)


def features_used(btf: Btf) -> set[BtfFeature]:
    """Which of these features the BTF uses: without them there is nothing to drop."""
    used = set()
    for found in btf.types():
        match found.kind:
            case Kind.FUNC | Kind.FUNC_PROTO:
                used.add(BtfFeature.FUNC)
                if found.kind == Kind.FUNC and btf.linkage(found) != Linkage.STATIC:
                    used.add(BtfFeature.GLOBAL_FUNC)
            case Kind.DATASEC | Kind.VAR:
                used.add(BtfFeature.DATASEC)
                if found.name.startswith("?"):
                    used.add(BtfFeature.QMARK_DATASEC)
            case Kind.FLOAT:
                used.add(BtfFeature.FLOAT)
            case Kind.DECL_TAG:
                used.add(BtfFeature.DECL_TAG)
            case Kind.TYPE_TAG:
                used.add(BtfFeature.TYPE_TAG)
            case Kind.ENUM64:
                used.add(BtfFeature.ENUM64)
            case Kind.ENUM if found.kflag:
                used.add(BtfFeature.ENUM64)
    return used


def without(btf: Btf, dropped: set[BtfFeature]) -> Btf:
    """The same BTF with the dropped features replaced by older ones of the same meaning or size."""
    edit = BtfEdit(btf)
    placeholder = 0
    for found in btf.types():
        match found.kind:
            case Kind.VAR if BtfFeature.DATASEC in dropped:
                _become_byte(edit, found)
            case Kind.DATASEC if BtfFeature.DATASEC in dropped:
                _become_struct(edit, found)
            case Kind.DATASEC if BtfFeature.QMARK_DATASEC in dropped and found.name.startswith("?"):
                edit.set_name(found.id, "_" + found.name[1:])
            case Kind.DECL_TAG if BtfFeature.DECL_TAG in dropped:
                _become_byte(edit, found)
            case Kind.FUNC_PROTO if BtfFeature.FUNC in dropped:
                _become_enum(edit, found)
            case Kind.FUNC if BtfFeature.FUNC in dropped:
                edit.set_info(found.id, Kind.TYPEDEF)
            case Kind.FUNC if BtfFeature.GLOBAL_FUNC in dropped:
                edit.set_info(found.id, Kind.FUNC, Linkage.STATIC)
            case Kind.FLOAT if BtfFeature.FLOAT in dropped:
                edit.set_name(found.id, "")
                edit.set_info(found.id, Kind.STRUCT)
            case Kind.TYPE_TAG if BtfFeature.TYPE_TAG in dropped:
                edit.set_name(found.id, "")
                edit.set_info(found.id, Kind.CONST)
            case Kind.ENUM if BtfFeature.ENUM64 in dropped and found.kflag:
                edit.set_info(found.id, Kind.ENUM, found.vlen)
            case Kind.ENUM64 if BtfFeature.ENUM64 in dropped:
                placeholder = placeholder or edit.append("enum64_placeholder", make_info(Kind.INT), 1, 8)
                _become_union(edit, found, placeholder)
    return edit.finish()


def _become_byte(edit: BtfEdit, found: BtfType) -> None:
    """An INT of one byte: the kernel refuses a larger one where the variable was smaller."""
    edit.set_info(found.id, Kind.INT)
    edit.set_type(found.id, 1)
    edit.set_extra(found.id, 0, 8)


def _become_enum(edit: BtfEdit, found: BtfType) -> None:
    """Parameters become enumerators: both are two words, the first a name (which enumerators must have)."""
    edit.set_info(found.id, Kind.ENUM, found.vlen)
    edit.set_type(found.id, 4)
    for number, (name, _) in enumerate(edit.btf.parameters(found)):
        if not name:
            edit.set_extra(found.id, 2 * number, edit.add_string(f"unnamed{number}"))


def _become_struct(edit: BtfEdit, found: BtfType) -> None:
    """A section's variables become the members of a struct."""
    btf = edit.btf
    edit.set_name(found.id, found.name.replace(".", "_").replace("?", "_"))
    edit.set_info(found.id, Kind.STRUCT, found.vlen)
    for number, entry in enumerate(btf.section_variables(found)):
        name = edit.add_string(btf.type(entry.type_id).name)
        for column, word in enumerate((name, entry.type_id, entry.offset * 8)):
            edit.set_extra(found.id, 3 * number + column, word)


def _become_union(edit: BtfEdit, found: BtfType, placeholder: int) -> None:
    """Enumerators become members of one byte, keeping their names."""
    edit.set_info(found.id, Kind.UNION, found.vlen)
    for number in range(found.vlen):
        edit.set_extra(found.id, 3 * number + 1, placeholder)
        edit.set_extra(found.id, 3 * number + 2, 0)
