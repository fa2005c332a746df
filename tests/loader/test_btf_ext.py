"""The .BTF.ext section: records by section, of any length, in either byte order."""

from __future__ import annotations

import struct
from array import array
from collections.abc import Sequence
from types import ModuleType

import pytest
from bpflab.loader.btf import Btf
from bpflab.loader.btf.ext import CoreRelocation, line_rows, parse_ext
from bpflab.loader.btf.table import u32_room
from bpflab.loader.errors import BtfError
from bpflab.loader.native import pure

STRINGS = b"\0xdp\0tc\x000:1\0"
XDP, TC, ACCESS = 1, 5, 8
LINES = [(0, 1, 5, 3 << 10), (16, 1, 5, 4 << 10 | 7)]


@pytest.fixture(autouse=True)
def native(twin: ModuleType, monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """Each implementation finds the same, and what it leaves is said by the same."""
    monkeypatch.setattr("bpflab.loader.btf.ext.native", twin)
    return twin


def btf(order: str = "<") -> Btf:
    header = struct.pack(order + "HBBIIIII", 0xEB9F, 1, 0, 24, 0, 0, 0, len(STRINGS))
    return Btf.from_bytes(header + STRINGS)


def block(row: int, *sections: tuple[int, Sequence[tuple[int, ...]]], more: int = 0) -> list[int]:
    """One part: records of `row` numbers, and `more` that nobody knows."""
    numbers = [4 * (row + more)]
    for name, rows in sections:
        numbers += [name, len(rows)]
        for one in rows:
            numbers += [*one, *[0xDEAD] * more]
    return numbers


def ext(*parts: list[int], order: str = "<", header_size: int = 32) -> bytes:
    """A section of these parts: functions, lines, CO-RE relocations."""
    places, at = [], 0
    for part in parts:
        places += [at, 4 * len(part)]
        at += 4 * len(part)
    places += [0] * (6 - len(places))
    fields = places if header_size == 32 else places[:4]
    data = struct.pack(f"{order}HBBI{len(fields)}I", 0xEB9F, 1, 0, header_size, *fields)
    numbers = [number for part in parts for number in part]
    return data + struct.pack(f"{order}{len(numbers)}I", *numbers)


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("more", [0, 1, 3])
def test_records_by_section(order: str, more: int) -> None:
    functions = block(2, (XDP, [(0, 7), (32, 8)]), (TC, [(8, 9)]), more=more)
    lines = block(4, (XDP, LINES), more=more)
    relocations = block(4, (TC, [(8, 4, ACCESS, 2)]), more=more)
    found = parse_ext(ext(functions, lines, relocations, order=order), btf(order))
    assert found.functions == {"xdp": {0: 7, 32: 8}, "tc": {8: 9}}
    assert {name: line_rows(numbers) for name, numbers in found.lines.items()} == {"xdp": LINES}
    assert found.core == {"tc": [(8, CoreRelocation(2, 4, "0:1"))]}


def test_one_section_may_come_twice() -> None:
    lines = block(4, (XDP, LINES[:1]), (TC, LINES), (XDP, LINES[1:]))
    found = parse_ext(ext([], lines), btf())
    assert line_rows(found.lines["xdp"]) == line_rows(found.lines["tc"]) == LINES


def test_lines_come_in_order() -> None:
    """Whether one section's records are in disorder, or those of its second block before the first's."""
    for lines in (block(4, (XDP, LINES[::-1])), block(4, (XDP, LINES[1:]), (TC, LINES), (XDP, LINES[:1]))):
        assert line_rows(parse_ext(ext([], lines), btf()).lines["xdp"]) == LINES


def test_a_section_without_records_and_parts_in_any_order() -> None:
    functions, lines = block(2, (TC, []), (XDP, [(0, 7)])), block(4, (XDP, LINES), (TC, []))
    data = array("I", ext(lines, functions))
    data[2:4], data[4:6] = data[4:6], data[2:4]
    found = parse_ext(data.tobytes(), btf())
    assert found.functions == {"xdp": {0: 7}, "tc": {}}
    assert line_rows(found.lines["xdp"]) == LINES and found.lines["tc"] == []


def test_parts_that_lie_over_one_another(native: ModuleType) -> None:
    """They may have more blocks than the data has room for; no more is written."""
    # Blocks of one record, of two numbers, that from the second dozen on are blocks of four numbers as well.
    dozen = [XDP, 1, 0, 1, XDP, 1, 0, 1, 0, 1, 0, 1]
    count = 20
    numbers = [8, *dozen[:-1], 16, *dozen * count]
    places = 0, 4 * len(numbers), 48, 4 * (1 + 12 * count), 48, 4 * (1 + 12 * count)
    data = struct.pack(f"=HBBI6I{len(numbers)}I", 0xEB9F, 1, 0, 32, *places, *numbers)
    words = memoryview(data).cast("I")
    assert native.btf_ext(words, u32_room(len(words))) == -1
    found = parse_ext(data, btf())
    assert found.functions["xdp"] == {0: 1} and len(found.core["xdp"]) == count


def test_what_compilers_make_is_found_at_once(native: ModuleType) -> None:
    room, words = u32_room(100), memoryview(array("I", GOOD))
    count = native.btf_ext(words, room)
    if native is pure:
        assert count == -1
    else:
        assert room[:count].tolist() == [0, XDP, 11, 13, 1, XDP, 16, 24]


def test_the_header_of_older_compilers_has_no_relocations() -> None:
    found = parse_ext(ext(block(2, (XDP, [(0, 7)])), header_size=24), btf())
    assert (found.functions, found.lines, found.core) == ({"xdp": {0: 7}}, {}, {})


GOOD = ext(block(2, (XDP, [(0, 7)])), block(4, (XDP, LINES)))


def changed(number: int, value: int) -> bytes:
    data = array("I", GOOD)
    data[number] = value
    return data.tobytes()


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"", "too short"),
        (GOOD[:23], "too short"),
        (changed(0, 0x1EB9E), "magic number"),
        (changed(0, 0x2EB9F), "version 2"),
        (changed(1, 20), "header has 20 bytes"),
        (changed(1, 4000), "header has 4000 bytes"),
        (changed(1, 30), "multiple of 4"),
        (changed(2, 2), "multiple of 4"),
        (changed(4, 1), "multiple of 4"),
        (changed(3, 4000), "exceeds the data"),
        (changed(3, 2), "exceeds the data"),
        (changed(8, 4), "records of 4 bytes"),
        (changed(8, 10), "records of 10 bytes"),
        (changed(8, 400), "in 20"),
        (changed(3, 4), "records of 8 bytes in 4"),
        (changed(10, 2), "exceeds its 20 bytes"),
        (changed(3, 8), "cut off"),
        (changed(9, 400), "no string"),
        (changed(11, 4), "at 4 of section 'xdp' hits no instruction"),
        (changed(16, 9), "at 9 of section 'xdp' hits no instruction"),
    ],
)
def test_malformed(data: bytes, said: str) -> None:
    with pytest.raises(BtfError, match=said):
        parse_ext(data, btf())
