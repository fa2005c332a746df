"""Where a probe's arguments are when it is hit, as the compiler wrote it into the note.

Each is ``SIZE@PLACE``, a negative size for a signed one: ``-4@%edi``, ``8@-24(%rbp)``,
``1@(%rax,%rbx,2)``, ``4@$7`` for x86-64; ``-4@x0``, ``8@[sp, 24]``, ``4@7`` for arm64.
"""

from __future__ import annotations

from typing import NamedTuple

from ..elf_binary import EM_AARCH64, EM_X86_64

CONSTANT, REGISTER, MEMORY, SCALED = range(4)
"""The kinds, by their numbers in libbpf's usdt.bpf.h."""


class Argument(NamedTuple):
    """Where an argument is: `register` and `index_register` are offsets in ``struct pt_regs``."""

    kind: int
    size: int
    signed: bool
    value: int = 0
    """The constant, or what is added to the address."""
    register: int = 0
    index_register: int = 0
    scale_shift: int = 0


def parse_arguments(text: str, machine: int) -> list[Argument]:
    """The arguments of a note of an ELF file for `machine`. Raises ValueError, in words."""
    if machine not in _GRAMMARS:
        raise ValueError(f"arguments for ELF machine {machine} are not understood, only x86-64's and arm64's")
    import re

    expression, registers = re.compile(_GRAMMARS[machine], re.ASCII | re.VERBOSE), _REGISTERS[machine]
    found: list[Argument] = []
    text, at = text.strip(), 0
    while at < len(text):
        match = expression.match(text, at)
        if match is None:
            rest = text[at:].split()[0]
            raise ValueError(f"argument {len(found) + 1} is in a place that BPF cannot read: '{rest}'")
        found.append(_argument(match.groupdict(), registers))
        at = match.end()
    return found


_X86_64 = r"""
    (?P<size>-?[1248])\s*@\s*
    (?: \$(?P<constant>-?\d{1,20})
      | %(?P<register>\w+)
      | (?P<added>-?\d{1,20})? \s* \( \s* %(?P<base>\w+) \s*
        (?: , \s* %(?P<index>\w+) \s* (?: , \s* (?P<scale>[1248]) \s* )? )? \)
    ) (?: \s+ | $ )
"""
_ARM64 = r"""
    (?P<size>-?[1248])\s*@\s*
    (?: (?P<constant>-?\d{1,20})
      | (?P<register>[a-z]\w*)
      | \[ \s* (?P<base>\w+) \s* (?: , \s* \#?(?P<added>-?\d{1,20}) \s* )? \] (?P<index>) (?P<scale>)
    ) (?: \s+ | $ )
"""
_GRAMMARS = {EM_X86_64: _X86_64, EM_AARCH64: _ARM64}


def _argument(parts: dict[str, str | None], registers: dict[str, int]) -> Argument:
    size = int(parts["size"] or "0")
    value = int(parts["constant"] or parts["added"] or "0")
    if not -(1 << 63) <= value < 1 << 64:
        raise ValueError(f"{value} is no number of 64 bits")

    def offset(name: str) -> int:
        if name not in registers:
            raise ValueError(f"'{name}' is no register that BPF programs are given")
        return registers[name]

    kind, register, index = CONSTANT, 0, 0
    if parts["register"]:
        kind, register = REGISTER, offset(parts["register"])
    elif parts["base"]:
        kind, register = MEMORY, offset(parts["base"])
    if parts["index"]:
        kind, index = SCALED, offset(parts["index"])
    shift = int(parts["scale"] or "1").bit_length() - 1
    return Argument(kind, abs(size), size < 0, value, register, index, shift)


_X86_64_ORDER = "r15 r14 r13 r12 bp bx r11 r10 r9 r8 ax cx dx si di orig_ax ip cs flags sp ss"
"""The members of struct pt_regs, 8 bytes each."""


def _x86_64_registers() -> dict[str, int]:
    """Every name of a register, also of its lower parts → its offset in struct pt_regs."""
    found = {}
    for number, name in enumerate(_X86_64_ORDER.split()):
        if name[1:].isdigit():
            names = [name, f"{name}d", f"{name}w", f"{name}b"]
        elif name in ("ax", "bx", "cx", "dx"):
            names = [f"r{name}", f"e{name}", name, f"{name[0]}l"]
        elif name in ("bp", "si", "di", "sp", "ip"):
            names = [f"r{name}", f"e{name}", name, f"{name}l"]
        else:
            continue
        found.update(dict.fromkeys(names, 8 * number))
    return found


def _arm64_registers() -> dict[str, int]:
    """x0 … x30 and their lower halves, sp → the offset in struct user_pt_regs."""
    found = {f"{letter}{number}": 8 * number for number in range(31) for letter in "xw"}
    return found | {"sp": 8 * 31}


_REGISTERS = {EM_X86_64: _x86_64_registers(), EM_AARCH64: _arm64_registers()}
