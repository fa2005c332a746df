"""Jump tables: which places they name, in the function and in the linked program. Guests run them (6.19)."""

from __future__ import annotations

import struct
from collections.abc import Callable
from pathlib import Path

import pytest
from bpflab.loader import insn as bpf
from bpflab.loader.errors import ObjectError
from bpflab.loader.linker import link
from bpflab.loader.spec import JumpTable, ObjectSpec

Compile = Callable[[str], Path]

SOURCE = r"""
static __attribute__((naked, used)) void first_in_text(void) { asm volatile("exit;"); }
__attribute__((noinline)) int pick(int value)
{
    asm volatile("r2 = pick_table ll; r1 = *(u64 *)(r2 + 0); .8byte 0x010d;"
                 ".Lone: r0 = 1; exit; .Ltwo: r0 = 2; exit;"
                 ".pushsection .jumptables, \"\", @progbits;"
                 ".globl pick_table; .type pick_table, @object; .size pick_table, SIZE; pick_table:"
                 ".8byte .Lone - first_in_text; .8byte .Ltwo - PLACE; .popsection;" ::: "r0", "r1", "r2");
    return 0;
}
SEC("syscall") int one(void *ctx) { return pick(1); }
"""


def spec_of(compile_bpf: Compile, size: str = "16", place: str = "first_in_text") -> ObjectSpec:
    path = compile_bpf(SOURCE.replace("SIZE", size).replace("PLACE", place))
    return ObjectSpec.from_file(path)


def test_tables_count_from_the_function(compile_bpf: Compile) -> None:
    spec = spec_of(compile_bpf)
    (pick,) = (function for function in spec.functions if function.name == "pick")
    # A load of two, a load, the jump; then two instructions for each place.
    assert pick.jump_tables == [JumpTable(0, 0, (4, 6))]


def test_tables_move_with_the_function(compile_bpf: Compile) -> None:
    spec = spec_of(compile_bpf)
    program = link(spec, spec.programs["one"])
    start = next(start for start, name in program.functions if name == "pick")
    assert start > 0
    assert program.jump_tables == [JumpTable(start, 0, (start + 4, start + 6))]
    assert bpf.read(program.insns, start, "<").src == bpf.PSEUDO_MAP_VALUE


@pytest.mark.parametrize(
    ("size", "place", "said"),
    [
        ("24", "first_in_text", r"table 'pick_table' \(0\+24\) is no part of the section's 16 bytes"),
        ("12", "first_in_text", "is no part of"),
        ("16", "first_in_text + 80000", "leads to 80056, which is not in the function"),
        ("16", "first_in_text + 4", "which is not in the function"),
    ],
)
def test_what_is_no_table(compile_bpf: Compile, size: str, place: str, said: str) -> None:
    with pytest.raises(ObjectError, match=said):
        spec_of(compile_bpf, size, place)


def test_tables_of_no_size_are_refused(compile_bpf: Compile, tmp_path: Path) -> None:
    data = bytearray(compile_bpf(SOURCE.replace("SIZE", "16").replace("PLACE", "first_in_text")).read_bytes())
    at = data.index(struct.pack("<QQ", 0, 16), 64)
    assert b"pick_table" in data
    data[at + 8 : at + 16] = bytes(8)
    with pytest.raises(ObjectError):
        ObjectSpec.from_bytes(bytes(data), "test.bpf.o")
