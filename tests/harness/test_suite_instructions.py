"""Comparing what two loaders gave the kernel: descriptors do not count, all else does."""

from __future__ import annotations

import struct
import sys

import pytest
from bpflab.harness.subjects.answers import LoadedProgram
from bpflab.harness.suite.instructions import difference

LD_IMM64, CALL, MOV, EXIT = 0x18, 0x85, 0xB7, 0x95
MAP_FD, MAP_VALUE, BTF_ID, FUNC, KFUNC = 1, 2, 3, 4, 2


def insn(code: int, dst: int = 0, src: int = 0, offset: int = 0, imm: int = 0) -> bytes:
    low, high = (dst, src) if sys.byteorder == "little" else (src, dst)
    return struct.pack("=BBhi", code, low | high << 4, offset, imm)


def load(src: int, first: int, second: int = 0) -> bytes:
    return insn(LD_IMM64, 1, src, imm=first) + insn(0, imm=second)


def programs(**streams: bytes) -> dict[str, LoadedProgram]:
    return {name: LoadedProgram("", stream, "") for name, stream in streams.items()}


@pytest.mark.parametrize(
    ("ours", "theirs"),
    [
        (load(MAP_FD, 5) + load(MAP_VALUE, 6, 16), load(MAP_FD, 9) + load(MAP_VALUE, 4, 16)),
        (load(MAP_FD, 5) + load(MAP_FD, 5), load(MAP_FD, 9) + load(MAP_FD, 9)),
        (load(BTF_ID, 77, 5), load(BTF_ID, 77, 8)),
        (insn(CALL, src=KFUNC, offset=1, imm=3), insn(CALL, src=KFUNC, offset=2, imm=3)),
    ],
    ids=["maps", "the same map", "module variable", "module function"],
)
def test_numbers_of_descriptors_do_not_count(ours: bytes, theirs: bytes) -> None:
    assert difference(programs(p=ours), programs(p=theirs)) == ""


@pytest.mark.parametrize(
    ("ours", "theirs", "at"),
    [
        (insn(MOV, imm=1), insn(MOV, imm=2), 0),
        (insn(EXIT) + insn(MOV, 1), insn(EXIT) + insn(MOV, 2), 1),
        (load(MAP_FD, 5) + load(MAP_FD, 5), load(MAP_FD, 5) + load(MAP_FD, 6), 2),
        (load(MAP_VALUE, 5, 16), load(MAP_VALUE, 5, 24), 1),
        (load(MAP_VALUE, 5), load(MAP_FD, 5), 0),
        (load(BTF_ID, 77, 0), load(BTF_ID, 77, 8), 1),
        (load(BTF_ID, 77), load(BTF_ID, 78), 0),
        (load(FUNC, 3), load(FUNC, 4), 0),
        (insn(CALL, src=KFUNC, imm=3), insn(CALL, src=KFUNC, offset=1, imm=3), 0),
        (insn(CALL, imm=1), insn(CALL, imm=2), 0),
        (insn(EXIT), insn(EXIT) + insn(EXIT), 1),
    ],
)
def test_the_first_different_instruction_is_named(ours: bytes, theirs: bytes, at: int) -> None:
    found = difference(programs(p=ours), programs(p=theirs))
    assert found.startswith(f"program 'p', instruction {at}: ")


def test_a_map_has_the_same_place_in_all_programs() -> None:
    ours = programs(a=load(MAP_FD, 5), b=load(MAP_FD, 5))
    theirs = programs(a=load(MAP_FD, 5), b=load(MAP_FD, 6))
    assert difference(ours, theirs).startswith("program 'b', instruction 0: ")


def test_missing_programs_are_named() -> None:
    assert difference(programs(a=b""), programs()) == "programs a; the other loads none"
