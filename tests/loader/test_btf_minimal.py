"""BTF cut down to what is wanted: small, and the same for whoever wants no more."""

from __future__ import annotations

import random
from array import array
from collections.abc import Callable
from pathlib import Path

import pytest
from bpflab.loader.btf import Btf, Kind
from bpflab.loader.btf.dump import declaration
from bpflab.loader.btf.edit import BtfEdit
from bpflab.loader.btf.file import read_btf
from bpflab.loader.btf.kernel import KernelBtf
from bpflab.loader.btf.minimal import minimal
from bpflab.loader.btf.records import make_info
from bpflab.loader.core import relocate
from bpflab.loader.core.minimal import minimal_btf
from bpflab.loader.errors import BtfError
from bpflab.loader.linker import link
from bpflab.loader.spec import ObjectSpec

Compile = Callable[[str], Path]

SOURCE = """
struct far { int x; }; struct leaf { long pad; u16 value; };
struct other { int unrelated; }; enum colour { RED, GREEN = 5 }; enum wide { WIDE = 0x700000000ULL };
struct root {
    struct far *far; struct leaf leaves[4]; u32 a : 3, b : 5; enum colour colour; enum wide wide;
    union { long one; struct { int first; int second; }; }; int (*call)(struct far *, char);
    const char name[16];
};
struct root *v1; struct other *v2; volatile u32 counter;
SEC("socket") int program(void *c) { return v1->a + v2->unrelated + (int)counter; }
"""


@pytest.fixture
def btf(compile_bpf: Compile) -> Btf:
    return read_btf(compile_bpf(SOURCE))


def one(btf: Btf, name: str) -> int:
    (type_id,) = btf.named(name)
    return type_id


def names(btf: Btf) -> set[str]:
    return {found.name for found in btf.types()} - {""}


def test_a_type_in_full(btf: Btf) -> None:
    small, ids = minimal(btf, {one(btf, "root"): None})
    assert Btf.from_bytes(small.encode()) == small
    root = one(btf, "root")
    assert declaration(small, ids[root], offsets=True) == declaration(btf, root, offsets=True)
    for part in ("leaf", "colour", "wide"):
        assert declaration(small, one(small, part)) == declaration(btf, one(btf, part))
    assert small.size_of(one(small, "leaf")) == 16
    assert "other" not in names(small) and "program" not in names(small)
    assert list(small.ids()) == list(range(1, len(ids)))


def test_behind_a_pointer_only_the_name_is_kept(btf: Btf) -> None:
    small, _ = minimal(btf, {one(btf, "root"): None})
    far = small.type(one(small, "far"))
    assert (far.kind, far.vlen, small.size_of(far.id)) == (Kind.STRUCT, 0, 4)
    small, _ = minimal(btf, {one(btf, "root"): None, one(btf, "far"): None})
    assert [member.name for member in small.members(small.type(one(small, "far")))] == ["x"]


def test_chosen_members(btf: Btf) -> None:
    root = one(btf, "root")
    whole = btf.members(btf.type(root))
    numbers = [number for number, member in enumerate(whole) if member.name in ("leaves", "b")]
    small, ids = minimal(btf, {root: numbers})
    members = small.members(small.type(ids[root]))
    assert [(member.name, member.bit_offset, member.bit_size) for member in members] == [
        (whole[number].name, whole[number].bit_offset, whole[number].bit_size) for number in numbers
    ]
    assert small.size_of(ids[root]) == btf.size_of(root)
    leaf = small.type(one(small, "leaf"))
    assert (leaf.vlen, leaf.size_or_type) == (0, 16), "part of one that is not wanted in full"
    assert names(small) == {"root", "leaf", "u32", "unsigned int", "__ARRAY_SIZE_TYPE__"}


def test_members_that_do_not_exist(btf: Btf) -> None:
    with pytest.raises(BtfError, match="struct leaf has no member 2"):
        minimal(btf, {one(btf, "leaf"): [0, 2]})


def test_nothing_wanted(btf: Btf) -> None:
    small, ids = minimal(btf, {})
    assert (list(small.types()), ids) == ([], {0: 0})


def test_everything_wanted_is_everything(btf: Btf) -> None:
    small, ids = minimal(btf, dict.fromkeys(btf.ids()))
    assert all(old == new for old, new in ids.items())
    assert list(small.types()) == list(btf.types())
    assert [declaration(small, type_id) for type_id in btf.ids()] == [
        declaration(btf, type_id) for type_id in btf.ids()
    ]


def test_split_btf_becomes_whole(btf: Btf) -> None:
    edit = BtfEdit(Btf(array("I"), b"", base=btf))
    added = edit.append("of_module", make_info(Kind.TYPEDEF), one(btf, "leaf"))
    small, ids = minimal(edit.finish(), {added: None})
    assert small.base is None
    assert declaration(small, ids[added]) == "typedef struct leaf of_module;"
    assert [member.name for member in small.members(small.type(one(small, "leaf")))] == ["pad", "value"]


def test_a_type_that_refers_to_itself_ends(btf: Btf) -> None:
    edit = BtfEdit(Btf(array("I"), b"\0"))
    edit.append("circle", make_info(Kind.TYPEDEF), 1)
    small, _ = minimal(edit.finish(), {1: None})
    assert [found.name for found in small.types()] == ["circle"]


OBJECT = """
#define core __attribute__((preserve_access_index))
#define info(field, kind) __builtin_preserve_field_info(field, kind)
#define type_info(type, kind) __builtin_preserve_type_info(*(type *)0, kind)
#define enum_value(type, name, kind) __builtin_preserve_enum_value(*(type *)name, kind)
struct far { int x; int gone; } core; struct leaf { u32 value; } core;
enum colour { GREEN = 1, BLUE = 2 };
struct root___mine {
    struct far *far; struct leaf leaves[4]; u32 b : 5; u32 second; u32 missing; char name[16];
} core;
struct never { int x; } core; typedef int (*call_t)(struct far *, char); struct leaf___m { u16 value; };
SEC("raw_tp/x") long program(struct root___mine *r) {
    long sum = r->leaves[2].value + r->second + r->name[3] + info(r->missing, 2);
    sum += info(r->b, 4) + info(r->b, 5);
    sum += info(r->leaves, 1) + info(r->far->x, 3) + info(r->far->gone, 2) + type_info(struct never, 0);
    sum += type_info(struct leaf, 1) + type_info(struct leaf___m, 2) + type_info(call_t, 0);
    return sum + enum_value(enum colour, GREEN, 1) + enum_value(enum colour, BLUE, 0);
}
"""


def test_relocations_come_out_the_same(compile_bpf: Compile) -> None:
    spec = ObjectSpec.from_file(compile_bpf(OBJECT))
    target = "typedef int (*call_t)(struct far *, char); call_t v3; struct root___old { int q; } v4;"
    kernel = KernelBtf(read_btf(compile_bpf(SOURCE + target)))
    small = minimal_btf(spec, kernel)
    linked = link(spec, spec.programs["program"])
    whole_insns, whole = relocate(linked, spec, kernel)
    small_insns, little = relocate(linked, spec, KernelBtf(small))
    assert whole_insns.insns == small_insns.insns
    assert [result.value for result in little] == [result.value for result in whole]
    assert {result.value for result in whole} >= {0, 1, 5}
    assert len(small.encode()) < len(kernel.vmlinux.encode()) / 2


@pytest.mark.usefixtures("kernel_btf")
def test_an_object_against_the_running_kernel(compile_bpf: Compile) -> None:
    source = """
    #define core __attribute__((preserve_access_index))
    struct mm_struct { unsigned long total_vm; } core; struct list_head { struct list_head *next; } core;
    struct task_struct { int pid; struct mm_struct *mm; struct list_head tasks; int nowhere; } core;
    SEC("raw_tp/x") long program(struct task_struct *t) {
        if (__builtin_preserve_field_info(t->nowhere, 2)) return t->nowhere;
        return t->pid + t->mm->total_vm + (long)t->tasks.next;
    }"""
    spec = ObjectSpec.from_file(compile_bpf(source))
    kernel = KernelBtf.running()
    small = minimal_btf(spec, kernel)
    assert len(small.encode()) < 2000
    linked = link(spec, spec.programs["program"])
    assert relocate(linked, spec, KernelBtf(small))[0].insns == relocate(linked, spec, kernel)[0].insns


@pytest.mark.usefixtures("kernel_btf")
def test_any_type_of_the_running_kernel(compile_bpf: Compile) -> None:
    btf = KernelBtf.running().vmlinux
    wanted = random.Random(3).sample(btf.ids(), 60)
    small, ids = minimal(btf, dict.fromkeys(wanted))
    for type_id in wanted:
        assert declaration(small, ids[type_id], offsets=True) == declaration(btf, type_id, offsets=True)


def test_objects_without_relocations_need_nothing(compile_bpf: Compile, btf: Btf) -> None:
    spec = ObjectSpec.from_file(compile_bpf('SEC("xdp") int x(void *c) { return 1; }'))
    assert list(minimal_btf(spec, KernelBtf(btf)).types()) == []
