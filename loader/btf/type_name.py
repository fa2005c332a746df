"""Types in a few words, as C writes them: ``struct file *``, ``char[16]``, ``unsigned int``."""

from __future__ import annotations

from . import MAX_CHAIN, Btf
from .records import MODIFIERS, Kind


def type_name(btf: Btf, type_id: int) -> str:
    """A type's name without ``const`` and the like; 0 is ``void``. Raises BtfError for malformed types."""
    suffix = ""
    for _ in range(MAX_CHAIN):
        found = btf.type(type_id)
        match found.kind:
            case kind if kind in MODIFIERS or kind == Kind.VAR:
                type_id = found.size_or_type
            case Kind.PTR:
                suffix = "*" + suffix
                type_id = found.size_or_type
            case Kind.ARRAY:
                array = btf.array(found)
                length = f"[{array.length}]"
                suffix = f"({suffix}){length}" if suffix.startswith("*") else suffix + length
                type_id = array.type_id
            case _:
                break
    return btf.describe(type_id) + (" " if suffix.startswith(("*", "(")) else "") + suffix
