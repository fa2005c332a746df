"""The narrow native functions: the same cases over both implementations."""

from __future__ import annotations

import errno
import gc
import os
import struct
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest
from bpflab.loader.native import NO_INT, int_table
from bpflab.loader.syscall import map_create

HASH, ARRAY, QUEUE = 1, 2, 22


@pytest.fixture
def table(live: None) -> Iterator[int]:
    fd = map_create(HASH, 4, 8, 16, name="table")
    yield fd
    os.close(fd)


def u32(value: int) -> bytes:
    return struct.pack("=I", value)


def u64(value: int) -> bytes:
    return struct.pack("=Q", value)


def test_an_element_comes_back(twin: ModuleType, table: int) -> None:
    assert twin.update(table, u32(7), u64(70)) == 0
    assert twin.lookup(table, u32(7), 8) == u64(70)
    assert twin.delete(table, u32(7)) == 0
    assert twin.lookup(table, u32(7), 8) == -errno.ENOENT
    assert twin.delete(table, u32(7)) == -errno.ENOENT


def test_flags_reach_the_kernel(twin: ModuleType, table: int) -> None:
    assert twin.update(table, u32(1), u64(1), 2) == -errno.ENOENT
    assert twin.update(table, u32(1), u64(1), 1) == 0
    assert twin.update(table, u32(1), u64(1), 1) == -errno.EEXIST


def test_integers(twin: ModuleType, table: int) -> None:
    ints = int_table(table, 32, 64)
    assert twin.lookup_int(ints, 3) == NO_INT
    for value in (0, 1, 1 << 63, (1 << 64) - 1):
        assert twin.update_int(ints, 3, value) == 0
        assert twin.lookup_int(ints, 3) == value


@pytest.mark.parametrize("bits", [31, 32])
def test_integers_that_do_not_fit(twin: ModuleType, table: int, bits: int) -> None:
    ints = int_table(table, bits, 64)
    largest = (1 << bits) - 1
    assert twin.update_int(ints, largest, 7) == 0
    assert twin.lookup_int(ints, largest) == 7
    assert twin.lookup_int(ints, largest + 1) == NO_INT
    assert twin.update_int(ints, largest + 1, 0) == twin.delete_int(ints, largest + 1) == -errno.ERANGE
    assert twin.delete_int(ints, largest) == 0
    assert twin.delete_int(ints, largest) == -errno.ENOENT


def test_values_that_do_not_fit(twin: ModuleType, table: int) -> None:
    assert twin.update_int(int_table(table, 32, 63), 1, 1 << 63) == -errno.ERANGE
    assert twin.update_int(int_table(table, 32, 63), 1, (1 << 63) - 1) == 0


@pytest.mark.parametrize(
    ("number", "error"), [(-1, OverflowError), (1 << 64, OverflowError), ("", TypeError)]
)
def test_what_is_no_unsigned_integer(
    twin: ModuleType, table: int, number: object, error: type[Exception]
) -> None:
    ints = int_table(table, 32, 64)
    with pytest.raises(error):
        twin.lookup_int(ints, number)
    with pytest.raises(error):
        twin.delete_int(ints, number)
    with pytest.raises(error):
        twin.update_int(ints, number, 1)
    with pytest.raises(error):
        twin.update_int(ints, 1, number)


def test_without_bits_nothing_is_there(twin: ModuleType, table: int) -> None:
    assert twin.update(table, u32(0), bytes(8)) == 0
    assert twin.lookup_int(0, 0) == twin.lookup_int(table, 0) == NO_INT
    assert twin.update_int(0, 0, 0) == twin.delete_int(0, 0) == -errno.ERANGE


@pytest.mark.parametrize(("key_size", "value_size"), [(4, 1), (4, 2), (4, 4), (8, 8), (1, 4), (2, 2)])
def test_integers_of_every_size(twin: ModuleType, live: None, key_size: int, value_size: int) -> None:
    fd = map_create(HASH, key_size, value_size, 4)
    ints = int_table(fd, 8 * key_size, 8 * value_size)
    largest = (1 << 8 * value_size) - 1
    assert twin.update_int(ints, 5, largest) == 0
    assert twin.lookup_int(ints, 5) == largest
    assert twin.lookup_signed(int_table(fd, 8 * key_size, 8 * value_size - 1), 5) == -1
    assert twin.lookup_signed(int_table(fd, 8 * key_size, 8 * value_size - 1), 6) == NO_INT
    os.close(fd)


@pytest.mark.parametrize("size", [1, 2, 4, 8])
def test_integers_behind_other_keys(twin: ModuleType, live: None, size: int) -> None:
    fd = map_create(HASH, 6, size, 4)
    table, largest = int_table(fd, 0, 8 * size), (1 << 8 * size) - 1
    assert twin.lookup_word(table, b"abcdef") == NO_INT
    assert twin.update(fd, b"abcdef", b"\xff" * size) == 0
    assert twin.lookup_word(table, b"abcdef") == largest
    assert twin.lookup_word(table, b"abcdeF") == NO_INT
    os.close(fd)


@pytest.mark.parametrize("size", [1, 2, 3, 100])
def test_a_value_is_new_bytes(twin: ModuleType, live: None, size: int) -> None:
    fd = map_create(HASH, 4, size, 4)
    values = [bytes([65 + number]) * size for number in range(3)]
    for number, value in enumerate(values):
        assert twin.update(fd, u32(number), value) == 0
    assert [twin.lookup(fd, u32(number), size) for number in range(3)] == values
    assert bytes(size) == b"\0" * size, "what the interpreter shares was written to"
    os.close(fd)


def test_a_bad_descriptor_is_an_errno(twin: ModuleType) -> None:
    assert twin.lookup(-1, b"1234", 8) == -errno.EBADF
    assert twin.lookup_int(int_table(0xFFFFFFFF, 32, 64), 0) == NO_INT


def test_keys_in_turn(twin: ModuleType, table: int) -> None:
    for number in range(5):
        assert twin.update_int(int_table(table, 32, 64), number, number) == 0
    seen: list[bytes] = []
    key: bytes | None = None
    following = bytearray(4)
    while not twin.next_key(table, key, following):
        key = bytes(following)
        seen.append(key)
    assert sorted(seen) == [u32(n) for n in range(5)]


def test_maps_without_keys(twin: ModuleType, live: None) -> None:
    fd = map_create(QUEUE, 0, 4, 4)
    assert twin.update(fd, b"", u32(9)) == 0
    assert twin.lookup(fd, b"", 4) == u32(9)
    os.close(fd)


def test_many_at_once(twin: ModuleType, table: int) -> None:
    for key in (1, 3):
        assert twin.update_int(int_table(table, 32, 64), key, key * 10) == 0
    values, found = bytearray(32), bytearray(4)
    assert twin.lookup_many(table, b"".join(map(u32, range(4))), 4, values, 8, found) == 2
    assert list(found) == [0, 1, 0, 1]
    assert values[8:16] == u64(10) and values[24:32] == u64(30)


def test_a_walk_in_pieces(twin: ModuleType, table: int) -> None:
    for key in range(10):
        assert twin.update_int(int_table(table, 32, 64), key, key * 2) == 0
    seen, after, counts = {}, None, []
    while True:
        keys, values = bytearray(4 * 4), bytearray(4 * 8)
        count = twin.walk(table, after, keys, 4, values, 8)
        counts.append(count)
        for i in range(count):
            seen[keys[i * 4 : i * 4 + 4][0]] = values[i * 8]
        if count < 4:
            break
        after = bytes(keys[-4:])
    assert counts == [4, 4, 2]
    assert seen == {key: key * 2 for key in range(10)}


@pytest.mark.parametrize("buffer", [b"abc", bytearray(b"abc"), memoryview(bytearray(b"abc"))])
def test_addresses(twin: ModuleType, buffer: bytes) -> None:
    import ctypes

    assert ctypes.string_at(twin.address(buffer), 3) == b"abc"
    assert twin.address(b"") == 0


def test_perf_event_open_refuses(twin: ModuleType) -> None:
    assert twin.perf_event_open(bytearray(112), 0, -1, -1, 0) < 0


def test_the_twin_can_be_forced() -> None:
    code = "from bpflab.loader.native import native; print(native.__name__)"
    for value, name in (("0", "bpflab.loader.native.pure"), ("1", "bpflab.loader.native.compiled")):
        environment = {**os.environ, "BPFLAB_NATIVE": value}
        run = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True)
        assert run.stdout.strip() == name


def mappings_of(path: Path) -> int:
    return Path("/proc/self/maps").read_text().count(str(path))


def test_a_mapped_file_stays_as_long_as_it_is_looked_at(twin: ModuleType, tmp_path: Path) -> None:
    path = tmp_path / "mapped"
    path.write_bytes(bytes(range(256)) * 64)
    fd = os.open(path, os.O_RDONLY)
    try:
        view = twin.map_file(fd, path.stat().st_size)
    finally:
        os.close(fd)
    assert view.readonly
    assert bytes(view) == path.read_bytes()
    words = view[4096:].cast("I")
    del view
    gc.collect()
    assert mappings_of(path) == 1
    assert words[0] == 0x03020100
    del words
    gc.collect()
    assert mappings_of(path) == 0


def test_what_cannot_be_mapped_is_an_error(twin: ModuleType, tmp_path: Path) -> None:
    (tmp_path / "empty").touch()
    fd = os.open(tmp_path / "empty", os.O_RDONLY)
    try:
        with pytest.raises((OSError, ValueError)):
            twin.map_file(fd, 0)
    finally:
        os.close(fd)
    with pytest.raises(OSError):
        twin.map_file(fd, 4096)
