"""The .BTF.ext section: function info, line info and CO-RE relocations, by section and offset."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple


class LineInfo(NamedTuple):
    """One source line: offsets into the BTF's strings, line and column packed as the kernel takes them."""

    file_name_off: int
    line_off: int
    line_col: int
    """Line << 10 | column."""


@dataclass(slots=True, frozen=True)
class CoreRelocation:
    """One CO-RE relocation as clang wrote it."""

    kind: int
    """enum bpf_core_relo_kind, 0…12."""
    type_id: int
    """The local root type."""
    access: str
    """The access string, for example ``0:5:1``; for an enumerator its index."""
