"""USDT: probes that a library of ours declares, with arguments in every kind of place."""

from __future__ import annotations

import ctypes
import errno
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import pytest

from ..subjects.errors import ErrorClass, SubjectError
from ..subjects.handles import SubjectLink, SubjectObject, Target
from .fixtures import Fork, Open
from .numbers import signed, u32, unsigned

SYS_UPROBE = 336

NUMBERS = (1234567, -89)
"""What the probes' memory arguments point to."""


OURS, LIBBPFS = "probes/usdt", "probes/usdt_libbpf"
"""The objects: with places of arguments of 16 bytes, as up to libbpf 1.6, and with libbpf's own header."""

both_objects = pytest.mark.parametrize(
    "name",
    [pytest.param(each, marks=pytest.mark.obj(each), id=each.split("/")[1]) for each in (OURS, LIBBPFS)],
)


@pytest.fixture
def library(probed: Path) -> ctypes.CDLL:
    """The library in this process, and so in its children: kernels before 5.15 must find it there."""
    return ctypes.CDLL(str(probed))


class Place(NamedTuple):
    """One of the probe's places: what hits it, with which number, and what programs see there."""

    function: str
    number: int
    constant: int
    seen: list[int]


PLACES = (
    Place("probed_fire", -5, -7, [4, -5, NUMBERS[1], 0xFB]),
    Place("probed_fire_again", 1 << 40 | 0x1FF, -8, [4, 1 << 40 | 0x1FF, NUMBERS[0], 0x1FF]),
)


def hit(library: ctypes.CDLL, *places: Place) -> Callable[[], str]:
    """An action that hits the probe at places of it."""

    def act() -> str:
        numbers = (ctypes.c_int * 2)(*NUMBERS)
        for place in places:
            library[place.function](ctypes.c_long(place.number), numbers)
        return ""

    return act


def attach(obj: SubjectObject, path: Path, probe: str, **more: int) -> SubjectLink:
    """Attach to a probe of the library."""
    target: Target = {"kind": "usdt", "path": str(path), "provider": "bpflab", "name": probe, **more}
    return obj.attach("on_probe", target)


def numbers_of(obj: SubjectObject) -> list[int]:
    """How many arguments the probe has, and what the last three of them were."""
    raw = obj.variable("numbers")
    return [signed(raw[at : at + 8]) for at in range(0, len(raw), 8)]


@both_objects
@pytest.mark.parametrize("place", PLACES, ids=["first", "second"])
def check_arguments(
    loaded: Open, fork: Fork, probed: Path, library: ctypes.CDLL, name: str, place: Place
) -> None:
    """A constant, a register, memory and a part of a register are read, at each place of the probe."""
    child = fork(hit(library, place))
    obj = loaded(name, target_pid=u32(child.pid))
    attach(obj, probed, "fire", pid=child.pid)
    child.go()
    assert unsigned(obj.variable("calls")) == 1
    assert signed(obj.variable("constants")) == place.constant
    assert numbers_of(obj) == place.seen


@pytest.mark.obj(LIBBPFS)
def check_detached(loaded: Open, fork: Fork, probed: Path, library: ctypes.CDLL) -> None:
    """Detached it does not run; attached again it does, with the arguments of both places."""
    first, second = (fork(hit(library, *PLACES)) for _ in range(2))
    obj = loaded(LIBBPFS, target_pid=u32(first.pid))
    attach(obj, probed, "fire", pid=first.pid).detach()
    attach(obj, probed, "fire", pid=second.pid).detach()
    link = attach(obj, probed, "fire", pid=first.pid)
    second.go()
    assert unsigned(obj.variable("others")) == 0
    first.go()
    assert unsigned(obj.variable("calls")) == 2
    assert signed(obj.variable("constants")) == sum(place.constant for place in PLACES)
    link.detach()


@pytest.mark.obj(LIBBPFS)
@pytest.mark.needs("attach_cookies")
def check_all_processes(loaded: Open, fork: Fork, probed: Path) -> None:
    """Processes that load the library later are seen as well."""
    children = [fork(lambda: hit(ctypes.CDLL(str(probed)), PLACES[0])()) for _ in range(2)]
    obj = loaded(LIBBPFS, target_pid=u32(children[0].pid))
    attach(obj, probed, "fire")
    for child in children:
        child.go()
    assert unsigned(obj.variable("calls")) == 1
    assert unsigned(obj.variable("others")) == 1
    assert numbers_of(obj) == PLACES[0].seen


@both_objects
def check_cookie(loaded: Open, fork: Fork, probed: Path, library: ctypes.CDLL, name: str) -> None:
    """A program reads the cookie that the probe was attached with; every kernel can."""
    child = fork(hit(library, PLACES[0]))
    obj = loaded(name, target_pid=u32(child.pid))
    attach(obj, probed, "fire", pid=child.pid, cookie=0x1234_5678_9ABC)
    child.go()
    assert unsigned(obj.variable("cookie")) == 0x1234_5678_9ABC


@pytest.mark.obj(LIBBPFS)
def check_semaphore(loaded: Open, fork: Fork, probed: Path, library: ctypes.CDLL) -> None:
    """A probe that asks first whether anyone listens is hit only then."""
    before, during, after = (fork(lambda: str(library.probed_guarded(ctypes.c_long(3)))) for _ in range(3))
    assert before.go() == "0"
    obj = loaded(LIBBPFS, target_pid=u32(during.pid))
    link = attach(obj, probed, "guarded", pid=during.pid)
    assert during.go() == "1"
    assert unsigned(obj.variable("calls")) == 1
    assert signed(obj.variable("constants")) == 3
    link.detach()
    assert after.go() == "0"


@pytest.mark.obj(LIBBPFS)
def check_scaled_address(loaded: Open, fork: Fork, probed: Path, library: ctypes.CDLL) -> None:
    """An argument is at an address that takes two registers."""
    numbers = (ctypes.c_short * 4)(10, 20, -30, 40)
    child = fork(lambda: str(library.probed_scaled(numbers, ctypes.c_long(1))))
    obj = loaded(LIBBPFS, target_pid=u32(child.pid))
    attach(obj, probed, "scaled", pid=child.pid)
    child.go()
    assert unsigned(obj.variable("calls")) == 1
    assert signed(obj.variable("constants")) == -30


@pytest.mark.obj(LIBBPFS)
def check_long_nop(loaded: Open, fork: Fork, probed: Path, library: ctypes.CDLL) -> None:
    """A probe whose nop has room for a call is seen each time; newer kernels do put a call there (6.18)."""

    def act() -> str:
        for number in range(1, 6):
            library.probed_quick(ctypes.c_long(number))
        return ctypes.string_at(ctypes.cast(library.probed_quick, ctypes.c_void_p), 2).hex()

    child = fork(act)
    obj = loaded(LIBBPFS, target_pid=u32(child.pid))
    attach(obj, probed, "quick", pid=child.pid)
    code = child.go()
    assert unsigned(obj.variable("calls")) == 5
    assert signed(obj.variable("constants")) == 15
    assert (code == "90e8") is replaces_nops()


@pytest.mark.obj(LIBBPFS)
def check_missing_probe(loaded: Open, probed: Path) -> None:
    """A probe that the library does not have is refused by its absence."""
    obj = loaded(LIBBPFS)
    with pytest.raises(SubjectError) as refused:
        attach(obj, probed, "no_such_probe")
    assert refused.value.cls == ErrorClass.KERNEL


def replaces_nops() -> bool:
    """Whether this kernel has the system call that such calls end in: from anywhere else it is ENXIO."""
    libc = ctypes.CDLL(None, use_errno=True)
    return libc.syscall(SYS_UPROBE) == -1 and ctypes.get_errno() == errno.ENXIO
