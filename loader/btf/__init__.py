"""BTF: reading, changing, and the kernel's own."""

from __future__ import annotations

from .btf import Btf
from .records import Array, BtfType, IntEncoding, Kind, Linkage, Member, SectionVariable, essential_name

__all__ = [
    "Array",
    "Btf",
    "BtfType",
    "IntEncoding",
    "Kind",
    "Linkage",
    "Member",
    "SectionVariable",
    "essential_name",
]
