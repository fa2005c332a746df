"""Reachability: what constants decide, and that everything else stays possible."""

from __future__ import annotations

import pytest
from bpflab.harness.inspection.reachability import reachable
from bpflab.loader.insn import PSEUDO_CALL, PSEUDO_FUNC, Insn

EXIT = Insn(0x95, 0, 0, 0, 0)
CALL_HELPER = Insn(0x85, 0, 0, 0, 5)


def mov(dst: int, imm: int) -> Insn:
    return Insn(0xB7, dst, 0, 0, imm)


def jump(operation: int, dst: int, imm: int, offset: int, is_32: bool = False) -> Insn:
    return Insn(operation | (0x06 if is_32 else 0x05), dst, 0, offset, imm)


JEQ, JGT, JGE, JSET, JNE, JSGT, JSGE, JLT, JLE, JSLT, JSLE = (
    0x10, 0x20, 0x30, 0x40, 0x50, 0x60, 0x70, 0xA0, 0xB0, 0xC0, 0xD0,
)  # fmt: skip


def walk(*insns: Insn, unknown: tuple[int, ...] = ()) -> set[int]:
    return reachable(b"".join(insn.pack("<") for insn in insns), "<", (0,), unknown)


@pytest.mark.parametrize(
    ("operation", "value", "operand", "taken"),
    [
        (JEQ, 0, 0, True), (JEQ, 1, 0, False), (JNE, 0, 0, False), (JNE, 1, 0, True),
        (JGT, -1, 1, True), (JSGT, -1, 1, False), (JGE, 1, 1, True), (JSGE, -1, 0, False),
        (JLT, -1, 1, False), (JSLT, -1, 1, True), (JLE, 1, 1, True), (JSLE, 1, -1, False),
        (JSET, 6, 2, True), (JSET, 4, 2, False),
    ],
)  # fmt: skip
@pytest.mark.parametrize("is_32", [False, True])
def test_a_jump_between_constants_has_one_way(
    operation: int, value: int, operand: int, taken: bool, is_32: bool
) -> None:
    found = walk(mov(1, value), jump(operation, 1, operand, 2, is_32), mov(0, 1), EXIT, mov(0, 2), EXIT)
    assert found == ({0, 1, 4, 5} if taken else {0, 1, 2, 3})


@pytest.mark.parametrize(
    ("code", "imm", "result"),
    [
        (0x07, 3, 8), (0x17, 6, -1), (0x27, 2, 10), (0x47, 2, 7), (0x57, 4, 4), (0x67, 1, 10),
        (0x77, 1, 2), (0x87, 0, -5), (0xA7, 1, 4), (0xC7, 1, 2),
    ],
)  # fmt: skip
def test_constants_are_calculated_with(code: int, imm: int, result: int) -> None:
    insns = (mov(1, 5), Insn(code, 1, 0, 0, imm), jump(JEQ, 1, result, 1), EXIT, EXIT)
    assert walk(*insns) == {0, 1, 2, 4}


def test_32_bit_results_lose_their_upper_half() -> None:
    # w1 = -1 is 0xffffffff in r1, which is positive.
    assert walk(Insn(0xB4, 1, 0, 0, -1), jump(JSLT, 1, 0, 1), EXIT, EXIT) == {0, 1, 2}


def test_wide_loads_of_plain_numbers_are_constants() -> None:
    load = Insn(0x18, 1, 0, 0, 0), Insn(0, 0, 0, 0, 1)
    assert walk(*load, jump(JSGT, 1, 7, 1), EXIT, EXIT) == {0, 2, 4}


@pytest.mark.parametrize(
    "insn",
    [
        Insn(0x61, 1, 10, -8, 0),  # a load
        Insn(0x71, 1, 6, 0, 0),
        Insn(0xDB, 10, 1, -8, 0x01),  # an atomic operation that fetches into r1
        Insn(0x20, 0, 0, 0, 12),  # a load from a packet, which takes r1 to r5 along
        CALL_HELPER,
        Insn(0xBF, 1, 6, 0, 0),  # a register nothing is known of
        Insn(0xBF, 1, 1, 8, 0),  # sign extension
        Insn(0x37, 1, 0, 0, 2),  # division
        Insn(0xD7, 1, 0, 0, 32),  # byte swap
        Insn(0x18, 1, 1, 0, 3),  # the first half of a map's address; the second is an addition of 0
    ],
)
def test_what_else_is_written_is_unknown(insn: Insn) -> None:
    tail = (Insn(0x07, 2, 0, 0, 0), jump(JEQ, 1, 0, 1), EXIT, EXIT)
    found = walk(mov(1, 0), insn, *tail)
    assert {4, 5} <= found


def test_paths_that_disagree_leave_nothing_known() -> None:
    insns = (
        mov(1, 0), jump(JEQ, 6, 0, 1), mov(1, 1),  # r6 is unknown: both ways
        jump(JEQ, 1, 0, 1), EXIT, EXIT,
    )  # fmt: skip
    assert walk(*insns) == {0, 1, 2, 3, 4, 5}


def test_a_loop_that_counts_ends_and_reaches_what_is_behind() -> None:
    insns = (mov(1, 0), Insn(0x07, 1, 0, 0, 1), jump(JNE, 1, 10, -2), EXIT)
    assert walk(*insns) == {0, 1, 2, 3}


def test_unknown_instructions_say_nothing() -> None:
    insns = (mov(1, 0), jump(JEQ, 1, 0, 1), EXIT, EXIT)
    assert walk(*insns) == {0, 1, 3}
    assert walk(*insns, unknown=(0,)) == {0, 1, 2, 3}


@pytest.mark.parametrize(
    ("address", "load", "held", "jump_on", "found"),
    [
        ((), Insn(0x61, 1, 1, 0, 0), 7, 7, {0, 2, 3, 5}),
        ((), Insn(0x61, 1, 1, 0, 0), -1 & (1 << 64) - 1, 0, {0, 2, 3, 4}),
        ((), Insn(0x71, 1, 1, 4, 0), 0x1FF, 0xFF, {0, 2, 3, 5}),
        ((), Insn(0x61, 1, 1, 0, 0), None, 7, {0, 2, 3, 4, 5}),
        # A sign-extending load is not followed, nor is a load from elsewhere.
        ((), Insn(0x81, 1, 1, 0, 0), 7, 7, {0, 2, 3, 4, 5}),
        ((), Insn(0x61, 1, 6, 0, 0), 7, 7, {0, 2, 3, 4, 5}),
        # The address goes through sums and moves, and says nothing as a number.
        ((Insn(0x07, 1, 0, 0, 8),), Insn(0x61, 1, 1, 0, 0), 7, 7, {0, 2, 3, 4, 6}),
        ((Insn(0xBF, 2, 1, 0, 0),), Insn(0x61, 1, 2, 0, 0), 7, 7, {0, 2, 3, 4, 6}),
        ((Insn(0x57, 1, 0, 0, 8),), Insn(0x61, 1, 1, 0, 0), 7, 7, {0, 2, 3, 4, 5, 6}),
        ((), Insn(0xBF, 1, 1, 0, 0), 7, 7, {0, 2, 3, 4, 5}),
    ],
)
def test_read_only_variables_can_be_supposed(
    address: tuple[Insn, ...], load: Insn, held: int | None, jump_on: int, found: set[int]
) -> None:
    insns = (
        Insn(0x18, 1, 2, 0, 3),
        Insn(0, 0, 0, 0, 0),
        *address,
        load,
        jump(JEQ, 1, jump_on, 1),
        EXIT,
        EXIT,
    )
    code = b"".join(insn.pack("<") for insn in insns)
    assert reachable(code, "<", frozen=(0,), held=held) == found


@pytest.mark.parametrize(
    "reference",
    [
        (Insn(0x85, 0, PSEUDO_CALL, 0, 2), Insn(0xB7, 0, 0, 0, 0)),
        (Insn(0x18, 2, PSEUDO_FUNC, 0, 2), Insn(0, 0, 0, 0, 0)),
    ],
)
def test_functions_are_entered_only_where_they_are_used(reference: tuple[Insn, Insn]) -> None:
    assert walk(*reference, EXIT, mov(0, 1), EXIT) >= {3, 4}
    guarded = walk(mov(1, 0), jump(JEQ, 1, 0, 2), *reference, EXIT, mov(0, 1), EXIT)
    assert not guarded & {2, 3, 5, 6}


def test_jumps_without_condition() -> None:
    assert walk(jump(0x00, 0, 0, 1), mov(0, 0), EXIT) == {0, 2}
    # The long one has its distance elsewhere.
    assert walk(jump(0x00, 0, 1, 0, is_32=True), mov(0, 0), EXIT) == {0, 2}
    # may_goto may, whatever it compares.
    assert walk(jump(0xE0, 0, 0, 1), mov(0, 0), EXIT) == {0, 1, 2}
    # An indirect one may go anywhere.
    assert walk(Insn(0x0D, 1, 0, 0, 0), mov(0, 0), EXIT) == {0, 1, 2}


def test_malformed_code_leads_nowhere() -> None:
    assert walk(jump(0x00, 0, 0, 100)) == {0}
    assert walk(Insn(0x18, 15, 0, 0, 0)) == {0}
    assert reachable(b"", "<") == set()


def test_both_byte_orders() -> None:
    insns = (mov(1, 0), jump(JEQ, 1, 0, 1), EXIT, EXIT)
    assert reachable(b"".join(insn.pack(">") for insn in insns), ">") == {0, 1, 3}
