"""Uprobes: programs at functions of user space, one by one and many at once, in a library of our own."""

from __future__ import annotations

import ctypes
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from ..subjects.errors import ErrorClass, SubjectError
from ..subjects.handles import SubjectObject, Target
from .fixtures import Fork, Open
from .numbers import signed, u32, unsigned

MANY = ("probed_many_one", "probed_many_two", "probed_many_three")
"""Functions that add 1, 2 and 3."""

LIBC = "libc.so.6"


def calls(library: Path, name: str, *arguments: int) -> Callable[[], str]:
    """An action of a child: it loads the library and calls a function of it."""
    return lambda: str(ctypes.CDLL(str(library))[name](*arguments))


def uprobe(library: Path, function: str, **more: int | str) -> Target:
    """A function of the library as a target."""
    return {"kind": "uprobe", "path": str(library), "function": function, **more}


@pytest.mark.obj("probes/uprobe")
def check_uprobe(loaded: Open, fork: Fork, probed: Path) -> None:
    """A program at a function's entry reads its arguments; detached it does not run."""
    child, later = (fork(calls(probed, "probed_sum", 40, -2)) for _ in range(2))
    obj = loaded("probes/uprobe", target_pid=u32(child.pid))
    link = obj.attach("on_entry", uprobe(probed, "probed_sum"))
    assert child.go() == "38"
    assert unsigned(obj.variable("calls")) == 1
    assert signed(obj.variable("first")) == 40
    assert signed(obj.variable("second")) == -2
    link.detach()
    assert later.go() == "38"
    assert unsigned(obj.variable("others")) == 0


@pytest.mark.obj("probes/uprobe")
def check_uretprobe(loaded: Open, fork: Fork, probed: Path) -> None:
    """A program at a function's return reads what it returns."""
    child = fork(calls(probed, "probed_sum", 40, -2))
    obj = loaded("probes/uprobe", target_pid=u32(child.pid))
    target = uprobe(probed, "probed_sum", returns=True)
    obj.attach("on_return", target)
    child.go()
    assert unsigned(obj.variable("calls")) == 1
    assert signed(obj.variable("returned")) == 38


@pytest.mark.obj("probes/uprobe")
@pytest.mark.parametrize("start", ["file", "function"])
def check_offset(loaded: Open, fork: Fork, probed: Path, start: str) -> None:
    """A place is said by its offset in the file, or by that from a function: here to the one behind it."""
    child = fork(calls(probed, "probed_many_two", 5))
    obj = loaded("probes/uprobe", target_pid=u32(child.pid))
    first, second = offset_of(probed, "probed_many_one"), offset_of(probed, "probed_many_two")
    if start == "file":
        obj.attach("on_entry", {"kind": "uprobe", "path": str(probed), "offset": second})
    else:
        obj.attach("on_entry", uprobe(probed, "probed_many_one", offset=second - first))
    assert child.go() == "7"
    assert unsigned(obj.variable("calls")) == 1
    assert signed(obj.variable("first")) == 5


@pytest.mark.obj("probes/uprobe")
def check_one_process(loaded: Open, fork: Fork, probed: Path) -> None:
    """A program that is attached to one process does not see others."""
    watched, other = (fork(calls(probed, "probed_sum", 1, 2)) for _ in range(2))
    obj = loaded("probes/uprobe", target_pid=u32(watched.pid))
    target = uprobe(probed, "probed_sum", pid=watched.pid)
    obj.attach("on_entry", target)
    other.go()
    watched.go()
    assert unsigned(obj.variable("calls")) == 1
    assert unsigned(obj.variable("others")) == 0


@pytest.mark.obj("probes/uprobe")
def check_by_section(opened: Open, fork: Fork) -> None:
    """A SEC() name says the library by its name alone, and the function."""
    child = fork(lambda: str(ctypes.CDLL(LIBC).getenv(b"BPFLAB")))
    obj = opened("probes/uprobe", target_pid=u32(child.pid))
    obj.load(["on_getenv"])
    obj.attach("on_getenv")
    child.go()
    assert unsigned(obj.variable("calls")) >= 1


@pytest.mark.obj("probes/uprobe")
@pytest.mark.parametrize("version", [1, 2])
def check_symbol_version(loaded: Open, fork: Fork, probed: Path, version: int) -> None:
    """Of a function in two versions, the one that is named is watched."""

    def call_default() -> str:
        return str(ctypes.CDLL(str(probed)).probed_version())

    child = fork(call_default)
    obj = loaded("probes/uprobe", target_pid=u32(child.pid))
    function = f"probed_version@BPFLAB_{version}"
    obj.attach("on_entry", uprobe(probed, function))
    assert child.go() == "2"
    assert unsigned(obj.variable("calls")) == (1 if version == 2 else 0)


@pytest.mark.obj("probes/uprobe")
def check_default_version(loaded: Open, fork: Fork, probed: Path) -> None:
    """A function without a version is that of the default one, as for a program that is linked now."""
    child = fork(calls(probed, "probed_version"))
    obj = loaded("probes/uprobe", target_pid=u32(child.pid))
    obj.attach("on_entry", uprobe(probed, "probed_version"))
    assert child.go() == "2"
    assert unsigned(obj.variable("calls")) == 1


@pytest.mark.obj("probes/uprobe")
@pytest.mark.parametrize("mode", ["perf", "legacy"])
def check_older_modes(loaded: Open, fork: Fork, probed: Path, mode: str) -> None:
    """A program is attached without a bpf_link, and by an event of tracefs."""
    child = fork(calls(probed, "probed_sum", 3, 4))
    obj = loaded("probes/uprobe", target_pid=u32(child.pid))
    target = uprobe(probed, "probed_sum", mode=mode)
    obj.attach("on_entry", target)
    child.go()
    assert unsigned(obj.variable("calls")) == 1
    assert signed(obj.variable("second")) == 4


@pytest.mark.obj("probes/uprobe")
@pytest.mark.needs("attach_cookies")
def check_cookie(opened: Open, fork: Fork, probed: Path) -> None:
    """A program reads the cookie of the attachment that it runs for."""

    def call_both() -> str:
        library = ctypes.CDLL(str(probed))
        return str(library.probed_many_one(0) + library.probed_many_two(0))

    child = fork(call_both)
    obj = opened("probes/uprobe", target_pid=u32(child.pid))
    obj.load(["with_cookie"])
    for number, function in enumerate(MANY[:2]):
        target = uprobe(probed, function, cookie=1 << number)
        obj.attach("with_cookie", target)
    assert child.go() == "3"
    assert unsigned(obj.variable("calls")) == 2
    assert unsigned(obj.variable("cookies")) == 3


@pytest.mark.obj("probes/uprobe")
def check_reference_counter(loaded: Open, fork: Fork, probed: Path) -> None:
    """The kernel counts a counter up in every process that has the library, for as long as the link is."""

    def read_counter() -> str:
        return str(ctypes.c_ushort.in_dll(ctypes.CDLL(str(probed)), "probed_counter").value)

    before, during, after = (fork(read_counter) for _ in range(3))
    obj = loaded("probes/uprobe", target_pid=u32(during.pid))
    target = uprobe(probed, "probed_text", ref_counter=offset_of(probed, "probed_counter"))
    assert before.go() == "0"
    link = obj.attach("on_entry", target)
    assert during.go() == "1"
    link.detach()
    assert after.go() == "0"


@pytest.mark.obj("probes/uprobe_sleepable")
@pytest.mark.needs("sleepable_uprobes")
def check_sleepable(loaded: Open, fork: Fork, probed: Path) -> None:
    """A program that may sleep copies what a function is given from user memory."""
    child = fork(lambda: str(ctypes.CDLL(str(probed)).probed_text(b"a text of user space")))
    obj = loaded("probes/uprobe_sleepable", target_pid=u32(child.pid))
    obj.attach("on_text", uprobe(probed, "probed_text"))
    child.go()
    assert unsigned(obj.variable("calls")) == 1
    assert obj.variable("text") == b"a text of user s"


@pytest.mark.obj("probes/uprobe_sleepable")
@pytest.mark.needs("uprobe_multi")
def check_multi_sleepable(opened: Open, fork: Fork, probed: Path) -> None:
    """A program of one link to several functions may sleep as well."""
    child = fork(lambda: str(ctypes.CDLL(str(probed)).probed_text(b"of many")))
    obj = opened("probes/uprobe_sleepable", target_pid=u32(child.pid))
    obj.load(["on_texts"])
    obj.attach("on_texts", {"kind": "uprobe_multi", "path": str(probed), "pattern": "probed_t*"})
    child.go()
    assert unsigned(obj.variable("calls")) == 1
    assert obj.variable("text").startswith(b"of many\0")


@pytest.mark.obj("probes/uprobe")
def check_missing_function(loaded: Open, probed: Path) -> None:
    """A function that the library does not have is refused by its absence."""
    obj = loaded("probes/uprobe")
    with pytest.raises(SubjectError) as refused:
        obj.attach("on_entry", uprobe(probed, "no_such_function"))
    assert refused.value.cls == ErrorClass.KERNEL
    assert "no_such_function" in refused.value.message


@pytest.fixture
def many(loaded: Open, fork: Fork, probed: Path) -> Callable[..., SubjectObject]:
    """Attaches a program of uprobe.multi and calls the three functions, with 10, 20 and 30."""

    def call_all() -> str:
        library = ctypes.CDLL(str(probed))
        return str([library[name](10 * number) for number, name in enumerate(MANY, 1)])

    def attach_and_call(program: str, **target: Any) -> SubjectObject:
        child, other = fork(call_all), fork(call_all)
        if target.get("pid"):
            target["pid"] = child.pid
        obj = loaded("probes/uprobe_multi", target_pid=u32(child.pid))
        obj.attach(program, {"kind": "uprobe_multi", "path": str(probed), **target})
        other.go()
        assert child.go() == "[11, 22, 33]"
        return obj

    return attach_and_call


@pytest.mark.obj("probes/uprobe_multi")
@pytest.mark.needs("uprobe_multi")
def check_multi_pattern(many: Callable[..., SubjectObject]) -> None:
    """One link of all functions whose names fit a pattern."""
    obj = many("on_entry", pattern="probed_many_*")
    assert unsigned(obj.variable("entries")) == 3
    assert unsigned(obj.variable("others")) == 3
    assert signed(obj.variable("argument_sum")) == 60


@pytest.mark.obj("probes/uprobe_multi")
@pytest.mark.needs("uprobe_multi")
def check_multi_returns(many: Callable[..., SubjectObject]) -> None:
    """One link of the returns of several functions."""
    obj = many("on_return", pattern="probed_many_t*", returns=True)
    assert unsigned(obj.variable("returns")) == 2
    assert signed(obj.variable("returned_sum")) == 22 + 33


@pytest.mark.obj("probes/uprobe_multi")
@pytest.mark.needs("uprobe_multi")
def check_multi_cookies(many: Callable[..., SubjectObject]) -> None:
    """Each function of a list has a cookie of its own."""
    obj = many("on_entry", functions=MANY[:2], cookies=[4, 8])
    assert unsigned(obj.variable("entries")) == 2
    assert unsigned(obj.variable("cookies")) == 12


@pytest.mark.obj("probes/uprobe_multi")
@pytest.mark.needs("uprobe_multi")
def check_multi_one_process(many: Callable[..., SubjectObject]) -> None:
    """One link of several functions, in one process only."""
    obj = many("on_entry", pattern="probed_many_???", pid=True)
    assert unsigned(obj.variable("entries")) == 2
    assert unsigned(obj.variable("others")) == 0


@pytest.mark.obj("probes/uprobe_session")
@pytest.mark.needs("uprobe_session")
@pytest.mark.parametrize("ends", ["both", "entry"])
def check_session(loaded: Open, fork: Fork, probed: Path, ends: str) -> None:
    """One program at both ends of a function, or at the first only if it says so there."""
    child = fork(calls(probed, "probed_sum", 5, 6))
    at_entry_only = u32(ends == "entry")
    obj = loaded("probes/uprobe_session", target_pid=u32(child.pid), at_entry_only=at_entry_only)
    obj.attach("on_both", {"kind": "uprobe_multi", "path": str(probed), "pattern": "probed_sum"})
    assert child.go() == "11"
    assert unsigned(obj.variable("runs")) == (2 if ends == "both" else 1)
    assert (signed(obj.variable("returned")) == 11) is (ends == "both")


def offset_of(library: Path, name: str) -> int:
    """Where in the file of the library something is."""
    from elftools.elf.elffile import ELFFile

    with library.open("rb") as file:
        elf = ELFFile(file)
        symbols: Any = elf.get_section_by_name(".dynsym")
        (symbol,) = symbols.get_symbol_by_name(name)
        section = elf.get_section(symbol["st_shndx"])
        return int(symbol["st_value"] - section["sh_addr"] + section["sh_offset"])
