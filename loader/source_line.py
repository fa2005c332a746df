"""The line of C source that an instruction comes from, by the object's line info."""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass

from .btf import Btf
from .linker import LinkedProgram


@dataclass(frozen=True)
class SourceLine:
    """Where in the source, and what is written there."""

    file: str
    line: int
    text: str

    def __str__(self) -> str:
        return f"{self.file}:{self.line}"


def source_line(linked: LinkedProgram, btf: Btf | None, insn: int) -> SourceLine | None:
    """The source line of an instruction of a linked program.

    None if the object was compiled without ``-g``. Raises BtfError for malformed line info.
    """
    if btf is None:
        return None
    position = bisect_right(linked.line_info, insn, key=lambda entry: entry[0]) - 1
    start = max(start for start, _ in linked.functions if start <= insn)
    # What lies before the first line of its function belongs to no line.
    if position < 0 or linked.line_info[position][0] < start:
        return None
    info = linked.line_info[position][1]
    file, text = btf.string(info.file_name_off), btf.string(info.line_off)
    return SourceLine(file, info.line_col >> 10, text.strip())
