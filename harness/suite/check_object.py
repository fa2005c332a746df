"""The user's own objects: does each open, does each program load, does what can attach, and why not."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from ...loader.errors import BpflabError
from ...loader.links.perf_event import SoftwareEvent
from ...loader.spec import MapSpec, ObjectSpec, ProgramSpec
from ..subjects.client import Subject
from ..subjects.handles import SubjectObject, Target
from .fixtures import JOB

_SOFTWARE = 1

TARGET_OF = {
    "xdp": "xdp",
    "sched_cls": "tc",
    "socket_filter": "socket",
    "cgroup_skb": "cgroup",
    "cgroup_sock": "cgroup",
    "cgroup_sock_addr": "cgroup",
    "cgroup_sockopt": "cgroup",
    "cgroup_sysctl": "cgroup",
    "cgroup_device": "cgroup",
    "sock_ops": "cgroup",
    "sk_lookup": "netns",
    "flow_dissector": "netns",
    "perf_event": "perf_event",
}
"""The kind of target that we make for a program type; the others attach by their section's name."""


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """A check per object, one or two per program and one per struct_ops map, by what our reader finds.

    An object that it cannot read has the one check that tells whether the subject can.
    """
    verb = metafunc.function.__name__.removeprefix("check_")
    cases = []
    for name, path in metafunc.config.stash[JOB].user_objects.items():
        if verb == "open":
            cases.append(pytest.param(path, marks=pytest.mark.id(f"object/{name}/open")))
            continue
        spec = _read(path)
        if spec and verb == "attach_map":
            for struct in _structs(spec):
                mark = pytest.mark.id(f"object/{name}/{struct.name}/attach")
                programs = sorted({program for _, program in struct.initial_slots})
                cases.append(pytest.param((path, struct.name, programs), marks=mark))
            continue
        for program in spec.programs.values() if spec else ():
            if verb == "load" or _attachable(program):
                mark = pytest.mark.id(f"object/{name}/{program.name}/{verb}")
                cases.append(pytest.param((path, program.name), marks=mark))
    argument = {"open": "path", "attach_map": "struct"}.get(verb, "one_program")
    metafunc.parametrize(argument, cases, indirect=argument == "one_program")


@pytest.fixture
def one_program(subject: Subject, request: pytest.FixtureRequest) -> Iterator[tuple[SubjectObject, str]]:
    """A user's object, opened, and a program of it."""
    path, program = request.param
    with subject.open(path) as candidate:
        yield candidate, program


def check_open(path: Path, subject: Subject) -> None:
    """The object can be read."""
    with subject.open(path) as candidate:
        assert candidate.programs, "the object holds no program"


def check_load(one_program: tuple[SubjectObject, str]) -> None:
    """The program loads, alone; a struct's callbacks may come together."""
    candidate, program = one_program
    loaded = set(candidate.load(programs=[program]))
    assert loaded == {program} or (program in loaded and candidate.programs[program].type == "struct_ops")


def check_attach(one_program: tuple[SubjectObject, str], request: pytest.FixtureRequest) -> None:
    """The program attaches: where its section says, or to a device, group or clock of ours."""
    candidate, program = one_program
    candidate.load(programs=[program])
    candidate.attach(program, _target(candidate.programs[program].type, request)).detach()


def check_attach_map(struct: tuple[Path, str, list[str]], subject: Subject) -> None:
    """The struct of callbacks is taken by its subsystem."""
    path, name, programs = struct
    with subject.open(path) as candidate:
        candidate.load(programs=programs)
        candidate.attach_map(name).detach()


def _read(path: Path) -> ObjectSpec | None:
    try:
        return ObjectSpec.from_file(path)
    except (BpflabError, OSError):
        return None


def _structs(spec: ObjectSpec) -> list[MapSpec]:
    """Those that are made without being asked for."""
    return [each for each in spec.maps.values() if each.kind == "struct_ops" and each.autocreate]


def _attachable(program: ProgramSpec) -> bool:
    return bool(program.attach_kind) or program.type.name.lower() in TARGET_OF


def _target(program_type: str, request: pytest.FixtureRequest) -> Target | None:
    kind = TARGET_OF.get(program_type)
    if kind is None:
        return None
    if kind == "cgroup":
        return {"kind": kind, "path": str(request.getfixturevalue("cgroup"))}
    if kind == "perf_event":
        return {"kind": kind, "type": _SOFTWARE, "config": SoftwareEvent.CPU_CLOCK, "frequency": 1, "cpu": 0}
    if kind == "netns":
        return {"kind": kind}
    target = {"kind": kind, "ifindex": request.getfixturevalue("veth").near.ifindex}
    return target | {"direction": "ingress"} if kind == "tc" else target
