"""What checks are given: the subject, objects of the corpus, and things to attach to."""

from __future__ import annotations

import os
import socket
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Protocol

import pytest

from ..subjects.client import Subject
from ..subjects.errors import SubjectError
from ..subjects.handles import SubjectObject
from .cgroup import control_group
from .child import Child
from .classify import Unavailable
from .job import SuiteJob, in_guest
from .keeper import SubjectKeeper
from .kernel_types import KernelTypes
from .leftovers import held, in_system, new_in_system
from .network import Veth, bring_up, netkit_pair, veth_pair
from .stream import Stream

JOB = pytest.StashKey[SuiteJob]()
KEEPER = pytest.StashKey[SubjectKeeper]()
STREAM = pytest.StashKey[Stream]()
"""Where the plugin leaves the job, the subjects and the stream for the fixtures."""


class Open(Protocol):
    """Opens an object of the corpus, with initial values of variables."""

    def __call__(self, name: str, **variables: bytes) -> SubjectObject: ...


class Refused(Protocol):
    """Opens and loads an object that must be refused; gives the error. Fails if it is not refused."""

    def __call__(self, name: str, *, at: str = "load") -> SubjectError: ...


BASELINE = "libbpf"
"""The subject that the others are compared with."""

PINS = Path("/sys/fs/bpf")
"""Where the BPF file system is usually mounted, and loaders pin by default."""

Fork = Callable[[Callable[[], str]], Child]
"""Makes a waiting child of an action."""


@pytest.fixture
def job(request: pytest.FixtureRequest) -> SuiteJob:
    """The job that this run of the suite carries out."""
    return request.config.stash[JOB]


@pytest.fixture
def subject(request: pytest.FixtureRequest, job: SuiteJob) -> Subject:
    """The loader under test, alive."""
    return request.config.stash[KEEPER].subject(job.subjects[0])


@pytest.fixture(autouse=True)
def nothing_is_left(request: pytest.FixtureRequest) -> Iterator[None]:
    """Of what a check has the subject open nothing is left: no map, program, link, event or socket.

    Set up before all others and so torn down after them. Of checks of our loader's own interface
    the suite's process is watched.
    """
    if request.node.get_closest_marker("reference_only"):
        pid, alive = os.getpid(), True
    elif "subject" in request.fixturenames:
        subject: Subject = request.getfixturevalue("subject")
        pid, alive = subject.pid, subject.alive
    else:
        yield
        return
    before = held(pid) if alive else Counter()
    there = in_system() if in_guest() else set()
    yield
    if alive and (pid == os.getpid() or subject.alive):
        left = held(pid) - before
        assert not left, f"left open: {', '.join(f'{number} {kind}' for kind, number in left.items())}"
    if in_guest():
        new = new_in_system(there)
        assert not new, f"left in the kernel: {', '.join(sorted(new))}"


@pytest.fixture
def baseline(request: pytest.FixtureRequest) -> Iterator[Subject]:
    """libbpf in a process of its own, also beside itself: what the subject is compared with."""
    with Subject(request.config.stash[JOB].commands[BASELINE]) as started:
        yield started


@pytest.fixture(scope="session")
def kernel_types() -> KernelTypes:
    """The running kernel's own types."""
    return KernelTypes()


@pytest.fixture
def opened(subject: Subject, job: SuiteJob) -> Iterator[Open]:
    """Opens objects; they are closed after the check, with everything attached."""
    with ExitStack() as stack:

        def open_object(name: str, **variables: bytes) -> SubjectObject:
            return stack.enter_context(subject.open(job.objects[name], variables))

        yield open_object


@pytest.fixture
def loaded(opened: Open) -> Open:
    """Opens and loads objects."""

    def load_object(name: str, **variables: bytes) -> SubjectObject:
        opened_object = opened(name, **variables)
        opened_object.load()
        return opened_object

    return load_object


@pytest.fixture
def obj(request: pytest.FixtureRequest, loaded: Open) -> SubjectObject:
    """The object that the check's ``obj`` mark names, loaded."""
    return loaded(object_of(request.node))


@pytest.fixture
def refused(opened: Open) -> Refused:
    """Expects a refusal of an object, at `open` or at `load`."""

    def refuse(name: str, *, at: str = "load") -> SubjectError:
        try:
            candidate = opened(name)
        except SubjectError as error:
            return error
        assert at == "load", f"{name} was opened"
        try:
            candidate.load()
        except SubjectError as error:
            return error
        raise AssertionError(f"{name} was loaded")

    return refuse


@pytest.fixture
def veth() -> Iterator[Veth]:
    """A veth pair in this network namespace."""
    with veth_pair() as pair:
        yield pair


@pytest.fixture
def netkit() -> Iterator[Veth]:
    """A netkit pair; on kernels without netkit a veth pair, to which nothing of netkit can be attached."""
    with ExitStack() as stack:
        try:
            yield stack.enter_context(netkit_pair())
        except Unavailable:
            yield stack.enter_context(veth_pair())


@pytest.fixture
def cgroup() -> Iterator[Path]:
    """A control group without members."""
    with control_group() as path:
        yield path


@pytest.fixture
def unpinned() -> Iterator[None]:
    """What the corpus pins by name is gone afterwards."""
    yield
    for path in PINS.glob("bpflab_*"):
        path.unlink()


@pytest.fixture
def pins(unpinned: None) -> Path:
    """Where maps are pinned by name. Raises `Unavailable` if no BPF file system is mounted there."""
    if not os.path.ismount(PINS):
        raise Unavailable(f"no BPF file system is mounted at {PINS}")
    return PINS


@pytest.fixture
def udp() -> Iterator[socket.socket]:
    """A UDP socket on the loopback interface, to receive from."""
    bring_up("lo")
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as receiver:
        receiver.bind(("127.0.0.1", 0))
        receiver.settimeout(5)
        yield receiver


@pytest.fixture
def fork() -> Iterator[Fork]:
    """Makes children; each is ended after the check."""
    with ExitStack() as stack:
        yield lambda action: stack.enter_context(Child(action))


@pytest.fixture
def probed(job: SuiteJob) -> Path:
    """The corpus's library for probes of user space."""
    return job.libraries["probed"]


def each_object(area: str, *names: str) -> pytest.MarkDecorator:
    """A check per object of an area, named after it; the check's argument `name` is the object's."""
    objects = [f"{area}/{name}" for name in names]
    marked = [pytest.param(name, marks=(pytest.mark.id(name), pytest.mark.obj(name))) for name in objects]
    return pytest.mark.parametrize("name", marked)


def object_of(item: pytest.Item) -> str:
    """The object that a check's ``obj`` mark names; '' if it has none."""
    mark = item.get_closest_marker("obj")
    return str(mark.args[0]) if mark else ""
