"""CO-RE relocation: all of libbpf's rules, with or without a kernel."""

from __future__ import annotations

from .kinds import RelocationKind
from .relocate import CoreResult, relocate

__all__ = ["CoreResult", "RelocationKind", "relocate"]
