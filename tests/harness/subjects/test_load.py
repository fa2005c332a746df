"""Every subject opens and loads as PROTOCOL.md says."""

from __future__ import annotations

import struct
from pathlib import Path

from bpflab.harness.subjects import registry
from bpflab.harness.subjects.client import Subject, SubjectObject

LOOPBACK = 1
FRAME = bytes(64)
ZERO = struct.pack("=I", 0)


def test_hello(subject: Subject) -> None:
    assert subject.name in registry.names()
    assert subject.version[0].isdigit()
    assert {"open", "load", "attach", "test_run", "attach:xdp", "attach:section"} <= subject.capabilities


def test_open_lists_what_is_in_the_object(subject: Subject, objects: Path) -> None:
    with subject.open(objects / "all.bpf.o") as opened:
        assert len(opened.programs) == 10
        filter_program = opened.programs["filter"]
        assert (filter_program.section, filter_program.type) == ("socket", "socket_filter")
        assert opened.programs["classify"].type == "sched_cls"
        assert opened.programs["egress"].section == "cgroup_skb/egress"
        assert opened.programs["optional"].section == "xdp"
        types = {each.name: each.type for each in opened.maps.values()}
        assert types == {
            "table": "hash",
            "per_cpu": "percpu_array",
            "jumps": "prog_array",
            "inside": "array",
            "outside": "array_of_maps",
            "ring": "ringbuf",
            "perf": "perf_event_array",
        }
        table = opened.maps["table"]
        assert (table.key_size, table.value_size, table.max_entries) == (4, 8, 1024)
        variables = {(each.name, each.section, each.size) for each in opened.variables.values()}
        assert {("threshold", ".rodata", 4), ("initial", ".data", 4), ("count", ".bss", 8)} <= variables


def test_load_gives_tag_and_instructions(loaded: SubjectObject, subject: Subject, objects: Path) -> None:
    with subject.open(objects / "all.bpf.o") as opened:
        programs = opened.load()
    assert set(programs) == set(loaded.programs) - {"optional"}
    # mov32 r0, XDP_TX; exit
    assert programs["landing"].insns.hex() == "b4000000030000009500000000000000"
    assert programs["landing"].tag == "b09797b258c291d2"
    assert programs["landing"].log == ""


def test_both_subjects_relocate_alike(objects: Path) -> None:
    tags = []
    for name in registry.names():
        with Subject(registry.command(name).argv) as subject, subject.open(objects / "all.bpf.o") as opened:
            tags.append({name: program.tag for name, program in opened.load().items()})
    assert tags[0] == tags[1]


def test_load_of_chosen_programs_with_a_log(subject: Subject, objects: Path) -> None:
    with subject.open(objects / "all.bpf.o") as opened:
        programs = opened.load(["optional", "landing"], log=True)
    assert set(programs) == {"optional", "landing"}
    assert all("processed 2 insns" in each.log for each in programs.values())


def test_load_of_no_program(subject: Subject, objects: Path) -> None:
    with subject.open(objects / "rejected.bpf.o") as opened:
        assert opened.load([]) == {}
