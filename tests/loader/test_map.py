"""Live maps of the simple kinds on the running kernel."""

from __future__ import annotations

import errno
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from bpflab.loader.cpus import parse_cpu_list, possible_cpus
from bpflab.loader.enums import MapFlags, MapType
from bpflab.loader.errors import BpflabError, ElementError, KernelError
from bpflab.loader.map_create import create_map
from bpflab.loader.maps import batch as map_batch
from bpflab.loader.maps import many as map_many
from bpflab.loader.maps import map as map_module
from bpflab.loader.maps import raw as map_raw
from bpflab.loader.maps import short_ways as map_short_ways
from bpflab.loader.maps.map import EXIST, NO_EXIST, Map
from bpflab.loader.spec import MapSpec

pytestmark = pytest.mark.usefixtures("live")


@pytest.fixture(autouse=True)
def native(monkeypatch: pytest.MonkeyPatch, twin: ModuleType) -> None:
    """Every test runs over both implementations."""
    for module in (map_module, map_raw, map_batch, map_many, map_short_ways):
        monkeypatch.setattr(module, "native", twin)


def make(type: MapType, key: int, value: int, entries: int, flags: int = 0, **more: object) -> Map:
    spec = MapSpec("test", type, key, value, entries, flags, **more)  # type: ignore[arg-type]  # fields of several types
    return create_map(spec, "object", None, None)


def test_it_is_a_mapping() -> None:
    with make(MapType.HASH, 4, 8, 16) as table:
        table[1] = 10
        table[2] = 20
        assert table[1] == 10
        assert 2 in table and 3 not in table
        assert table.get(3) is None and table.get(3, 7) == 7
        assert sorted(table) == [1, 2] == sorted(table.keys())
        assert dict(table.items()) == {1: 10, 2: 20}
        assert sorted(table.values()) == [10, 20]
        del table[1]
        with pytest.raises(KeyError):
            table[1]
        with pytest.raises(KeyError):
            del table[1]
        assert not table.delete(1)


def test_bytes_beside_it() -> None:
    with make(MapType.HASH, 4, 8, 16) as table:
        table.update_bytes(b"\1\0\0\0", b"12345678")
        assert table.lookup_bytes(b"\1\0\0\0") == b"12345678"
        assert table.lookup_bytes(b"\2\0\0\0") is None
        assert table[b"\1\0\0\0"] == int.from_bytes(b"12345678", "little")
        assert table.delete_bytes(b"\1\0\0\0") and not table.delete_bytes(b"\1\0\0\0")


def test_what_is_no_integer_is_bytes() -> None:
    with make(MapType.HASH, 6, 12, 16) as table:
        table[b"abcdef"] = b"x" * 12
        assert dict(table.items()) == {b"abcdef": b"x" * 12}


@pytest.mark.parametrize(
    ("key", "value", "words"),
    [
        (1 << 32, 0, "key: 4294967296 does not fit in 4 bytes"),
        (-1, 0, "key: -1 does not fit in 4 bytes"),
        (b"123", 0, "key: expected an integer or 4 bytes, got 3 bytes"),
        ("one", 0, "key: expected an integer or 4 bytes, got 'one'"),
        (1, 1 << 64, "value: 18446744073709551616 does not fit in 8 bytes"),
        (1, None, "value: expected an integer or 8 bytes, got None"),
    ],
)
def test_what_does_not_fit(key: object, value: object, words: str) -> None:
    with make(MapType.HASH, 4, 8, 16) as table:
        with pytest.raises(ElementError, match=f"map 'test': {words}"):
            table[key] = value
        assert dict(table.items()) == {}


def test_sizes_of_raw_elements_are_checked() -> None:
    with make(MapType.HASH, 4, 8, 16) as table:
        for call in (
            lambda: table.lookup_bytes(b"123"),
            lambda: table.delete_bytes(b"12345"),
            lambda: table.update_bytes(b"1234", b"1"),
            lambda: table.lookup_many_bytes(b"12345"),
        ):
            with pytest.raises(ElementError):
                call()


def test_update_flags() -> None:
    with make(MapType.HASH, 4, 4, 16) as table:
        with pytest.raises(KernelError) as refused:
            table.update(1, 1, EXIST)
        assert refused.value.errno == errno.ENOENT
        table.update(1, 1, NO_EXIST)
        with pytest.raises(KernelError) as refused:
            table.update(1, 2, NO_EXIST)
        assert refused.value.errno == errno.EEXIST
        assert table[1] == 1


def test_a_full_map_says_so() -> None:
    with make(MapType.HASH, 4, 4, 2) as table:
        table[1] = table[2] = 0
        with pytest.raises(KernelError, match=r"map 'test': update: E2BIG .* the map is full"):
            table[3] = 0


def test_array() -> None:
    with make(MapType.ARRAY, 4, 4, 3) as array:
        array[1] = 5
        assert list(array.items()) == [(0, 0), (1, 5), (2, 0)]
        with pytest.raises(KeyError):
            array[3]
        with pytest.raises(KernelError) as refused:
            del array[1]
        assert refused.value.errno == errno.EINVAL


def test_values_of_every_cpu() -> None:
    cpus = possible_cpus()
    with make(MapType.PERCPU_ARRAY, 4, 4, 2) as array:
        array[1] = list(range(cpus))
        assert array[1] == list(range(cpus))
        assert dict(array.items()) == {0: [0] * cpus, 1: list(range(cpus))}
        raw = array.lookup_bytes(b"\1\0\0\0")
        assert raw is not None and len(raw) == 8 * cpus == array.element_size
        array.update_bytes(b"\0\0\0\0", raw)
        assert array[0] == list(range(cpus))
        with pytest.raises(ElementError, match="one per possible CPU"):
            array[1] = 5


def test_reading_all_of_a_large_map() -> None:
    with make(MapType.HASH, 4, 8, 10_000) as table:
        for key in range(9_000):
            table[key] = key * key
        assert dict(table.items()) == {key: key * key for key in range(9_000)}


def test_reading_all_where_there_are_no_batches(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bpflab.loader.syscall.map_lookup_batch", lambda *_, **__: (-errno.EINVAL, 0))
    with make(MapType.HASH, 4, 8, 10_000) as table:
        for key in range(5_000):
            table[key] = key
        assert dict(table.items()) == {key: key for key in range(5_000)}


def test_reading_an_empty_map() -> None:
    with make(MapType.HASH, 4, 8, 10) as table:
        assert list(table.items()) == [] == list(table.keys())


def test_a_longest_prefix() -> None:
    with make(MapType.LPM_TRIE, 8, 4, 10, MapFlags.NO_PREALLOC) as trie:
        trie.update_bytes(b"\x08\0\0\0\x0a\0\0\0", b"\1\0\0\0")
        trie.update_bytes(b"\x10\0\0\0\x0a\1\0\0", b"\2\0\0\0")
        assert trie.lookup_bytes(b"\x20\0\0\0\x0a\1\2\3") == b"\2\0\0\0"
        assert trie.lookup_bytes(b"\x20\0\0\0\x0a\2\2\3") == b"\1\0\0\0"
        assert len(list(trie.items())) == 2


def test_a_queue() -> None:
    with make(MapType.QUEUE, 0, 4, 4) as queue:
        queue.update_bytes(b"", b"\1\0\0\0")
        queue.update_bytes(b"", b"\2\0\0\0")
        assert queue.lookup_bytes(b"") == b"\1\0\0\0"
        assert queue.pop_bytes() == b"\1\0\0\0"
        assert queue.pop_bytes() == b"\2\0\0\0"
        assert queue.pop_bytes() is None


def test_many_at_once() -> None:
    with make(MapType.HASH, 4, 4, 10) as table:
        table[1] = 11
        assert table.lookup_many_bytes(b"\0\0\0\0\1\0\0\0") == [None, b"\x0b\0\0\0"]


def test_maps_in_a_map() -> None:
    inner = MapSpec("inner", MapType.ARRAY, 4, 4, 1)
    with make(MapType.HASH_OF_MAPS, 4, 4, 4, inner=inner) as outer, make(MapType.ARRAY, 4, 4, 1) as one:
        outer.update(1, one)
        assert outer[1] == one.id
        outer[2] = one.fd
        assert outer[2] == one.id
        assert dict(outer.items()) == {1: one.id, 2: one.id}


def test_constants_are_frozen() -> None:
    spec = MapSpec(".rodata", MapType.ARRAY, 4, 8, 1, MapFlags.RDONLY_PROG, contents=b"abc", kind="rodata")
    with create_map(spec, "object.bpf.o", None, None) as constants:
        assert constants.lookup_bytes(b"\0\0\0\0") == b"abc\0\0\0\0\0"
        with pytest.raises(KernelError, match="frozen"):
            constants.update_bytes(b"\0\0\0\0", b"12345678")


def test_memory_of_an_array() -> None:
    with make(MapType.ARRAY, 4, 8, 4, MapFlags.MMAPABLE) as array:
        memory = array.memory()
        assert memory is not None
        memory[8:16] = b"\5" + bytes(7)
        assert array[1] == 5
    with make(MapType.ARRAY, 4, 8, 4) as array:
        assert array.memory() is None


def test_sizes_are_rounded_as_the_kernel_wants() -> None:
    with make(MapType.RINGBUF, 0, 0, 5000) as ring:
        assert ring.max_entries == 8192
    with make(MapType.PERF_EVENT_ARRAY, 4, 4, 0) as events:
        assert events.max_entries == possible_cpus()


def test_a_refused_map_says_what_was_tried() -> None:
    with pytest.raises(KernelError, match=r"creating map 'test' \(HASH\): EINVAL .*max_entries is 0"):
        make(MapType.HASH, 4, 4, 0)
    with pytest.raises(KernelError, match="UNKNOWN_4711"):
        make(MapType(4711), 4, 4, 1)


def test_only_event_maps_have_readers() -> None:
    with make(MapType.HASH, 4, 4, 1) as table, pytest.raises(BpflabError, match="holds no events"):
        table.reader()


def test_a_closed_map() -> None:
    table = make(MapType.HASH, 4, 4, 1)
    table.close()
    table.close()
    with pytest.raises(KernelError, match="EBADF"):
        table[1]


@pytest.mark.parametrize("key", [5, b"\5\0\0\0"], ids=["int", "bytes"])
@pytest.mark.parametrize("value_size", [8, 24])
def test_a_closed_map_leaves_its_successor_alone(key: int | bytes, value_size: int) -> None:
    table = make(MapType.HASH, 4, value_size, 1)
    value = bytes(value_size)
    table[key] = value
    assert table[key] in (0, value)
    fd = table.fd
    table.close()
    with make(MapType.HASH, 4, value_size, 2) as successor:
        assert successor.fd == fd, "the kernel gives the lowest number that is free"
        with pytest.raises(KernelError, match="EBADF"):
            table[key] = value
        assert not list(successor)
        successor[key] = value
        with pytest.raises(KernelError, match="EBADF"):
            table[key]
        with pytest.raises(KernelError, match="EBADF"):
            del table[key]
        assert successor[key] in (0, value)


ELEMENTS = [
    pytest.param(4, 8, [7, 8], [1, 2**64 - 1], id="int-int"),
    pytest.param(6, 4, [b"abcdef", b"abcdeg"], [3, 0x1B0F1AB], id="bytes-int"),
    pytest.param(6, 1, [b"abcdef", b"abcdeg"], [3, 255], id="bytes-byte"),
    pytest.param(4, 3, [7, 8], [b"abc", b"\0\0\0"], id="int-bytes"),
    pytest.param(5, 12, [b"abcde", b"\0\0\0\0\0"], [b"a" * 12, bytes(12)], id="bytes-bytes"),
]


@pytest.mark.parametrize(("key_size", "value_size", "keys", "values"), ELEMENTS)
def test_elements_of_every_shape(key_size: int, value_size: int, keys: list[Any], values: list[Any]) -> None:
    with make(MapType.HASH, key_size, value_size, 2) as table:
        # The first operation finds out about the shape, those behind it know.
        for _ in range(2):
            for key, value in zip(keys, values, strict=True):
                with pytest.raises(KeyError):
                    table[key]
                table[key] = value
            assert [table[key] for key in keys] == [table.get(key) for key in keys] == values
            for key in keys:
                del table[key]
                with pytest.raises(KeyError):
                    del table[key]
        for wrong in ("text", b"of another size", -1, 1 << 80, None):
            with pytest.raises(ElementError, match=r"map 'test': key: (expected|.* does not fit)"):
                table[wrong]
            with pytest.raises(ElementError, match=r"map 'test': key: (expected|.* does not fit)"):
                del table[wrong]
            with pytest.raises(ElementError, match=r"map 'test': key: (expected|.* does not fit)"):
                table[wrong] = values[0]
            with pytest.raises(ElementError, match=r"map 'test': value: (expected|.* does not fit)"):
                table[keys[0]] = wrong


@pytest.mark.parametrize("size", [1, 4, 8, 12])
def test_values_of_every_cpu_and_size(size: int) -> None:
    cpus = possible_cpus()
    with make(MapType.PERCPU_HASH, 4, size, 2) as table:
        values = [number + 1 if size < 12 else bytes([number]) * 12 for number in range(cpus)]
        for _ in range(2):
            table[3] = values
            assert table[3] == table.get(3) == values
            del table[3]
            with pytest.raises(KeyError):
                table[3]


def test_pins(bpffs: Path) -> None:
    with make(MapType.HASH, 4, 4, 8) as table:
        table[1] = 5
        table.pin(bpffs / "table")
        with Map.from_pin(bpffs / "table") as again:
            assert (again.name, again.type, again.max_entries) == ("test", MapType.HASH, 8)
            assert again[1] == 5
        table.unpin()
        assert not (bpffs / "table").exists()
        with pytest.raises(KernelError, match="ENOENT"):
            Map.from_pin(bpffs / "table")


def test_a_pin_must_be_on_a_bpffs(tmp_path: Path) -> None:
    with make(MapType.HASH, 4, 4, 8) as table, pytest.raises(KernelError, match="bpffs"):
        table.pin(tmp_path / "table")


@pytest.mark.parametrize(
    ("text", "cpus"), [("0\n", [0]), ("0-3", [0, 1, 2, 3]), ("0-1,4,6-7\n", [0, 1, 4, 6, 7])]
)
def test_lists_of_cpus(text: str, cpus: list[int]) -> None:
    assert parse_cpu_list(text) == cpus
