"""The native passes over BTF: the same cases over both implementations."""

from __future__ import annotations

import random
import struct
from array import array
from types import ModuleType
from zlib import crc32

import pytest
from bpflab.loader.btf import Btf, Kind, Linkage
from bpflab.loader.btf.edit import BtfEdit
from bpflab.loader.btf.records import make_info
from bpflab.loader.btf.table import u32_room
from bpflab.loader.native import compiled, pure

ELEMENT_WORDS = {
    Kind.STRUCT: 3,
    Kind.UNION: 3,
    Kind.ENUM: 2,
    Kind.FUNC_PROTO: 2,
    Kind.DATASEC: 3,
    Kind.ENUM64: 3,
}
ONCE_WORDS = {Kind.INT: 1, Kind.ARRAY: 3, Kind.VAR: 1, Kind.DECL_TAG: 1}


def passes(twin: ModuleType, words: array[int]) -> tuple[list[int], int]:
    """Offsets of the records, and where the pass stopped."""
    room = u32_room(len(words) // 3 + 1)
    number = twin.btf_offsets(words, room)
    return room[:number].tolist(), room[number]


def find(twin: ModuleType, btf: Btf, *names: bytes) -> list[str]:
    """The names of the records that are found."""
    offsets, _ = passes(twin, array("I", btf.words.tobytes()))
    found = u32_room(len(offsets))
    base = btf.base.strings if btf.base else b""
    view = memoryview(array("I", offsets))
    number = twin.btf_find(btf.words, view, base, btf.strings, names, found)
    return [btf.type(btf.first_id + record).name for record in found[:number]]


def index(twin: ModuleType, btf: Btf) -> list[int]:
    offsets = memoryview(array("I", [btf.word_offset(type_id) for type_id in btf.ids()]))
    entries = memoryview(bytearray(8 * len(offsets))).cast("Q")
    base = btf.base.strings if btf.base else b""
    return entries[: twin.btf_index(btf.words, offsets, base, btf.strings, entries)].tolist()


def typedefs(*names: str, base: Btf | None = None) -> Btf:
    edit = BtfEdit(Btf(array("I"), b"" if base else b"\0", base=base))
    for name in names:
        edit.append(name, make_info(Kind.TYPEDEF), 0)
    return edit.finish()


@pytest.mark.parametrize("kind", [kind for kind in Kind if kind])
@pytest.mark.parametrize("count", [0, 1, 7])
def test_length_of_every_kind(twin: ModuleType, kind: Kind, count: int) -> None:
    length = 3 + ONCE_WORDS.get(kind, 0) + count * ELEMENT_WORDS.get(kind, 0)
    record = [0, make_info(kind, count, kflag=True), 0, *[0xFFFFFFFF] * (length - 3)]
    assert passes(twin, array("I", record * 3)) == ([0, length, 2 * length], 3 * length)


def test_nothing_has_no_records(twin: ModuleType) -> None:
    assert passes(twin, array("I")) == ([], 0)


@pytest.mark.parametrize(
    "tail",
    [
        [0],
        [0, make_info(Kind.PTR)],
        [0, make_info(Kind.INT), 4],
        [0, make_info(Kind.STRUCT, 0xFFFFFF), 4, 0, 0, 0],
        [0, make_info(Kind.VOID), 0],
        [0, make_info(20), 0],
        [0, make_info(127), 0],
    ],
)
def test_a_malformed_record_stops_the_pass(twin: ModuleType, tail: list[int]) -> None:
    good = [0, make_info(Kind.PTR), 0]
    assert passes(twin, array("I", good + tail)) == ([0], 3)


def test_names_with_and_without_flavor(twin: ModuleType) -> None:
    btf = typedefs(
        "task", "task___v2", "task_struct", "subtask", "file", "tas", "task__", "task", "x___y", ""
    )
    assert find(twin, btf, b"task") == ["task", "task___v2", "task"]
    assert find(twin, btf, b"file", b"tas") == ["file", "tas"]
    assert find(twin, btf, b"x") == ["x___y"]
    assert find(twin, btf, b"none") == []
    assert find(twin, btf) == []


def test_a_name_may_be_the_end_of_another(twin: ModuleType) -> None:
    words = array("I", [5, make_info(Kind.FWD), 0, 1, make_info(Kind.FWD), 0])
    btf = Btf(words, b"\0sub_task\0")
    assert btf.type(1).name == "task"
    assert find(twin, btf, b"task") == ["task"]


def test_names_in_split_btf_lie_in_the_base_too(twin: ModuleType) -> None:
    base = typedefs("shared", "other")
    edit = BtfEdit(Btf(array("I"), b"own\0", base=base))
    edit.append("own", make_info(Kind.TYPEDEF), 0)
    edit.append("", make_info(Kind.TYPEDEF), 0)
    edit.words += struct.pack("=III", base.strings.index(b"shared"), make_info(Kind.FWD), 0)
    split = edit.finish()
    assert find(twin, split, b"shared", b"own", b"other") == ["own", "shared"]
    assert sorted(entry & 0xFFFFFFFF for entry in index(twin, split)) == [0, 2]


def members(twin: ModuleType, names: list[int], strings: bytes, name: bytes, base: bytes = b"") -> list[int]:
    """The numbers of the members of that name, or of none, of a struct whose members are named at `names`."""
    words = memoryview(array("I", [word for at in names for word in (at, 1, 0)]))
    found = u32_room(len(names))
    return found[: twin.btf_members(words, base, strings, name, found)].tolist()


def test_members_by_name(twin: ModuleType) -> None:
    strings = b"\0pid\0tgid\0pid_links\0"
    assert members(twin, [5, 0, 1, 10, 0, 6, 1], strings, b"pid") == [1, 2], "those behind it do not count"
    assert members(twin, [0, 5, 0, 10, 1], strings, b"pid") == [0, 2, 4]
    assert members(twin, [5, 0, 10, 0], strings, b"pid") == [1, 3]
    assert members(twin, [5, 1, 10, 6], strings, b"gid") == [3]
    assert members(twin, [5, 1], strings, b"none") == []
    assert members(twin, [4, 1], strings, b"none") == [0], "what begins with the zero byte has no name"
    assert members(twin, [], strings, b"pid") == []


def test_members_named_beyond_the_strings(twin: ModuleType) -> None:
    strings = b"\0pid\0"
    assert members(twin, [5, 1, 0x7FFFFFFF], strings, b"pid") == [1]
    assert members(twin, [4, 3, 2], strings, b"d") == [0, 1]
    assert members(twin, [0x7FFFFFFF, 4], strings, b"") == [1]
    assert members(twin, [1, 2, 3], b"\0pid", b"pid") == [], "not ended"


def test_members_named_in_the_base(twin: ModuleType) -> None:
    assert members(twin, [5, 0, 1], b"own\0", b"pid", b"\0pid\0") == [1, 2]
    assert members(twin, [1, 0, 5], b"own\0", b"own", b"\0pid\0") == [1, 2]


def test_a_name_beyond_the_strings_is_no_name(twin: ModuleType) -> None:
    btf = Btf(array("I", [0x7FFFFFFF, make_info(Kind.FWD), 0]), b"\0name\0")
    assert find(twin, btf, b"name") == []
    assert index(twin, btf) == []


def test_a_name_beyond_the_strings_hides_no_other(twin: ModuleType) -> None:
    names = 1, 0x7FFFFFFF, 6, 1
    btf = Btf(array("I", [word for name in names for word in (name, make_info(Kind.FWD), 0)]), b"\0name\0")
    assert find(twin, btf, b"name") == ["name", "name"]


def test_the_last_string_may_be_shorter_than_the_other_names(twin: ModuleType) -> None:
    btf = typedefs("longer", "x")
    assert find(twin, btf, b"longer", b"x") == ["longer", "x"]
    assert find(twin, btf, b"longer", b"xyz") == ["longer"]
    assert find(twin, btf, b"xyz") == []


def test_names_anywhere_among_many(twin: ModuleType) -> None:
    btf = typedefs(*(f"t{number}" for number in range(5000)))
    wanted = [f"t{number}" for number in (0, 1, 1023, 1024, 2047, 2048, 4095, 4096, 4999)]
    assert find(twin, btf, *map(str.encode, wanted)) == wanted


def test_a_name_that_the_kernel_would_not_take_is_no_name(twin: ModuleType) -> None:
    longest = "n" * 512
    btf = typedefs(longest, longest + "n", "n" * 508 + "___v2", "n" * 507 + "___v2")
    assert {entry & 0xFFFFFFFF for entry in index(twin, btf)} == {0, 3}
    assert find(twin, btf, longest.encode()) == [longest]
    assert find(twin, btf, b"n" * 513) == []
    assert find(twin, btf, b"n" * 508) == []
    assert find(twin, btf, b"n" * 507) == ["n" * 507 + "___v2"]


def test_index_is_by_checksum_of_the_essential_name(twin: ModuleType) -> None:
    names = ["b", "a", "", "a___old", "a___", "___a", "b", "x___y___z"]
    essential = ["b", "a", "", "a", "a___", "___a", "b", "x___y"]
    expected = [crc32(name.encode()) << 32 | number for number, name in enumerate(essential) if name]
    assert index(twin, typedefs(*names)) == sorted(expected)


def test_twins_agree_on_anything() -> None:
    """Random records, some of them broken, with names that overlap in every way."""
    chance = random.Random(20261123)
    for _ in range(300):
        strings = b"\0" + bytes(chance.choices(b"ab_\0", k=60)) + b"\0"
        words: array[int] = array("I")
        for _ in range(chance.randrange(12)):
            kind, count = chance.choice(list(Kind)[1:]), chance.randrange(3)
            words.extend((chance.randrange(70), make_info(kind, count), 0))
            words.extend([0] * (ONCE_WORDS.get(kind, 0) + count * ELEMENT_WORDS.get(kind, 0)))
        if words and chance.random() < 0.2:
            words[chance.randrange(len(words))] = chance.getrandbits(32)
        assert passes(compiled, words) == passes(pure, words)
        offsets, end = passes(pure, words)
        if end != len(words):
            continue
        btf = Btf(words, strings)
        assert index(compiled, btf) == index(pure, btf)
        for name in (b"a", b"ab", b"a_b", b"b_"):
            view, numbers = memoryview(array("I", offsets)), []
            for twin in (compiled, pure):
                found = u32_room(len(offsets))
                count = twin.btf_find(words, view, b"", strings, (name, b"bb"), found)
                numbers.append(found[:count].tolist())
            assert numbers[0] == numbers[1]


def test_linkage_of_functions_is_no_length(twin: ModuleType) -> None:
    """A FUNC's element count says how it is linked; nothing follows it."""
    record = [0, make_info(Kind.FUNC, Linkage.EXTERN), 0]
    assert passes(twin, array("I", record * 2)) == ([0, 3], 6)
