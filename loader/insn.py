"""BPF instructions: 8 bytes each, decoded and patched in place."""

from __future__ import annotations

from .lean import TYPE_CHECKING, NamedTuple, struct

if TYPE_CHECKING:
    from typing import Literal

    ByteOrder = Literal["<", ">"]


SIZE = 8
"""Bytes per instruction; a 64-bit load takes two."""

LD_IMM64 = 0x18
"""BPF_LD | BPF_IMM | BPF_DW, the one instruction of two halves."""
CALL = 0x85
"""BPF_JMP | BPF_CALL."""

CLASS_MASK = 0x07
LDX, ST, STX, ALU, ALU64 = 0x01, 0x02, 0x03, 0x04, 0x07
SOURCE_REGISTER = 0x08
"""BPF_X: the operand is a register, not the immediate."""
SIZE_MASK = 0x18
SIZES = {1: 0x10, 2: 0x08, 4: 0x00, 8: 0x18}
"""Bytes accessed → size bits of a load or store (B, H, W, DW)."""
MODE_MASK = 0xE0
MODE_MEM, MODE_MEMSX = 0x60, 0x80

# Values of src_reg in a 64-bit load and a call.
PSEUDO_MAP_FD = 1
PSEUDO_MAP_VALUE = 2
PSEUDO_BTF_ID = 3
PSEUDO_FUNC = 4
PSEUDO_CALL = 1
PSEUDO_KFUNC_CALL = 2


_SUBPROGRAM_CALLS = {"<": bytes((CALL, PSEUDO_CALL << 4)), ">": bytes((CALL, PSEUDO_CALL))}
"""How calls of BPF functions begin."""
_NUMBERS = {order: struct.Struct(order + "B3xi") for order in "<>"}
_ADDRESSES = {order: struct.Struct(order + "i4xI") for order in "<>"}
"""The two numbers of a 64-bit load, from the first one on."""


class Insn(NamedTuple):
    """One instruction's fields."""

    code: int
    dst: int
    src: int
    offset: int
    imm: int

    def pack(self, byte_order: ByteOrder) -> bytes:
        """As 8 bytes; raises struct.error if offset or imm do not fit."""
        # The nibbles of the register byte change places with the byte order.
        low, high = (self.dst, self.src) if byte_order == "<" else (self.src, self.dst)
        return struct.pack(byte_order + "BBhi", self.code, low | high << 4, self.offset, self.imm)


def read(insns: bytes | bytearray, index: int, byte_order: ByteOrder) -> Insn:
    """Decode the instruction at an index."""
    code, registers, offset, imm = struct.unpack_from(byte_order + "BBhi", insns, index * SIZE)
    low, high = registers & 0xF, registers >> 4
    dst, src = (low, high) if byte_order == "<" else (high, low)
    return tuple.__new__(Insn, (code, dst, src, offset, imm))  # what Insn() does, in a third of the time


def read_number(insns: bytes | bytearray, index: int, byte_order: ByteOrder) -> tuple[int, int]:
    """The code and the imm of the instruction at an index."""
    code, imm = _NUMBERS[byte_order].unpack_from(insns, index * SIZE)
    return code, imm


def write(insns: bytearray, index: int, insn: Insn, byte_order: ByteOrder) -> None:
    """Put an instruction at an index."""
    insns[index * SIZE : (index + 1) * SIZE] = insn.pack(byte_order)


def set_source(insns: bytearray, index: int, src: int, byte_order: ByteOrder) -> None:
    """Change the src register of an instruction: it says what kind of number a 64-bit load has."""
    at = index * SIZE + 1
    insns[at] = insns[at] & 0x0F | src << 4 if byte_order == "<" else insns[at] & 0xF0 | src


def set_number(insns: bytearray, index: int, imm: int, byte_order: ByteOrder) -> None:
    """Change the imm of an instruction, to the low 32 bits of a number."""
    struct.pack_into(byte_order + "I", insns, index * SIZE + 4, imm & 0xFFFFFFFF)


def point_to_map(insns: bytearray, index: int, value_offset: int | None, byte_order: ByteOrder) -> None:
    """Make a 64-bit load one of a map, or of an address in its value; the map's descriptor is to come."""
    if value_offset is None:
        set_source(insns, index, PSEUDO_MAP_FD, byte_order)
    else:
        set_source(insns, index, PSEUDO_MAP_VALUE, byte_order)
        # All but imm is 0 in the second half.
        _ADDRESSES[byte_order].pack_into(insns, index * SIZE + 4, 0, value_offset & 0xFFFFFFFF)


def set_offset(insns: bytearray, index: int, offset: int, byte_order: ByteOrder) -> None:
    """Change the offset of an instruction; raises struct.error if it does not fit."""
    struct.pack_into(byte_order + "h", insns, index * SIZE + 2, offset)


def as_signed(value: int) -> int:
    """The low 32 bits as the signed number that an imm field holds."""
    value &= 0xFFFFFFFF
    return value - (1 << 32) if value >> 31 else value


def subprogram_calls(insns: bytes, byte_order: ByteOrder) -> list[int]:
    """Indices of the calls of BPF functions."""
    needle = _SUBPROGRAM_CALLS[byte_order]
    found: list[int] = []
    at = insns.find(needle)
    while at >= 0:
        if at % SIZE == 0:
            found.append(at // SIZE)
        at = insns.find(needle, at + 1)
    return found
