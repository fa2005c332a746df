"""What maps can do beside single elements: many at once, one CPU, typed elements, threads."""

from __future__ import annotations

import errno
import ipaddress
import os
import socket
import tracemalloc
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import ModuleType

import pytest
from bpflab.loader import syscall
from bpflab.loader.btf import Btf, IntEncoding, Kind
from bpflab.loader.btf.edit import BtfEdit
from bpflab.loader.btf.records import make_info
from bpflab.loader.cpus import possible_cpus
from bpflab.loader.enums import MapFlags, MapType
from bpflab.loader.errors import BpflabError, ElementError, KernelError, NotSupportedError
from bpflab.loader.lean import as_words
from bpflab.loader.map_create import create_map
from bpflab.loader.maps import batch as map_batch
from bpflab.loader.maps import many as map_many
from bpflab.loader.maps import map as map_module
from bpflab.loader.maps import raw as map_raw
from bpflab.loader.maps.map import ALL_CPUS, CPU, EXIST, LOCK, NO_EXIST, Map
from bpflab.loader.native import NO_INT
from bpflab.loader.spec import MapSpec, ObjectSpec

pytestmark = pytest.mark.usefixtures("live")

Compile = Callable[[str], Path]

NO_BATCH = {"map_lookup_batch", "map_update_batch", "map_delete_batch"}


@pytest.fixture(autouse=True)
def native(monkeypatch: pytest.MonkeyPatch, twin: ModuleType) -> None:
    """Every test runs over both implementations."""
    for module in (map_module, map_raw, map_batch, map_many):
        monkeypatch.setattr(module, "native", twin)


@pytest.fixture(params=["batches", "one by one"])
def way(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """With batches, and on a kernel that has none."""
    if request.param == "one by one":
        for name in NO_BATCH:
            monkeypatch.setattr(syscall, name, lambda *_, **__: (-errno.EINVAL, 0))


@pytest.mark.usefixtures("way")
def test_many_elements(twin: ModuleType) -> None:
    with Map.create("hash", 4, 8, 10_000) as table:
        table.update_many({key: key * key for key in range(6_000)})
        assert dict(table.items()) == {key: key * key for key in range(6_000)}
        assert table.lookup_many([3, 7_000, 4]) == [9, None, 16]
        assert table.lookup_many(b"\3\0\0\0\4\0\0\0") == [9, 16]
        with pytest.raises(ElementError, match="key: -1 does not fit"):
            table.lookup_many([1, -1])
        keys, values = table.columns()
        assert dict(zip(keys, values, strict=True)) == dict(table.items())
        assert table.delete_many([1, 7_000, 2, 8_000, 9_000, 3]) == 3
        assert 1 not in table and 4 in table
        table.update_many((key, 5) for key in (1, 4))
        assert (table[1], table[4]) == (5, 5)
        assert table.delete_many([]) == 0
        table.update_many([])
        assert table.clear() == 5_998
        assert list(table) == []


@pytest.mark.usefixtures("way")
def test_deleting_keys_that_are_not_there_copies_none_of_the_others() -> None:
    # The kernel's batch stops at each of them: a copy of the rest each time would be quadratic.
    keys = b"".join(key.to_bytes(8, "little") for key in range(20_000))
    with Map.create("hash", 8, 8, 10) as table:
        table.delete_many_bytes(keys[:8])  # imports what it takes
        tracemalloc.start()
        try:
            assert table.delete_many_bytes(keys) == 0
            assert tracemalloc.get_traced_memory()[1] < len(keys) // 2
        finally:
            tracemalloc.stop()


@pytest.mark.usefixtures("way")
def test_popping_all() -> None:
    with Map.create("hash", 4, 8, 10_000) as table:
        elements = {key: key + 1 for key in range(6_000)}
        table.update_many(elements)
        assert dict(table.pop_items()) == elements
        assert list(table) == []


@pytest.mark.usefixtures("way")
def test_refusals_say_how_far_it_came() -> None:
    with Map.create("hash", 4, 8, 4) as table:
        table[1] = 1
        with pytest.raises(KernelError, match=r"update of 3 elements: EEXIST.*1 were done") as refused:
            table.update_many([(0, 0), (1, 0), (2, 0)], NO_EXIST)
        assert refused.value.errno == errno.EEXIST
        assert dict(table.items()) == {0: 0, 1: 1}
    with Map.create("array", 4, 8, 4) as array, pytest.raises(KernelError, match="delete"):
        array.delete_many([0, 1])


def test_a_bucket_that_is_larger_than_the_buffers(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(map_batch, "_CHUNK", 1)
    with Map.create("hash", 4, 8, 64) as table:
        table.update_many({key: key for key in range(64)})
        assert dict(table.items()) == {key: key for key in range(64)}
        assert dict(table.pop_items()) == {key: key for key in range(64)}


def test_popping_one() -> None:
    with Map.create("hash", 4, 8, 4) as table:
        table[1] = 11
        assert table.pop(1) == 11 and 1 not in table
        assert table.pop(1, None) is None
        with pytest.raises(KeyError):
            table.pop(1)


def test_popping_one_where_it_takes_two_steps(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(syscall, "map_lookup_and_delete", lambda *_: -errno.EINVAL)
    test_popping_one()


def test_queues_and_stacks() -> None:
    with Map.create("queue", 0, 4, 2) as queue, Map.create("stack", 0, 4, 2) as stack:
        for one in (queue, stack):
            assert one.peek() is None and one.take() is None
            one.push(1)
            one.push(2)
            with pytest.raises(KernelError, match="E2BIG"):
                one.push(3)
            one.push(3, EXIST)
        assert (queue.peek(), queue.take(), queue.take(), queue.take()) == (2, 2, 3, None)
        assert (stack.peek(), stack.take(), stack.take()) == (3, 3, 2)


def test_bloom_filter() -> None:
    with Map.create(MapType.BLOOM_FILTER, 0, 4, 100, map_extra=3) as known:
        assert known.info().map_extra == 3
        known.push(7)
        assert known.may_hold(7) and not known.may_hold(8)


def test_one_cpu(monkeypatch: pytest.MonkeyPatch) -> None:
    last = possible_cpus() - 1
    with Map.create("percpu_hash", 4, 4, 4) as table:
        table.set_all_cpus(1, 5)
        assert table[1] == [5] * possible_cpus()
        assert table.get_cpu(1, last) == 5
        assert table.get_cpu(2, 0) is None
        try:
            table.set_cpu(1, last, 6)
        except NotSupportedError as error:
            assert error.minimum == "7.0"
        else:
            assert table[1] == [*[5] * last, 6] and table.get_cpu(1, last) == 6
    with Map.create("hash", 4, 4, 4) as table, pytest.raises(BpflabError, match="one value for all CPUs"):
        table.get_cpu(1, 0)


def test_one_cpu_where_the_kernel_can(monkeypatch: pytest.MonkeyPatch) -> None:
    """The system call is given one value and the CPU in the flags."""
    asked: list[tuple[int, int]] = []

    class Newest:
        def lookup(self, fd: int, key: bytes, size: int, flags: int = 0) -> bytes:
            asked.append((size, flags))
            return b"\7\0\0\0"

        def update(self, fd: int, key: bytes, value: bytes, flags: int = 0) -> int:
            asked.append((len(value), flags))
            return 0

    with Map.create("percpu_hash", 4, 4, 4) as table:
        monkeypatch.setattr(map_raw, "native", Newest())
        assert table.get_cpu(1, 1) == 7
        table.set_cpu(1, 3, 8)
        table.set_all_cpus(1, 9)
    assert asked == [(4, CPU | 1 << 32), (4, CPU | 3 << 32), (4, ALL_CPUS)]


def test_networks_as_keys() -> None:
    with Map.create("lpm_trie", 8, 4, 10, MapFlags.NO_PREALLOC) as trie:
        trie[ipaddress.ip_network("10.1.0.0/16")] = 2
        trie[8, b"\x0a\0\0\0"] = 1
        assert trie[32, b"\x0a\1\2\3"] == 2
        assert trie[ipaddress.ip_network("10.2.2.3/32")] == 1
        assert sorted(trie) == [(8, b"\x0a\0\0\0"), (16, b"\x0a\1\0\0")]
        for wrong in (7, (8, b"\x0a"), "10.0.0.0/8"):
            with pytest.raises(ElementError, match="key: expected"):
                trie[wrong]


def test_maps_of_maps_without_an_object() -> None:
    with Map.create("array", 4, 8, 2) as one, Map.create("array_of_maps", 4, 4, 2, inner=one) as outer:
        outer[1] = one
        assert outer[1] == one.id
        with Map.from_id(outer[1]) as again:
            again[0] = 99
        assert one[0] == 99


def test_unknown_types() -> None:
    with pytest.raises(ValueError, match=r"'hsah' is no map type; .*lru_hash"):
        Map.create("hsah", 4, 4, 1)


def test_devices_with_programs() -> None:
    with Map.create("devmap", 4, 8, 2) as devices:
        devices[0] = 1
        assert devices[0] == (1, None)
        assert devices.get(1) in (None, (0, None))


TYPED = """
struct key { u32 number; char name[12]; };
struct value { u64 hits; struct { u8 low, high; } range; };
struct { __uint(type, 1); __uint(max_entries, 8); __type(key, struct key); __type(value, struct value); }
    table SEC(".maps");
struct { __uint(type, 6); __uint(max_entries, 1); __type(key, u32); __type(value, struct value); }
    counts SEC(".maps");
struct locked { u32 lock_word[0]; struct bpf_spin_lock { u32 val; } lock; u32 number; };
struct { __uint(type, 2); __uint(max_entries, 1); __type(key, u32); __type(value, struct locked); }
    accounts SEC(".maps");
SEC("xdp") int use(void *ctx)
{
    struct key key = { 7, "seven" };
    struct value value = { 9, { 1, 2 } };
    u32 zero = 0;
    struct value *found = bpf_map_lookup_elem(&counts, &zero);
    if (found)
        found->hits += 3;
    bpf_map_lookup_elem(&accounts, &zero);
    return bpf_map_update_elem(&table, &key, &value, 0);
}
"""


def test_types_without_an_object(compile_bpf: Compile) -> None:
    btf = ObjectSpec.from_file(compile_bpf(TYPED)).btf
    with Map.create("hash", "key", "value", 8, name="own", btf=btf) as table:
        table[7, "seven"] = {"hits": 3}
        assert table[7, "seven"].hits == 3 and table.key_size == 16
        assert table.info().value_type_id > 0
        with Map.from_id(table.id) as again:
            assert [each.name for each in again] == ["seven"]
    with (
        Map.create("sk_storage", "int", "value", 0, MapFlags.NO_PREALLOC, btf=btf) as hits,
        socket.socket() as sock,
    ):
        assert sock not in hits
        hits[sock] = {"hits": 5}
        assert hits[sock].hits == 5 and hits.pop(sock).hits == 5
        assert hits.get(sock) is None
    with pytest.raises(ElementError, match="no type 'nowhere'"):
        Map.create("hash", "nowhere", 4, 1, btf=btf)


def test_elements_by_their_types(compile_bpf: Compile) -> None:
    with ObjectSpec.from_file(compile_bpf(TYPED)).load() as loaded:
        loaded.programs["use"].test_run(bytes(64))
        table, counts = loaded.maps["table"], loaded.maps["counts"]
        [(key, value)] = table.items()
        assert (key.number, key.name) == (7, "seven") == key
        assert (value.hits, value.range.high) == (9, 2)
        assert table[key] == value == table[7, "seven"] == table[{"number": 7, "name": "seven"}]
        table[key] = value._replace(hits=10)
        assert table[key].hits == 10
        table.update_many({(n, str(n)): {"hits": n} for n in range(3)})
        assert {each.name: one.hits for each, one in table.items()} == {"seven": 10, "0": 0, "1": 1, "2": 2}
        assert sum(one.hits for one in counts[0]) == 3
        with pytest.raises(ElementError, match="map 'table': value: value has no member 'hit'"):
            table[key] = {"hit": 1}


def test_types_survive_pins_and_ids(compile_bpf: Compile, bpffs: Path) -> None:
    with ObjectSpec.from_file(compile_bpf(TYPED)).load() as loaded:
        loaded.programs["use"].test_run(bytes(64))
        table = loaded.maps["table"]
        table.pin(bpffs / "table")
        with Map.from_pin(bpffs / "table") as pinned, Map.from_id(table.id) as by_id:
            assert dict(pinned.items()) == dict(by_id.items()) == dict(table.items())
            assert pinned[7, "seven"].hits == 9
            pinned.unpin()
        assert not (bpffs / "table").exists()


def test_locked_elements(compile_bpf: Compile) -> None:
    with ObjectSpec.from_file(compile_bpf(TYPED)).load() as loaded:
        accounts = loaded.maps["accounts"]
        accounts.update(0, {"number": 5}, LOCK)
        assert accounts.get(0, flags=LOCK).number == 5
        with pytest.raises(KernelError, match="EINVAL"):
            loaded.maps["counts"].get(0, flags=LOCK)


def test_information(bpf: None) -> None:
    with Map.create("hash", 4, 8, 16, MapFlags.NO_PREALLOC, name="told") as table:
        info = table.info()
        assert (info.name, info.type, info.key_size, info.value_size) == ("told", MapType.HASH, 4, 8)
        assert (info.max_entries, info.flags, info.btf_id) == (16, MapFlags.NO_PREALLOC, 0)
        assert info.id == table.id
        assert table.memory_size() > 0
        table.freeze()
        with Map.from_fd(os.dup(table.fd)) as again:
            assert again.frozen
            with pytest.raises(KernelError, match="frozen"):
                again[1] = 1


def test_only_maps_are_maps(tmp_path: Path) -> None:
    fd = os.open(tmp_path, os.O_RDONLY)
    with pytest.raises(KernelError, match=r"EINVAL|EBADF"):
        Map.from_fd(fd)
    with pytest.raises(KernelError, match="opening map 4294967295: ENOENT"):
        Map.from_id(0xFFFFFFFF)


def test_threads_use_one_map() -> None:
    """Look-ups, updates, batches and iterations side by side: nothing is torn, nothing is lost."""
    with Map.create("hash", 4, 8, 4096) as table:

        def work(first: int) -> int:
            for key in range(first, first + 512):
                table[key] = key << 32 | key
                assert table[key] == key << 32 | key
            table.update_many({key: key for key in range(first, first + 512)})
            assert table.lookup_many(range(first, first + 512)) == list(range(first, first + 512))
            for key, value in table.items():
                assert value in (key, key << 32 | key)
            return table.delete_many(range(first, first + 256))

        with ThreadPoolExecutor(8) as pool:
            assert list(pool.map(work, range(0, 4096, 512))) == [256] * 8
        assert len(dict(table.items())) == 2048


def test_integers_of_either_sign() -> None:
    """The short way to an element is for those that are not negative; all others have to come through."""
    spec = MapSpec("signed", MapType.HASH, 4, 4, 8, key_type_id=1, value_type_id=1)
    edit = BtfEdit(Btf(as_words(b""), b"\0"))
    edit.append("int", make_info(Kind.INT), 4, IntEncoding.SIGNED << 24 | 32)
    with create_map(spec, "", edit.finish(), None) as table:
        for key, value in ((1, -1), (-1, 1), (-5, -(1 << 31)), ((1 << 31) - 1, (1 << 31) - 1), (3, NO_INT)):
            table[key] = value
            assert table[key] == value
        assert len(list(table)) == 5
        for wrong in (1 << 31, 1 << 32, 1 << 64, -(1 << 31) - 1):
            with pytest.raises(ElementError):
                table[wrong]
            with pytest.raises(ElementError):
                table[1] = wrong
        with pytest.raises(KeyError):
            table[2]
        assert table[b"\1\0\0\0"] == -1
