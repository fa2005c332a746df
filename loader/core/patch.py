"""Writing a relocation's number into an instruction."""

from __future__ import annotations

from .. import insn as bpf
from ..errors import BtfError
from .values import U64, Value

POISON = 195896080
"""Helper number 0xbad2310 ("bad relo"): if the verifier ever reaches it, it says ``unknown func``."""
POISONED_CALL = bpf.Insn(bpf.CALL, 0, 0, 0, POISON)
MAX_OFFSET = (1 << 15) - 1
"""The largest offset of a load or store."""
CLASS_LD = 0x00


def poison(insns: bytearray, index: int, byte_order: bpf.ByteOrder) -> None:
    """Replace an instruction that cannot be relocated by one that must not be reached."""
    if bpf.read(insns, index, byte_order).code == bpf.LD_IMM64:
        # The second half alone would give an error about an unknown opcode.
        bpf.write(insns, index + 1, POISONED_CALL, byte_order)
    bpf.write(insns, index, POISONED_CALL, byte_order)


def patch(
    insns: bytearray, index: int, byte_order: bpf.ByteOrder, ours: Value, theirs: Value, can_widen: bool
) -> bool:
    """Replace our number in an instruction by theirs; False if it had to be poisoned.

    `can_widen` says whether a load or store may change to another width. Raises
    BtfError if the instruction does not hold our number, or cannot hold theirs.
    """
    insn = bpf.read(insns, index, byte_order)
    match insn.code & bpf.CLASS_MASK:
        case bpf.ALU | bpf.ALU64:
            if insn.code & bpf.SOURCE_REGISTER:
                raise BtfError("the instruction takes its operand from a register")
            _require(insn.imm, ours)
            bpf.write(insns, index, insn._replace(imm=bpf.as_signed(theirs.number)), byte_order)
        case bpf.LDX | bpf.ST | bpf.STX:
            _require(insn.offset, ours)
            if theirs.number > MAX_OFFSET:
                raise BtfError(f"offset {theirs.number} is beyond what a load or store can reach")
            if not can_widen:
                poison(insns, index, byte_order)
                return False
            if ours.size != theirs.size:
                insn = _with_width(insn, ours.size, theirs.size)
            bpf.write(insns, index, insn._replace(offset=theirs.number), byte_order)
        case 0x00 if insn.code == bpf.LD_IMM64:
            _patch_wide(insns, index, byte_order, ours, theirs)
        case _:
            raise BtfError(f"instruction code {insn.code:#04x} cannot be relocated")
    return True


def _patch_wide(insns: bytearray, index: int, byte_order: bpf.ByteOrder, ours: Value, theirs: Value) -> None:
    if (index + 2) * bpf.SIZE > len(insns):
        raise BtfError("a 64-bit load is cut off")
    first, second = (bpf.read(insns, at, byte_order) for at in (index, index + 1))
    if first.src or first.offset or second[:4] != (0, 0, 0, 0):
        raise BtfError("the 64-bit load is not one of a plain number")
    _require(first.imm & 0xFFFFFFFF | (second.imm & 0xFFFFFFFF) << 32, ours)
    bpf.write(insns, index, first._replace(imm=bpf.as_signed(theirs.number)), byte_order)
    bpf.write(insns, index + 1, second._replace(imm=bpf.as_signed(theirs.number >> 32)), byte_order)


def _require(held: int, ours: Value) -> None:
    """The instruction must hold what the object's own BTF says; otherwise one of them is wrong."""
    if ours.is_certain and held & U64 != ours.number:
        raise BtfError(f"the instruction holds {held}, but by the object's own BTF it must be {ours.number}")


def _with_width(insn: bpf.Insn, before: int, after: int) -> bpf.Insn:
    if bpf.SIZES.get(before) != insn.code & bpf.SIZE_MASK:
        raise BtfError(f"the instruction does not access the whole field of {before} bytes")
    if after not in bpf.SIZES:
        raise BtfError(f"a field of {after} bytes cannot be accessed by one instruction")
    return insn._replace(code=insn.code & ~bpf.SIZE_MASK | bpf.SIZES[after])
