"""Linking: which functions end up where, and what the instructions then say."""

from __future__ import annotations

import copy
from collections.abc import Callable
from pathlib import Path

import pytest
from bpflab.loader import insn as bpf
from bpflab.loader.btf.ext import line_rows
from bpflab.loader.errors import ObjectError
from bpflab.loader.linker import LinkedProgram, link
from bpflab.loader.spec import ObjectSpec

Compile = Callable[[str], Path]

SOURCE = """
struct { __uint(type, 1); __type(key, u32); __type(value, u64); __uint(max_entries, 8); } counts SEC(".maps");
static long (*bpf_loop)(u32, void *, void *, u64) = (void *)181;
volatile u32 pad, scale = 1; static volatile u32 hits;
__attribute__((noinline)) static int leaf(int x) { hits++; return x * (int)scale; }
__attribute__((noinline)) static int left(int x) { return leaf(x) + 1; }
__attribute__((noinline)) int right(int x) { return leaf(x) + 2; }
__attribute__((noinline)) int unused(int x) { return leaf(x) + 3; }
static long each(u32 i, void *ctx) { return left(i) > 3; }
SEC("xdp") int first(void *ctx) {
    u32 key = right(7);
    u64 *value = bpf_map_lookup_elem(&counts, &key);
    return value ? *value : left(key) + left(key + 1);
}
SEC("xdp") int second(void *ctx) { bpf_loop(3, each, 0, 0); return right(1); }
SEC("xdp") int alone(void *ctx) { return 1; }
"""


@pytest.fixture
def spec(compile_bpf: Compile) -> ObjectSpec:
    return ObjectSpec.from_file(compile_bpf(SOURCE))


def linked(spec: ObjectSpec, name: str) -> LinkedProgram:
    return link(spec, spec.programs[name])


def names(program: LinkedProgram) -> list[str]:
    return [name for _, name in program.functions]


def read(program: LinkedProgram, index: int) -> bpf.Insn:
    return bpf.read(program.insns, index, "<")


def test_functions_come_in_the_order_of_first_use_depth_first(spec: ObjectSpec) -> None:
    assert names(linked(spec, "first")) == ["first", "right", "leaf", "left"]
    assert names(linked(spec, "second")) == ["second", "each", "left", "leaf", "right"]
    assert names(linked(spec, "alone")) == ["alone"]
    assert bytes(linked(spec, "alone").insns) == spec.programs["alone"].function.insns


def test_calls_lead_to_the_start_of_the_function(spec: ObjectSpec) -> None:
    for name in ("first", "second"):
        program = linked(spec, name)
        starts = dict(program.functions)
        found: dict[str, list[str]] = {}
        for index in bpf.subprogram_calls(bytes(program.insns), "<"):
            target = index + read(program, index).imm + 1
            assert target in starts, f"call at {index} leads to {target}"
            found.setdefault(program.function_at(index), []).append(starts[target])
        assert found["right"] == ["leaf"] and found["left"] == ["leaf"]
    assert found["second"] == ["right"] and found["each"] == ["left"]


def test_function_address_is_relative_to_its_load(spec: ObjectSpec) -> None:
    program = linked(spec, "second")
    (load,) = (
        index
        for index in range(len(program.insns) // bpf.SIZE)
        if read(program, index).code == bpf.LD_IMM64 and read(program, index).src == bpf.PSEUDO_FUNC
    )
    each = next(start for start, name in program.functions if name == "each")
    assert load + read(program, load).imm + 1 == each


def test_map_references_wait_only_for_the_descriptor(spec: ObjectSpec) -> None:
    program = linked(spec, "first")
    seen = set()
    for reference in program.map_refs:
        insn, second = read(program, reference.insn), read(program, reference.insn + 1)
        assert insn.code == bpf.LD_IMM64
        if reference.value_offset is None:
            assert insn.src == bpf.PSEUDO_MAP_FD
        else:
            assert (insn.src, insn.imm) == (bpf.PSEUDO_MAP_VALUE, 0)
            assert second.imm == reference.value_offset
        seen.add((program.function_at(reference.insn), reference.map, reference.value_offset))
    assert ("first", "counts", None) in seen
    assert ("leaf", ".bss", spec.variables["hits"].offset) in seen
    assert ("leaf", ".data", spec.variables["scale"].offset) in seen


def test_function_and_line_info_follow_the_functions(spec: ObjectSpec) -> None:
    program = linked(spec, "first")
    assert spec.btf is not None
    starts, type_ids = program.func_info[::2], program.func_info[1::2]
    named = [spec.btf.type(type_id).name for type_id in type_ids]
    assert [*zip(starts, named, strict=True)] == program.functions
    lines = line_rows(program.line_info)
    indices = [index for index, *_ in lines]
    assert indices == sorted(set(indices)), "lines must be in order"
    for start, _ in program.functions:
        file_name = next(file_name for index, file_name, *_ in lines if index == start)
        assert spec.btf.string(file_name).endswith("test.bpf.c")
    assert indices[-1] < len(program.insns) // bpf.SIZE


def test_function_info_is_all_or_nothing(spec: ObjectSpec) -> None:
    leaf = next(function for function in spec.functions if function.name == "leaf")
    leaf.type_id = 0
    assert linked(spec, "first").func_info == []
    assert len(linked(spec, "alone").func_info) == 2


def test_linking_leaves_the_spec_as_it_is(spec: ObjectSpec) -> None:
    before = copy.deepcopy(spec)
    one, two = linked(spec, "first"), linked(spec, "first")
    assert one == two and one.insns is not two.insns
    one.insns[:] = bytes(len(one.insns))
    one.map_refs.clear()
    assert spec == before
    assert linked(spec, "first") == two


def test_functions_in_other_sections_are_called_too(compile_bpf: Compile) -> None:
    source = """
    SEC("code") __attribute__((noinline)) int elsewhere(int x) { return x * 3; }
    SEC("xdp") int use(void *ctx) { return elsewhere((long)ctx); }
    """
    spec = ObjectSpec.from_file(compile_bpf(source))
    assert names(linked(spec, "use")) == ["use", "elsewhere"]


def test_static_function_beside_its_program(compile_bpf: Compile) -> None:
    source = """
    SEC("xdp") __attribute__((noinline)) static int near(int x) { return x * 3; }
    SEC("xdp") int use(void *ctx) { return near((long)ctx); }
    """
    spec = ObjectSpec.from_file(compile_bpf(source))
    assert list(spec.programs) == ["use"]
    program = linked(spec, "use")
    assert names(program) == ["use", "near"]
    (call,) = bpf.subprogram_calls(bytes(program.insns), "<")
    assert call + read(program, call).imm + 1 == program.functions[1][0]


def test_recursion_ends(compile_bpf: Compile) -> None:
    source = """
    int odd(int x);
    __attribute__((noinline)) int even(int x) { return x ? odd(x - 1) * 3 : 1; }
    __attribute__((noinline)) int odd(int x) { return x ? even(x - 1) * 5 : 0; }
    SEC("xdp") int use(void *ctx) { return even((long)ctx); }
    """
    spec = ObjectSpec.from_file(compile_bpf(source))
    assert names(linked(spec, "use")) == ["use", "even", "odd"]


def test_exception_callback_is_appended(compile_bpf: Compile) -> None:
    source = """
    __attribute__((noinline)) int caught(u64 cookie) { return cookie + 1; }
    SEC("xdp") __attribute__((btf_decl_tag("exception_callback:caught"))) int use(void *ctx) { return 2; }
    """
    spec = ObjectSpec.from_file(compile_bpf(source))
    program = linked(spec, "use")
    assert names(program) == ["use", "caught"]
    assert program.exception_callback == program.functions[1][0]


def test_call_to_the_middle_of_a_function_is_refused(compile_bpf: Compile) -> None:
    path = compile_bpf(SOURCE)
    data = bytearray(path.read_bytes())
    spec = ObjectSpec.from_file(path)
    left = next(function for function in spec.functions if function.name == "left")
    (call,) = bpf.subprogram_calls(left.insns, "<")
    at = data.find(left.insns) + call * bpf.SIZE + 4
    data[at : at + 4] = (1).to_bytes(4, "little")
    with pytest.raises(ObjectError, match="where no function starts"):
        ObjectSpec.from_bytes(bytes(data), "x.o")
