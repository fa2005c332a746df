"""Kinds of types that are not known here, passed over by the BTF's layout section (7.2)."""

from __future__ import annotations

import struct
from array import array

import pytest
from bpflab.loader.btf import Btf, Kind
from bpflab.loader.btf.edit import BtfEdit
from bpflab.loader.btf.minimal import minimal
from bpflab.loader.btf.records import make_info
from bpflab.loader.errors import BtfError

ELEMENTS = {
    Kind.STRUCT: 12,
    Kind.UNION: 12,
    Kind.ENUM: 8,
    Kind.FUNC_PROTO: 8,
    Kind.DATASEC: 12,
    Kind.ENUM64: 12,
}
ONCE = {Kind.INT: 4, Kind.ARRAY: 12, Kind.VAR: 4, Kind.DECL_TAG: 4}
NEW, NEWER = 20, 21
"""One word and two for each element; nothing at all."""


def layout(order: str = "<", new: tuple[int, int] = (4, 8)) -> bytes:
    rows = [(ONCE.get(kind, 0), ELEMENTS.get(kind, 0)) for kind in Kind]
    return b"".join(struct.pack(order + "BBH", *row, 0) for row in (*rows, new, (0, 0)))


WORDS = [
    *(1, make_info(Kind.INT), 4, 32),
    *(5, make_info(NEW, 3), 77, 0xFFFFFFFF, *range(6)),
    *(9, make_info(NEWER), 0),
    *(9, make_info(NEWER), 0),
    *(13, make_info(Kind.STRUCT, 1), 4, 15, 1, 0),
    *(5, make_info(NEW), 0, 0),
]
STRINGS = b"\0int\0new\0two\0s\0m\0"


def raw(order: str = "<", section: bytes | None = None, words: list[int] = WORDS) -> bytes:
    """BTF with a header of 32 bytes; the layout lies behind the strings."""
    section = layout(order) if section is None else section
    types = struct.pack(f"{order}{len(words)}I", *words)
    header = struct.pack(order + "HBBIIIII", 0xEB9F, 1, 0, 32, 0, len(types), len(types), len(STRINGS))
    return (
        header
        + struct.pack(order + "II", len(types) + len(STRINGS), len(section))
        + types
        + STRINGS
        + section
    )


@pytest.mark.parametrize("order", "<>")
def test_unknown_kinds_are_passed_over(order: str) -> None:
    btf = Btf.from_bytes(raw(order))
    assert [found.kind for found in btf.types()] == [Kind.INT, NEW, NEWER, NEWER, Kind.STRUCT, NEW]
    (struct_id,) = btf.named("s")
    assert btf.members(btf.type(struct_id))[0].name == "m" and btf.size_of(struct_id) == 4
    assert btf.describe(2) == "BTF type 2 of the unknown kind 20"
    with pytest.raises(BtfError, match=r"unknown kind 20.* has no size"):
        btf.size_of(2)


@pytest.mark.parametrize("order", "<>")
def test_round_trip(order: str) -> None:
    btf = Btf.from_bytes(raw(order))
    assert Btf.from_bytes(btf.encode()) == btf
    edit = BtfEdit(btf)
    edit.append("more", make_info(Kind.PTR), 5)
    changed = Btf.from_bytes(edit.finish().encode())
    assert changed.of_kind(Kind.PTR)[0].size_or_type == 5
    assert [found.kind for found in changed.types()][:6] == [found.kind for found in btf.types()]


def test_known_kinds_alone_need_no_layout() -> None:
    btf = Btf.from_bytes(raw(words=WORDS[:4]))
    assert btf.layout == b"" and len(btf.encode()) == 24 + 16 + len(STRINGS)


@pytest.mark.parametrize(
    ("section", "words", "said"),
    [
        (b"", WORDS, "type 2 has the unknown kind 20"),
        (layout()[:-8], WORDS, "type 2 has the unknown kind 20"),
        (layout()[:-4], WORDS, "type 3 has the unknown kind 21"),
        (layout()[:-1], WORDS, "type 2 has the unknown kind 20"),
        (layout(new=(2, 8)), WORDS, "type 2 has the unknown kind 20"),
        (layout(), WORDS[:-1], "type 6"),
        (layout(), [*WORDS[:4], 0, make_info(NEW, 0xFFFFFF), 0], "type 2"),
        # What is known here is known better.
        (struct.pack("<BBH", 0, 0, 0) * 22, [*WORDS[:4], 0, make_info(Kind.INT), 4], "type 2 is cut off"),
    ],
)
def test_what_the_layout_does_not_help_with(section: bytes, words: list[int], said: str) -> None:
    with pytest.raises(BtfError, match=said):
        Btf.from_bytes(raw(section=section, words=words))


def test_an_unknown_kind_is_not_copied() -> None:
    with pytest.raises(BtfError, match="unknown kind 20 cannot be copied"):
        minimal(Btf.from_bytes(raw()), {2: None})


def test_both_twins(twin: object, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bpflab.loader.btf.table.native", twin)
    monkeypatch.setattr("bpflab.loader.btf.layout.native", twin)
    words = array("I", WORDS * 50)
    assert Btf(words, STRINGS, "<", layout=layout()).end_id == 6 * 50 + 1
