"""Which instructions of a program can be reached, as far as constants decide.

A constant follows from instruction to instruction through registers; a conditional jump
between constants has one way only. Everything else (memory, what functions return, other
functions' arguments) counts as unknown, so what is found unreachable is: the verifier
knows the same constants and more.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from typing import TYPE_CHECKING

from ...loader import insn as bpf
from ...loader.insn import Insn, as_signed

if TYPE_CHECKING:
    from ...loader.insn import ByteOrder

Registers = tuple[int | None, ...]
"""What each of the registers that an instruction can name holds, unsigned; None for unknown."""

FROZEN = -1
"""In a register: an address in memory that never changes once the program is loaded."""

U64, U32 = (1 << 64) - 1, (1 << 32) - 1
UNKNOWN: Registers = (None,) * 16

JMP, JMP32 = 0x05, 0x06
JA, CALL, EXIT, MAY_GOTO = 0x00, 0x80, 0x90, 0xE0
OPERATION = 0xF0
_SIZES = {bits: size for size, bits in bpf.SIZES.items()}
ATOMIC = 0xC0


def reachable(
    insns: bytes | bytearray,
    byte_order: ByteOrder,
    entries: Iterable[int] = (0,),
    unknown: Collection[int] = (),
    frozen: Collection[int] = (),
    held: int | None = None,
) -> set[int]:
    """Indices of the instructions that can be reached from `entries`.

    Functions that are called, or whose address is taken, are entered as well. What the
    instructions in `unknown` put into a register is not yet what they say: the loader
    will write it there. Those in `frozen` load addresses of read-only variables; with
    `held`, each of these is taken to hold that number.
    """
    return _Walk(insns, byte_order, unknown, frozen, held).run(entries)


class _Walk:
    def __init__(
        self,
        insns: bytes | bytearray,
        byte_order: ByteOrder,
        unknown: Collection[int],
        frozen: Collection[int],
        held: int | None,
    ) -> None:
        self.insns = insns
        self.order = byte_order
        self.unknown = unknown
        self.frozen = frozen
        self.held = held
        self.count = len(insns) // bpf.SIZE
        self.before: dict[int, Registers] = {}
        """What the registers hold before an instruction, on every path that was found to it."""
        self.todo: list[int] = []

    def run(self, entries: Iterable[int]) -> set[int]:
        for entry in entries:
            self._arrive(entry, UNKNOWN)
        while self.todo:
            index = self.todo.pop()
            insn = bpf.read(self.insns, index, self.order)
            after = self._step(index, insn, self.before[index])
            for successor in self._successors(index, insn, self.before[index]):
                self._arrive(successor, after)
        return set(self.before)

    def _arrive(self, index: int, registers: Registers) -> None:
        """Join what is known on this path with what other paths said."""
        if not 0 <= index < self.count:
            return
        known = self.before.get(index)
        if known is not None:
            registers = tuple(
                one if one == other else None for one, other in zip(known, registers, strict=True)
            )
        if registers != known:
            self.before[index] = registers
            self.todo.append(index)

    def _step(self, index: int, insn: Insn, registers: Registers) -> Registers:
        """What the registers hold after an instruction."""
        match insn.code & bpf.CLASS_MASK:
            case bpf.ALU | bpf.ALU64:
                value = None if index in self.unknown else _calculate(insn, registers)
                return _with(registers, {insn.dst: value})
            case 0x00 if insn.code == bpf.LD_IMM64:
                return _with(registers, {insn.dst: self._wide(index, insn)})
            case bpf.LDX:
                return _with(registers, {insn.dst: self._loaded(insn, registers)})
            case 0x00:
                # The old loads from a packet behave like a call.
                return _with(registers, dict.fromkeys(range(6)))
            case bpf.STX if insn.code & bpf.MODE_MASK == ATOMIC:
                return _with(registers, dict.fromkeys((insn.dst, insn.src, 0)))
            case _ if insn.code == bpf.CALL:
                self._enter(index + insn.imm + 1, insn.src == bpf.PSEUDO_CALL and index not in self.unknown)
                return _with(registers, dict.fromkeys(range(6)))
        return registers

    def _loaded(self, insn: Insn, registers: Registers) -> int | None:
        """What a load from memory gives."""
        if registers[insn.src] != FROZEN or self.held is None or insn.code & bpf.MODE_MASK != bpf.MODE_MEM:
            return None
        return self.held & (1 << 8 * _SIZES[insn.code & bpf.SIZE_MASK]) - 1

    def _wide(self, index: int, insn: Insn) -> int | None:
        if index + 1 >= self.count:
            return None
        if index in self.frozen:
            return FROZEN
        self._enter(index + insn.imm + 1, insn.src == bpf.PSEUDO_FUNC)
        if insn.src or index in self.unknown:
            return None
        second = bpf.read(self.insns, index + 1, self.order)
        return insn.imm & U32 | (second.imm & U32) << 32

    def _enter(self, index: int, is_function: bool) -> None:
        if is_function:
            self._arrive(index, UNKNOWN)

    def _successors(self, index: int, insn: Insn, registers: Registers) -> Iterator[int]:
        if insn.code == bpf.LD_IMM64:
            yield index + 2
            return
        kind = insn.code & bpf.CLASS_MASK
        operation = insn.code & OPERATION
        if kind not in (JMP, JMP32) or operation == CALL:
            yield index + 1
        elif operation == JA and insn.code & bpf.SOURCE_REGISTER:
            # An indirect jump through a table: it may go anywhere.
            yield from range(self.count)
        elif operation == JA:
            yield index + 1 + (insn.imm if kind == JMP32 else insn.offset)
        elif operation != EXIT:
            taken = None if operation == MAY_GOTO else _decide(insn, registers)
            if taken is not True:
                yield index + 1
            if taken is not False:
                yield index + 1 + insn.offset


def _with(registers: Registers, changed: dict[int, int | None]) -> Registers:
    return tuple(changed.get(number, value) for number, value in enumerate(registers))


def _operand(insn: Insn, registers: Registers) -> int | None:
    return registers[insn.src] if insn.code & bpf.SOURCE_REGISTER else insn.imm & U64


def _calculate(insn: Insn, registers: Registers) -> int | None:
    """The result of an arithmetic instruction; None where it is unknown, or not worth following."""
    is_64 = insn.code & bpf.CLASS_MASK == bpf.ALU64
    mask, bits = (U64, 64) if is_64 else (U32, 32)
    left, right = registers[insn.dst], _operand(insn, registers)
    operation = insn.code & OPERATION
    # An offset makes another instruction of it: sign extension, signed division, a cast.
    if right is None or insn.offset or (left is None and operation != 0xB0):
        return None
    if FROZEN in (left, right):
        return FROZEN if operation == 0x00 or (operation == 0xB0 and right == FROZEN) else None
    left = (left or 0) & mask
    right &= mask
    shift = right & (bits - 1)
    match operation:
        case 0x00:
            result = left + right
        case 0x10:
            result = left - right
        case 0x20:
            result = left * right
        case 0x40:
            result = left | right
        case 0x50:
            result = left & right
        case 0x60:
            result = left << shift
        case 0x70:
            result = left >> shift
        case 0x80:
            result = -left
        case 0xA0:
            result = left ^ right
        case 0xB0:
            result = right
        case 0xC0:
            result = _signed(left, bits) >> shift
        case _:
            return None
    return result & mask


def _decide(insn: Insn, registers: Registers) -> bool | None:
    """Whether a conditional jump is taken; None if constants do not tell."""
    left, right = registers[insn.dst], _operand(insn, registers)
    if left is None or right is None or FROZEN in (left, right):
        return None
    bits = 64 if insn.code & bpf.CLASS_MASK == JMP else 32
    mask = (1 << bits) - 1
    left, right = left & mask, right & mask
    signed_left, signed_right = _signed(left, bits), _signed(right, bits)
    match insn.code & OPERATION:
        case 0x10:
            return left == right
        case 0x20:
            return left > right
        case 0x30:
            return left >= right
        case 0x40:
            return bool(left & right)
        case 0x50:
            return left != right
        case 0x60:
            return signed_left > signed_right
        case 0x70:
            return signed_left >= signed_right
        case 0xA0:
            return left < right
        case 0xB0:
            return left <= right
        case 0xC0:
            return signed_left < signed_right
        case 0xD0:
            return signed_left <= signed_right
    return None


def _signed(value: int, bits: int) -> int:
    return as_signed(value) if bits == 32 else value - (1 << 64) if value >> 63 else value
