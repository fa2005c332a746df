"""The line of C source that an instruction comes from, by the object's line info."""

from __future__ import annotations

import re
from bisect import bisect_right
from dataclasses import dataclass

from .. import insn as bpf
from ..btf import Btf
from ..linker import LinkedProgram

_JUMPS = (0x05, 0x06)
_GOTO = 0x05
_MOVE = 0xB0


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
    position = _record(linked, insn)
    if btf is None or position is None:
        return None
    _, file_name, text, place = linked.line_info[4 * position : 4 * position + 4]
    return SourceLine(btf.string(file_name), place >> 10, btf.string(text).strip())


def line_of_verdict(linked: LinkedProgram, btf: Btf | None, log: str) -> SourceLine | None:
    """The source line of the instruction at which a verifier log ends; None if the log shows none.

    Raises BtfError for malformed line info.
    """
    shown = re.findall(r"^(\d{1,7}): \([0-9a-f]{2}\) ", log, re.MULTILINE)
    last = int(shown[-1]) if shown else -1
    return source_line(linked, btf, last) if 0 <= last < len(linked.insns) // bpf.SIZE else None


def line_of_use(linked: LinkedProgram, btf: Btf | None, insn: int) -> SourceLine | None:
    """The source line that uses what an instruction puts into a register.

    Clang gives no line of its own to the offset that ``BPF_CORE_READ`` adds to a pointer;
    the line before it may be any. The sum is an argument of a call that has the right one.
    Otherwise, and in doubt, this is `source_line`.
    """
    position = _record(linked, insn)
    # At a function's start there is always a line, but it is the function's.
    is_first = any(start == insn for start, _ in linked.functions)
    if position is None or (linked.line_info[4 * position] == insn and not is_first):
        return source_line(linked, btf, insn)
    use = _use(linked, insn)
    later = use is not None and _record(linked, use) != position
    return source_line(linked, btf, use if use is not None and later else insn)


def _record(linked: LinkedProgram, insn: int) -> int | None:
    """Index of the line info that covers an instruction."""
    first = linked.line_info[::4]
    position = bisect_right(first, insn) - 1
    start = max(start for start, _ in linked.functions if start <= insn)
    # What lies before the first line of its function belongs to no line.
    return position if position >= 0 and first[position] >= start else None


def _use(linked: LinkedProgram, insn: int) -> int | None:
    """Follow a register from sum to sum until something else takes it; None if it gets out of sight."""
    insns, order = linked.insns, linked.byte_order
    found = bpf.read(insns, insn, order)
    if found.code & bpf.CLASS_MASK not in (bpf.ALU, bpf.ALU64):
        return None
    register = found.dst
    for index in range(insn + 1, len(insns) // bpf.SIZE):
        found = bpf.read(insns, index, order)
        kind = found.code & bpf.CLASS_MASK
        if found.code == bpf.CALL:
            return index if 1 <= register <= 5 else None
        if kind not in (bpf.ALU, bpf.ALU64):
            is_used = register in (found.src, found.dst) and found.code != _GOTO
            if is_used or kind in _JUMPS:
                return index if is_used else None
        elif found.code & bpf.SOURCE_REGISTER and found.src == register:
            register = found.dst
        elif found.dst == register and found.code & 0xF0 == _MOVE:
            return None
    return None
