"""What the kernel has in place of something that a CO-RE relocation did not find, in the user's words."""

from __future__ import annotations

from collections.abc import Iterator
from difflib import get_close_matches

from ..btf import Btf, Kind, essential_name
from ..btf.ext import CoreRelocation
from ..btf.kernel import KernelBtf
from ..btf.records import COMPOSITES, ENUMS
from ..btf.type_name import type_name
from .access import Access, fields_compatible, find_member, parse_access

FEW = 8
"""Up to so many names are listed; of more only the near ones."""
NAMED_KINDS = (Kind.STRUCT, Kind.UNION, Kind.ENUM, Kind.ENUM64, Kind.TYPEDEF, Kind.FWD, Kind.INT)


def explain(local: Btf, relocation: CoreRelocation, targets: KernelBtf) -> str:
    """Why a field, type or enumerator was not found, and what is there instead.

    `local` is the object's BTF. For a relocation that did not find anything; its text
    says nothing useful about one that did. Raises BtfError for malformed types.
    """
    access = parse_access(local, relocation)
    root = local.type(access.root_id)
    name = essential_name(root.name)
    kinds = ENUMS if root.kind in ENUMS else (root.kind,)
    candidates = targets.candidates(name, kinds)
    if not candidates:
        return _missing_type(local, access, name, targets)
    target, type_id = candidates[0].btf, candidates[0].type_id
    if access.kind.is_type:
        return f"the kernel's {target.describe(type_id)} is another type"
    if access.kind.is_enumerator:
        names = [enumerator for enumerator, _ in target.enumerators(target.type(type_id))]
        wanted = essential_name(access.steps[0].name)
        return f"the kernel's {target.describe(type_id)} has no '{wanted}'{_instead(wanted, names)}"
    return _missing_field(local, access, target, type_id)


def _missing_type(local: Btf, access: Access, name: str, targets: KernelBtf) -> str:
    wanted = local.describe(access.root_id).replace(local.type(access.root_id).name, name)
    others = targets.candidates(name, NAMED_KINDS)
    if not others:
        where = "the kernel" if targets.modules else "the kernel (without its modules)"
        return f"{where} has no {wanted}"
    found = others[0]
    what = found.btf.type(found.type_id)
    if what.kind == Kind.FWD:
        return f"the kernel's BTF only declares {wanted}, without its members"
    is_what = f"typedef {name}" if what.kind == Kind.TYPEDEF else found.btf.describe(found.type_id)
    return f"the kernel has no {wanted}, but {is_what}"


def _missing_field(local: Btf, access: Access, target: Btf, type_id: int) -> str:
    """Walk down as far as the kernel's type goes along."""
    for step in access.steps[1:]:
        parent = target.resolve(type_id)
        if step.member:
            path = find_member(target, type_id, step.name)
            if path is None:
                names = list(_member_names(target, parent.id, set()))
                what = f"the kernel's {target.describe(parent.id)} has no member '{step.name}'"
                return what + _instead(step.name, names)
            _, member = path[-1]
            ours = step.member.type_id
            if not fields_compatible(local, ours, target, member.type_id):
                return (
                    f"in the kernel's {target.describe(parent.id)} '{step.name}' is "
                    f"{type_name(target, member.type_id)}, which {type_name(local, ours)} does not fit"
                )
            type_id = member.type_id
        elif parent.kind != Kind.ARRAY:
            return f"in the kernel this is {type_name(target, type_id)}, no array"
        else:
            array = target.array(parent)
            if array.length and step.number >= array.length:
                return f"the kernel's array has {array.length} elements, no element {step.number}"
            type_id = array.type_id
    return "the kernel has it, but another candidate of that name decided"


def _member_names(btf: Btf, type_id: int, searched: set[int]) -> Iterator[str]:
    """All that can be written after the dot, through anonymous structs and unions."""
    parent = btf.resolve(type_id)
    if parent.kind not in COMPOSITES or parent.id in searched:
        return
    searched.add(parent.id)
    for member in btf.members(parent):
        if member.name:
            yield member.name
        else:
            yield from _member_names(btf, member.type_id, searched)


def _instead(wanted: str, names: list[str]) -> str:
    """What somebody may look for under another name."""
    # What all names begin with (enumerators do) makes none of them near.
    together = enumerate(zip(wanted, *names, strict=False)) if len(names) > 1 else ()
    common = next((at for at, letters in together if len(set(letters)) > 1), 0)
    short = {name[common:]: name for name in names}
    found = get_close_matches(wanted[common:], short, n=3, cutoff=0.7)
    near = [short[name] for name in found]
    near += [name for name in names if wanted in name and name not in near][: 3 - len(near)]
    if near:
        return f"; near: {', '.join(near)}"
    if len(names) <= FEW:
        return f"; it has: {', '.join(names) or 'nothing'}"
    return ""
