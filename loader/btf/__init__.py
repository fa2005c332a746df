"""BTF: reading, changing, and the kernel's own."""

from __future__ import annotations

from ..flavor import essential_name
from .btf import Btf
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
