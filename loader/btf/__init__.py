"""BTF: reading, changing, and the kernel's own."""

from __future__ import annotations

from .btf import Btf, essential_name
from .kinds import IntEncoding, Kind, Linkage
from .records import Array, BtfType, Member, SectionVariable

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
