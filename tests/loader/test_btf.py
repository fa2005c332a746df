"""BTF: parsing, encoding, sections put right, downgrades for older kernels, .BTF.ext."""

from __future__ import annotations

import os
import struct
from array import array
from collections.abc import Callable
from pathlib import Path

import pytest
from bpflab.loader.btf import Btf, IntEncoding, Kind, Linkage, essential_name
from bpflab.loader.btf.edit import BtfEdit
from bpflab.loader.btf.ext import line_rows, parse_ext
from bpflab.loader.btf.file import read_btf
from bpflab.loader.btf.kernel import KernelBtf
from bpflab.loader.btf.records import make_info
from bpflab.loader.btf.sanitize import BtfFeature, features_used, without
from bpflab.loader.elf import STB_GLOBAL, STT_OBJECT, ElfFile, Symbol
from bpflab.loader.errors import BtfError
from bpflab.loader.spec import ObjectSpec
from bpflab.loader.spec.datasecs import fix_datasecs
from bpflab.loader.syscall import btf_load

SOURCE = """
#define tag(name) __attribute__((btf_type_tag(name)))
#define decl(name) __attribute__((btf_decl_tag(name)))
enum small { MINUS = -1, PLUS = 1 };
enum big { HUGE = 0x1122334455667788ULL };
struct inner { u8 one; u16 two; };
struct whole {
    int number; char text[5]; struct inner *pointer; int tag("user") *tagged; float real;
    u32 bits : 3; u32 more : 7; enum small small; enum big big; union { long a; char b; };
    struct unseen *unseen; int (*call)(int left, void *); const volatile int *restrict modified;
} decl("marked");
struct whole value;
volatile u32 first = 1, second = 2;
__attribute__((noinline)) static int local(int x) { return x * (int)first; }
__attribute__((noinline)) int global(struct whole *w) { return w ? local(w->bits) : 0; }
SEC("socket") int program(struct __sk_buff *skb) { return global(&value) + local(skb->len) + (int)second; }
"""


@pytest.fixture
def raw(compile_bpf: Callable[[str], Path]) -> bytes:
    """BTF as clang wrote it."""
    elf = ElfFile(compile_bpf(SOURCE).read_bytes(), "test")
    section = elf.section(".BTF")
    assert section is not None
    return elf.contents(section)


@pytest.fixture
def btf(raw: bytes) -> Btf:
    return Btf.from_bytes(raw)


def one(btf: Btf, name: str) -> int:
    (type_id,) = btf.named(name)
    return type_id


def test_round_trip(raw: bytes, btf: Btf) -> None:
    assert btf.encode() == raw


def test_both_byte_orders_say_the_same(btf: Btf) -> None:
    swapped = Btf(btf.words, btf.strings, ">")
    encoded = swapped.encode()
    assert encoded[:2] == b"\xeb\x9f" and encoded != btf.encode()
    again = Btf.from_bytes(encoded)
    assert again.byte_order == ">"
    assert list(again.types()) == list(btf.types())
    assert again.encode() == encoded


def test_members(btf: Btf) -> None:
    whole = btf.type(one(btf, "whole"))
    assert whole.kind == Kind.STRUCT
    members = {member.name: member for member in btf.members(whole)}
    assert members["number"].bit_offset == 0
    assert (members["bits"].bit_size, members["more"].bit_size) == (3, 7)
    assert members["more"].bit_offset == members["bits"].bit_offset + 3
    assert btf.array(btf.type(members["text"].type_id)).length == 5
    assert btf.type(members[""].type_id).kind == Kind.UNION
    function = btf.type(btf.type(members["call"].type_id).size_or_type)
    assert [btf.type(type_id).kind for _, type_id in btf.parameters(function)] == [Kind.INT, Kind.PTR]


def test_enumerators_keep_sign_and_width(btf: Btf) -> None:
    small, big = btf.type(one(btf, "small")), btf.type(one(btf, "big"))
    assert (small.kind, big.kind) == (Kind.ENUM, Kind.ENUM64)
    assert btf.enumerators(small) == [("MINUS", -1), ("PLUS", 1)]
    assert btf.enumerators(big) == [("HUGE", 0x1122334455667788)]


def test_sizes(btf: Btf) -> None:
    members = {member.name: member for member in btf.members(btf.type(one(btf, "whole")))}
    sizes = {name: btf.size_of(member.type_id) for name, member in members.items() if name}
    assert sizes == {
        "number": 4,
        "text": 5,
        "pointer": 8,
        "tagged": 8,
        "real": 4,
        "bits": 4,
        "more": 4,
        "small": 4,
        "big": 8,
        "unseen": 8,
        "call": 8,
        "modified": 8,
    }
    with pytest.raises(BtfError, match="has no size"):
        btf.size_of(one(btf, "unseen"))
    with pytest.raises(BtfError, match="no type 999999"):
        btf.size_of(999999)


def test_signedness(btf: Btf) -> None:
    assert btf.signedness(one(btf, "int")) is True
    assert btf.signedness(one(btf, "u32")) is False
    assert btf.signedness(one(btf, "small")) is True
    assert btf.signedness(one(btf, "whole")) is None


@pytest.mark.parametrize(
    ("name", "essential"),
    [
        ("task_struct", "task_struct"),
        ("task_struct___old", "task_struct"),
        ("a___b___c", "a___b"),
        ("x____y", "x____y"),
        ("___x", "___x"),
        ("x___", "x___"),
        ("", ""),
    ],
)
def test_essential_names(name: str, essential: str) -> None:
    assert essential_name(name) == essential


def test_flavors_are_found_by_their_essential_name(compile_bpf: Callable[[str], Path]) -> None:
    source = """
    struct thing { int a; } one; struct thing___v2 { long a; } two; struct thing___ { int c; } three;
    struct anything { int b; } four;
    SEC("socket") int program(void *skb) { return one.a + two.a + three.c + four.b; }
    """
    btf = read_btf(compile_bpf(source))
    names = {btf.type(type_id).name for type_id in btf.essentially_named("thing")}
    assert names == {"thing", "thing___v2"}
    assert [candidate.type_id for candidate in KernelBtf(btf).candidates("anything", (Kind.STRUCT,))] == [
        one(btf, "anything")
    ]
    assert KernelBtf(btf).candidates("anything", (Kind.UNION,)) == []


def test_sections_are_put_right(raw: bytes, compile_bpf: Callable[[str], Path]) -> None:
    before = Btf.from_bytes(raw).section(".data")
    assert before is not None and before.size_or_type == 0
    path = compile_bpf(SOURCE)
    spec = ObjectSpec.from_file(path)
    assert spec.btf is not None
    section = spec.btf.section(".data")
    assert section is not None and section.size_or_type == 8
    placed = {
        spec.btf.type(entry.type_id).name: (entry.offset, entry.size)
        for entry in spec.btf.section_variables(section)
    }
    assert placed == {"first": (0, 4), "second": (4, 4)}
    # What the kernel gets is what was put right, not what was read.
    assert (
        spec.btf.encode()
        == Btf(spec.btf.words, spec.btf.strings).encode()
        != ElfFile(path.read_bytes(), "").contents_of(".BTF")
    )


def test_the_symbols_know_better_where_linked_variables_are() -> None:
    """The static linker leaves the place of a weak definition that lost, and 0 where an extern came first."""
    edit = BtfEdit(Btf(array("I"), b"\0"))
    number = edit.append("int", make_info(Kind.INT), 4, 32)
    ids = [edit.append(name, make_info(Kind.VAR), number, Linkage.GLOBAL) for name in ("won", "other")]
    entries = [word for type_id, offset in zip(ids, (4, 8), strict=True) for word in (type_id, offset, 4)]
    section = edit.append(".data", make_info(Kind.DATASEC, 2), 24, *entries)
    btf = edit.finish()
    symbols = [
        Symbol(name, place, 4, STT_OBJECT, STB_GLOBAL, 0, 1) for name, place in (("won", 20), ("other", 8))
    ]
    fix_datasecs(btf, lambda _: 24, symbols)
    assert btf.section_variables(btf.type(section)) == [(ids[1], 8, 4), (ids[0], 20, 4)]


@pytest.mark.parametrize(
    ("held", "place", "size", "problem"),
    [
        (2, 0, 0, "no ELF section"),
        (1, 0, 8, "'int', which is no variable"),
        (0, 0, 8, "which is no variable"),
        (9, 0, 8, "no type 9"),
        (2, None, 8, "'one' of '.data' has no ELF symbol"),
        (2, 1 << 32, 8, "beyond 32 bits"),
    ],
)
def test_a_section_that_the_file_contradicts_is_refused(
    held: int, place: int | None, size: int, problem: str
) -> None:
    edit = BtfEdit(Btf(array("I"), b"\0"))
    number = edit.append("int", make_info(Kind.INT), 4, 32)
    assert edit.append("one", make_info(Kind.VAR), number, Linkage.GLOBAL) == 2
    edit.append(".data", make_info(Kind.DATASEC, 1), 0, held, 0, 4)
    known = [] if place is None else [Symbol("one", place, 4, STT_OBJECT, STB_GLOBAL, 0, 1)]
    with pytest.raises(BtfError, match=problem):
        fix_datasecs(edit.finish(), lambda _: size, known)


def test_features_used(btf: Btf) -> None:
    assert features_used(btf) == set(BtfFeature) - {BtfFeature.QMARK_DATASEC}


@pytest.mark.parametrize("feature", list(BtfFeature))
def test_each_feature_can_be_dropped(btf: Btf, feature: BtfFeature) -> None:
    original = btf.encode()
    changed = without(btf, {feature})
    gone = {feature}
    if feature == BtfFeature.FUNC:
        gone.add(BtfFeature.GLOBAL_FUNC)
    assert features_used(changed) == features_used(btf) - gone
    assert btf.encode() == original, "the original must stay as it is"
    assert Btf.from_bytes(changed.encode()) == changed
    assert [found.id for found in changed.types()][: len(btf.ids())] == list(btf.ids())


def test_everything_can_be_dropped_and_sizes_stay(btf: Btf) -> None:
    changed = without(btf, set(BtfFeature))
    assert features_used(changed) == set()
    whole = one(btf, "whole")
    assert changed.size_of(whole) == btf.size_of(whole)
    assert changed.members(changed.type(whole)) == btf.members(btf.type(whole))
    (big,) = changed.named("big")
    assert changed.type(big).kind == Kind.UNION
    assert [member.name for member in changed.members(changed.type(big))] == ["HUGE"]


@pytest.mark.parametrize("feature", [None, *BtfFeature])
def test_the_kernel_takes_every_form(
    live: None, compile_bpf: Callable[[str], Path], feature: BtfFeature | None
) -> None:
    spec = ObjectSpec.from_file(compile_bpf(SOURCE))
    assert spec.btf is not None
    form = without(spec.btf, {feature}) if feature else spec.btf
    fd = btf_load(form.encode())
    assert fd >= 0, os.strerror(-fd)
    os.close(fd)


def test_question_mark_sections_are_renamed() -> None:
    edit = BtfEdit(Btf(array("I"), b"\0"))
    number = edit.append("int", make_info(Kind.INT), 4, IntEncoding.SIGNED << 24 | 32)
    variable = edit.append("ops", make_info(Kind.VAR), number, Linkage.GLOBAL)
    edit.append("?.struct_ops", make_info(Kind.DATASEC, 1), 4, variable, 0, 4)
    btf = edit.finish()
    assert features_used(btf) == {BtfFeature.DATASEC, BtfFeature.QMARK_DATASEC}
    assert without(btf, {BtfFeature.QMARK_DATASEC}).section("_.struct_ops") is not None
    assert without(btf, {BtfFeature.DATASEC}).named("__struct_ops") == [3]


def test_split_btf_goes_on_where_its_base_ends(btf: Btf) -> None:
    edit = BtfEdit(Btf(array("I"), b"", base=btf))
    number = one(btf, "int")
    type_id = edit.append("module_int", make_info(Kind.TYPEDEF), number)
    split = edit.finish()
    assert type_id == btf.end_id
    assert split.type(type_id).name == "module_int"
    assert split.resolve(type_id) == btf.type(number)
    assert split.named("module_int") == [type_id]
    assert split.named("int") == [], "types of the base are the base's"
    again = Btf.from_bytes(split.encode(), btf)
    assert again.type(type_id) == split.type(type_id)


def test_ext_records_point_to_functions(raw: bytes, compile_bpf: Callable[[str], Path]) -> None:
    elf = ElfFile(compile_bpf(SOURCE).read_bytes(), "test")
    section = elf.section(".BTF.ext")
    assert section is not None
    btf = Btf.from_bytes(raw)
    ext = parse_ext(elf.contents(section), btf)
    names = {btf.type(type_id).name for type_id in ext.functions[".text"].values()}
    assert names == {"local", "global"}
    assert [btf.type(type_id).name for type_id in ext.functions["socket"].values()] == ["program"]
    offset, file_name, text, _ = line_rows(ext.lines["socket"])[0]
    assert offset == 0
    assert "int program" in btf.string(text)
    assert btf.string(file_name).endswith("test.bpf.c")


def damaged(raw: bytes, offset: int, word: int) -> bytes:
    data = bytearray(raw)
    struct.pack_into("<I", data, offset, word)
    return bytes(data)


@pytest.mark.parametrize(
    ("offset", "word", "said"),
    [
        (0, 0, "no BTF"),
        (4, 4000000000, "header"),
        (8, 0xFFFFFFF0, "type section"),
        (12, 13, "odd length"),
        (16, 0x7FFFFFFF, "string section"),
        (28, 31 << 24, "unknown kind 31"),
        (28, Kind.STRUCT << 24 | 0xFFFFFF, "cut off"),
    ],
)
def test_malformed_btf(raw: bytes, offset: int, word: int, said: str) -> None:
    with pytest.raises(BtfError, match=said):
        Btf.from_bytes(damaged(raw, offset, word))


def test_a_member_that_is_not_there() -> None:
    """As an index on disk that is damaged may say: the records themselves are whole."""
    edit = BtfEdit(Btf(array("I"), b"\0"))
    struct_id = edit.append("s", make_info(Kind.STRUCT, 1), 4, 0, 0, 0)
    btf = edit.finish()
    assert btf.member(btf.type(struct_id), 0) == btf.members(btf.type(struct_id))[0]
    with pytest.raises(BtfError, match="damaged"):
        btf.member(btf.type(struct_id), 1)
    with pytest.raises(BtfError, match="damaged"):
        btf.members_called(btf.type(struct_id)._replace(vlen=2), "a")


def test_members_of_split_btf_are_the_bases_too() -> None:
    edit = BtfEdit(Btf(array("I"), b"\0"))
    number = edit.append("int", make_info(Kind.INT), 4, 32)
    struct_id = edit.append("s", make_info(Kind.STRUCT, 2), 8, edit.add_string("a"), number, 0)
    edit.words += struct.pack("=III", edit.add_string("b"), number, 32)
    base = edit.finish()
    split = Btf(array("I"), b"", base=base)
    assert split.member(split.type(struct_id), 1) == ("b", number, 32, 0)
    assert split.members_called(split.type(struct_id), "b") == [1]


def test_a_typedef_of_itself_is_an_error() -> None:
    edit = BtfEdit(Btf(array("I"), b"\0"))
    edit.append("circle", make_info(Kind.TYPEDEF), 1)
    with pytest.raises(BtfError, match="circle"):
        edit.finish().resolve(1)


def test_running_kernel(kernel_btf: Path, tmp_path: Path) -> None:
    raw = kernel_btf.read_bytes()
    kernel = KernelBtf.running()
    assert kernel.vmlinux.encode() == raw
    assert KernelBtf.running().vmlinux is kernel.vmlinux
    KernelBtf.forget_running()
    assert KernelBtf.running().vmlinux is not kernel.vmlinux
    (tmp_path / "vmlinux.btf").write_bytes(raw)
    assert read_btf(tmp_path / "vmlinux.btf") == kernel.vmlinux
    task = kernel.find("task_struct", Kind.STRUCT)
    assert task.module == "vmlinux"
    pids = [member for member in task.btf.members(task.btf.type(task.type_id)) if member.name == "pid"]
    assert len(pids) == 1 and task.btf.size_of(pids[0].type_id) == 4
    with pytest.raises(BtfError, match="no_such_function"):
        kernel.find("no_such_function", Kind.FUNC)
