"""Instruction streams of two loaders side by side.

What a loader gives the kernel differs from process to process in the numbers of file
descriptors alone; these are replaced by the order in which they first appear.
"""

from __future__ import annotations

import struct
import sys
from collections.abc import Iterator, Mapping
from itertools import zip_longest

from ..subjects.answers import LoadedProgram

LD_IMM64, CALL = 0x18, 0x85

# linux/bpf.h: what src_reg says about the immediate.
PSEUDO_MAP_FD, PSEUDO_MAP_VALUE, PSEUDO_BTF_ID = 1, 2, 3
PSEUDO_KFUNC_CALL = 2


def difference(ours: Mapping[str, LoadedProgram], theirs: Mapping[str, LoadedProgram]) -> str:
    """The first thing that two loaders gave the kernel differently for one object; '' if all is equal."""
    if ours.keys() != theirs.keys():
        return f"programs {', '.join(ours) or 'none'}; the other loads {', '.join(theirs) or 'none'}"
    our_maps: dict[int, int] = {}
    their_maps: dict[int, int] = {}
    for name in sorted(ours):
        one, other = _comparable(ours[name].insns, our_maps), _comparable(theirs[name].insns, their_maps)
        for index, (insn, counterpart) in enumerate(zip_longest(one, other, fillvalue="nothing")):
            if insn != counterpart:
                return f"program '{name}', instruction {index}: {insn}; the other has {counterpart}"
    return ""


def _comparable(insns: bytes, maps: dict[int, int]) -> Iterator[str]:
    """Each instruction as text, without what only means something to its process.

    `maps` numbers the descriptors of maps as they come, over all programs of an object: the
    same map must stand in the same places.
    """
    load_source = 0
    for code, registers, offset, imm in struct.iter_unpack("=BBhi", insns):
        # The nibbles of the register byte change places with the byte order.
        low, high = registers & 0xF, registers >> 4
        dst, src = (low, high) if sys.byteorder == "little" else (high, low)
        if code == LD_IMM64 and src in (PSEUDO_MAP_FD, PSEUDO_MAP_VALUE):
            imm = maps.setdefault(imm, len(maps))
        elif code == CALL and src == PSEUDO_KFUNC_CALL:
            offset = min(offset, 1)  # an index of descriptors of modules' BTF; 0 is vmlinux
        elif load_source == PSEUDO_BTF_ID:
            imm = min(imm, 1)  # the second half: the descriptor of a module's BTF; 0 is vmlinux
        load_source = src if code == LD_IMM64 else 0
        yield f"code {code:#04x} dst {dst} src {src} off {offset} imm {imm}"
