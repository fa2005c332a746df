"""Arenas on the running kernel."""

from __future__ import annotations

from collections.abc import Callable
from mmap import PAGESIZE
from pathlib import Path

import pytest
from bpflab.loader import KernelError, ObjectSpec
from bpflab.loader.maps.arena import ArenaMap, variables_offset
from bpflab.loader.maps.map import Map

pytestmark = pytest.mark.usefixtures("live")
Compile = Callable[[str], Path]

ARENA = """
#define __ulong(name, value) enum { unique_##name = value } name
#define ARENA __attribute__((address_space(1)))
#define DATA __attribute__((address_space(1), section(".addr_space.1")))
struct {
    __uint(type, 33);
    __uint(map_flags, 1 << 10);
    __uint(max_entries, PAGES);
    EXTRA
} arena SEC(".maps");
void ARENA *bpf_arena_alloc_pages(void *map, void ARENA *address, u32 pages, int node, u64 flags)
    __attribute__((section(".ksyms")));
int DATA seed = 41;
u64 DATA table[4] = {1, 2, 3, 4};
u64 address;
SEC("syscall") int run(void *ctx)
{
    u64 ARENA *page = bpf_arena_alloc_pages(&arena, 0, 1, -1, 0);
    if (!page)
        return -1;
    page[1] = 0x1122334455667788;
    address = (u64)page;
    seed++;
    return seed + table[3];
}
"""


def arena_object(compile_bpf: Compile, pages: int = 10, extra: str = "") -> ObjectSpec:
    return ObjectSpec.from_file(compile_bpf(ARENA.replace("PAGES", str(pages)).replace("EXTRA", extra)))


def arena_of(table: Map) -> ArenaMap:
    assert isinstance(table, ArenaMap)
    return table


def test_variables_and_pages_are_shared(compile_bpf: Compile) -> None:
    spec = arena_object(compile_bpf)
    with spec.load() as loaded:
        variables = loaded.variables
        assert variables["seed"].value == 41
        variables["seed"].value = 99
        assert loaded.programs["run"].test_run().retval == 104
        assert variables["seed"].value == 100
        memory = arena_of(loaded.maps["arena"]).memory()
        assert b"\x88\x77\x66\x55\x44\x33\x22\x11" in memory[0 : 10 * PAGESIZE]
    assert spec.variables["seed"].value == 41


def test_variables_are_where_the_program_looks_for_them(compile_bpf: Compile) -> None:
    spec = arena_object(compile_bpf)
    offset = variables_offset(spec.maps["arena"])
    assert offset in (0, 9 * PAGESIZE)
    with spec.load() as loaded:
        place = offset + spec.variables["seed"].offset
        assert arena_of(loaded.maps["arena"]).memory()[place : place + 4] == (41).to_bytes(4, "little")


def test_an_address_of_its_own(compile_bpf: Compile) -> None:
    spec = arena_object(compile_bpf, extra="__ulong(map_extra, 1ull << 44);")
    with spec.load() as loaded:
        assert loaded.programs["run"].test_run().retval == 46
        address = loaded.variables["address"].value
        assert isinstance(address, int)
        offset = address - (1 << 44)
        memory = arena_of(loaded.maps["arena"]).memory()
        assert memory[offset + 8 : offset + 16] == b"\x88\x77\x66\x55\x44\x33\x22\x11"
        loaded.variables["seed"].value = 7
        assert loaded.variables["seed"].value == 7
        with pytest.raises(IndexError):
            memory[0:4] = b"longer"
        with pytest.raises(KernelError, match="mapping into memory at 0x100000000000"):
            spec.load()


def test_variables_that_do_not_fit(compile_bpf: Compile) -> None:
    source = ARENA.replace("PAGES", "1").replace("EXTRA", "").replace("table[4]", "table[1024]")
    with pytest.raises(KernelError, match=r"its variables .* do not fit"):
        ObjectSpec.from_file(compile_bpf(source)).load()
