"""The Python interface of maps and variables: values by their types, maps without an object, threads."""

from __future__ import annotations

import errno
import mmap
import os
import socket
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from ...loader import ElementError, KernelError, Map, Object, ObjectSpec
from ...loader import insn as bpf
from ...loader.cpus import possible_cpus
from ...loader.enums import MapFlags, ProgType
from ...loader.lean import NATIVE
from ...loader.maps.arena import ArenaMap
from ...loader.syscall import prog_load
from .cgroup import inside
from .job import SuiteJob
from .network import frame

pytestmark = pytest.mark.reference_only


@pytest.fixture
def typed(job: SuiteJob) -> Iterator[Object]:
    """The object maps/typed, loaded in this process."""
    with ObjectSpec.from_file(job.objects["maps/typed"]).load() as loaded:
        yield loaded


@pytest.mark.obj("maps/typed")
def check_records(typed: Object) -> None:
    """Structs go to a program and come back as records: nested, arrays, enums, bitfields, unions, text."""
    flows = typed.maps["flows"]
    flow = {"source": 0x0A000001, "port": 443, "device": "eth0"}
    flows[flow] = {"packets": 7, "state": "IDLE", "size": {"least": 60}}
    assert typed.programs["note"].test_run(frame(size=90)).retval == 0
    [(key, seen)] = flows.items()
    assert (key.source, key.port, key.device) == (0x0A000001, 443, "eth0")
    assert (seen.packets, seen.size.least, seen.size.most) == (8, 60, 90)
    assert seen.last == (0, 0, 33, 0) and (seen.urgent, seen.level) == (1, -5)
    assert seen.state == 0 and seen.state.name == "IDLE" and seen.known is False
    assert seen.word == 0x01020304 and sorted(seen.bytes) == [1, 2, 3, 4]
    flows[key] = seen._replace(packets=100, state="BUSY", word=5, known=True)
    assert flows[flow].packets == 100 and flows[flow].state.name == "BUSY" and flows[flow].known is True
    assert flows.pop(key).word == 5 and key not in flows
    with pytest.raises(ElementError, match=r"map 'flows': value: seen has no member 'packet'"):
        flows[key] = {"packet": 1}


@pytest.mark.obj("maps/typed")
def check_records_of_every_cpu(typed: Object) -> None:
    """A per-CPU value is a list of records; enums are keys by their names."""
    flows, states = typed.maps["flows"], typed.maps["states"]
    flows[0x0A000001, 443, "eth0"] = {}
    typed.programs["note"].test_run(frame())
    assert len(states["IDLE"]) == possible_cpus()
    assert sum(each.packets for each in states[0]) == 5
    states[1] = [{"packets": cpu} for cpu in range(possible_cpus())]
    assert [each.packets for each in states[1]] == list(range(possible_cpus()))


@pytest.mark.obj("maps/typed")
def check_variables(job: SuiteJob) -> None:
    """Variables by their types, before and after loading."""
    spec = ObjectSpec.from_file(job.objects["maps/typed"])
    assert spec.variables["last"].value.last == (1, 2, 3, 4)
    spec.variables["name"].value = "after"
    spec.variables["wanted"].value = "BUSY"
    with spec.load() as loaded:
        variables = loaded.variables
        loaded.maps["flows"][0x0A000001, 443, "eth0"] = {"packets": 1}
        assert loaded.programs["note"].test_run(frame(size=70)).retval == 0
        last = variables["last"].value
        assert (last.packets, last.size.most, last.level, last.state.name) == (2, 70, -5, "BUSY")
        assert variables["name"].value == "Bfter"
        variables["last"].value = last._replace(packets=77)
        assert variables["last"].value.packets == 77
        with pytest.raises(KernelError) as constant:
            variables["wanted"].value = "IDLE"
        assert constant.value.errno == errno.EPERM
    assert spec.variables["name"].value == "after", "loading changes no spec"


@pytest.mark.obj("maps/typed")
def check_mapped_array(typed: Object) -> None:
    """An array in memory: what one side writes the other sees at once."""
    mapped, flows = typed.maps["mapped"], typed.maps["flows"]
    flows[0x0A000001, 443, "eth0"] = {}
    memory = mapped.memory()
    assert memory is not None
    memory[3 * 8 : 3 * 8 + 4] = (41).to_bytes(4, "little")
    typed.programs["note"].test_run(frame())
    assert mapped[3] == 42 == int.from_bytes(memory[3 * 8 : 3 * 8 + 4], "little")


@pytest.mark.obj("maps/typed")
def check_types_without_an_object(typed: Object) -> None:
    """A map opened by its ID has the types that it was made with."""
    typed.maps["flows"][1, 2, "eth0"] = {"packets": 3}
    with Map.from_id(typed.maps["flows"].id) as again:
        [(key, seen)] = again.items()
        assert (key.device, seen.packets) == ("eth0", 3)
        again[key] = seen._replace(packets=4)
    assert typed.maps["flows"][key].packets == 4


def check_without_an_object() -> None:
    """Maps of many types without any object, and maps in maps of them."""
    with Map.create("lru_hash", 4, 8, 100, name="created") as table:
        table.update_many({key: key * key for key in range(50)})
        assert dict(table.items()) == {key: key * key for key in range(50)}
        assert (table.info().name, table.pop(7), 7 in table) == ("created", 49, False)
        assert dict(table.pop_items()).keys() == set(range(50)) - {7}
    for kind, values in (("queue", [1, 2, 3]), ("stack", [3, 2, 1])):
        with Map.create(kind, 0, 4, 3) as kept:
            for number in (1, 2, 3):
                kept.push(number)
            assert kept.peek() == values[0]
            assert [kept.take() for _ in range(4)] == [*values, None]
    with Map.create("array", 4, 8, 1) as inner, Map.create("hash_of_maps", 4, 4, 4, inner=inner) as outer:
        outer[5] = inner
        with Map.from_id(outer[5]) as same:
            same[0] = 55
        assert inner[0] == 55
    with pytest.raises(KernelError) as refused:
        Map.create("hash", 4, 4, 0)
    assert refused.value.errno == errno.EINVAL


@pytest.mark.obj("maps/sk_storage")
def check_storage_by_object(cgroup: Path, udp: socket.socket, job: SuiteJob) -> None:
    """Storage of a socket is found by the socket object itself."""
    with ObjectSpec.from_file(job.objects["maps/sk_storage"]).load() as loaded:
        sent = loaded.maps["sent"]
        with (
            loaded.programs["count"].attach_cgroup(str(cgroup)),
            inside(cgroup),
            socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender,
        ):
            assert sender not in sent
            sender.sendto(b"counted", udp.getsockname())
            assert sent[sender].packets == 1 and sent[sender].bytes == 20 + 8 + 7
            sent[sender] = {"packets": 10}
            sender.sendto(b"counted", udp.getsockname())
            assert sent[sender].packets == 11
            del sent[sender]
            assert sent.get(sender) is None


def check_threads() -> None:
    """Threads look up, update, delete and iterate side by side; nothing is torn or lost."""
    with Map.create("hash", 4, 8, 2048) as table:

        def work(first: int) -> int:
            for key in range(first, first + 128):
                table[key] = key << 32 | key
                assert table[key] == key << 32 | key
            table.update_many({key: key for key in range(first, first + 128)})
            assert all(value in (key, key << 32 | key) for key, value in table.items())
            return table.delete_many(range(first, first + 64))

        with ThreadPoolExecutor(4) as pool:
            assert list(pool.map(work, range(0, 512, 128))) == [64] * 4
        assert len(dict(table.items())) == 256


@pytest.mark.needs("arena")
def check_arena_memory() -> None:
    """An arena without an object: its pages are there when they are touched, and shared by its ID."""
    with Map.create("arena", max_entries=4, flags=MapFlags.MMAPABLE) as arena:
        assert isinstance(arena, ArenaMap) and arena.size == 4 * mmap.PAGESIZE
        memory = arena.memory()
        memory[mmap.PAGESIZE : mmap.PAGESIZE + 5] = b"touch"
        assert memory[mmap.PAGESIZE : mmap.PAGESIZE + 6] == b"touch\0"


@pytest.mark.needs("instruction_arrays")
def check_insn_array() -> None:
    """An instruction array says where a program's instructions have gone."""
    with Map.create("insn_array", 4, 16, 2) as places:
        for number, insn in enumerate((0, 3)):
            places[number] = insn.to_bytes(4, "little") + bytes(12)
        places.freeze()
        program = [
            bpf.Insn(0xB7, 0, 0, 0, 1),  # r0 = 1
            bpf.Insn(bpf.LD_IMM64, 1, bpf.PSEUDO_MAP_FD, 0, places.fd),
            bpf.Insn(0, 0, 0, 0, 0),
            bpf.Insn(0x95, 0, 0, 0, 0),  # exit
        ]
        code = b"".join(insn.pack(NATIVE) for insn in program)
        fd = prog_load(ProgType.SOCKET_FILTER, code, b"GPL\0")
        assert fd >= 0, os.strerror(-fd)
        try:
            moved = [int.from_bytes(places[number][4:8], "little") for number in range(2)]
            assert moved == [0, 3]
        finally:
            os.close(fd)
