"""Attaching to probes: where names lead, what is refused and how, and the ways of older kernels."""

from __future__ import annotations

import ctypes
import errno
import os
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from bpflab.corpus.build import libraries
from bpflab.harness.tools import find_clang
from bpflab.kernels.cache import cache_dir
from bpflab.loader import (
    KernelError,
    NotSupportedError,
    Object,
    ObjectError,
    ObjectSpec,
    Program,
    TargetError,
)
from bpflab.loader.elf_binary import Binary
from bpflab.loader.enums import LinkType
from bpflab.loader.links.binary_file import file_of, open_binary
from bpflab.loader.links.info import UprobeInfo, UprobeMultiInfo
from bpflab.loader.links.kernel_functions import addresses_in, addresses_of, names_in
from bpflab.loader.links.perf_event import SoftwareEvent
from bpflab.loader.pattern import matcher

SOURCE = """
volatile u64 calls;
SEC("uprobe") int on_entry(void *ctx) { calls++; return 0; }
SEC("uprobe.multi") int on_many(void *ctx) { calls++; return 0; }
SEC("perf_event") int on_sample(void *ctx) { calls++; return 0; }
SEC("kprobe.multi/tcp_*") int on_kernel(void *ctx) { return 0; }
SEC("kprobe.session/tcp_*") int on_both(void *ctx) { return 0; }
SEC("uprobe/libc.so.6") int no_function(void *ctx) { return 0; }
SEC("uretprobe/:getenv") int no_path(void *ctx) { return 0; }
SEC("uprobe/libc.so.6:getenv+x") int no_offset(void *ctx) { return 0; }
SEC("usdt/libc.so.6:libc") int no_name(void *ctx) { return 0; }
SEC("uprobe/libnothing.so.9:f") int no_library(void *ctx) { return 0; }
"""
EINVAL: Callable[..., int] = lambda *_, **__: -errno.EINVAL  # noqa: E731  - a system call that is refused, whatever it is asked


@pytest.fixture
def loaded(live: None, compile_bpf: Callable[[str], Path]) -> Iterator[Object]:
    with ObjectSpec.from_file(compile_bpf(SOURCE)).load() as made:
        yield made


@pytest.fixture(scope="module")
def probed() -> Path:
    clang = find_clang()
    assert clang, "no clang with the BPF target: run harness/tools.py"
    return libraries(clang, cache_dir())["probed"]


def call(library: Path) -> int:
    """Call a function of the library."""
    return int(ctypes.CDLL(str(library)).probed_sum(1, 2))


def test_kernels_without_perf_links(loaded: Object, probed: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    program, calls = loaded.programs["on_entry"], loaded.variables["calls"]
    monkeypatch.setattr("bpflab.loader.syscall.link_create", EINVAL)
    with program.attach_uprobe(probed, "probed_sum", pid=0) as link:
        assert link.fd == -1
        assert (call(probed), calls.value) == (3, 1)
        with pytest.raises(NotSupportedError):
            link.pin("/nowhere")
    assert (call(probed), calls.value) == (3, 1)
    with pytest.raises(NotSupportedError, match=r"with a cookie .*kernel 5\.15"):
        program.attach_uprobe(probed, "probed_sum", cookie=1)
    with pytest.raises(NotSupportedError, match=r"by bpf_link .*kernel 5\.15"):
        program.attach_uprobe(probed, "probed_sum", mode="link")
    with pytest.raises(NotSupportedError, match=r"uprobe\.multi 'probed_\*'.*kernel 6\.6"):
        loaded.programs["on_many"].attach_uprobe_multi(probed, "probed_*")
    with pytest.raises(NotSupportedError, match=r"kprobe\.multi 'a, b, c and 1 more'.*kernel 5\.18"):
        loaded.programs["on_kernel"].attach_kprobe_multi(functions=["a", "b", "c", "d"])
    with pytest.raises(NotSupportedError, match=r"kprobe\.session '0x1'.*kernel 6\.10"):
        loaded.programs["on_both"].attach_kprobe_multi(addresses=[1])


def test_what_the_kernel_says_of_links(loaded: Object, probed: Path) -> None:
    places = Binary(probed.read_bytes(), "probed")
    with loaded.programs["on_entry"].attach_uprobe(probed, "probed_sum", returns=True, cookie=7) as link:
        offset = places.function("probed_sum").offset
        assert link.info().type == LinkType.PERF_EVENT
        assert link.info().details == UprobeInfo(str(probed), offset, 7, 0, True)
    with loaded.programs["on_many"].attach_uprobe_multi(probed, "probed_many_*", pid=0) as link:
        offsets = tuple(function.offset for function in places.matching("probed_many_*"))
        details = link.info().details
        assert isinstance(details, UprobeMultiInfo)
        assert (details.path, details.offsets, details.pid) == (str(probed), offsets, os.getpid())


def test_programs_that_others_have_loaded(loaded: Object, probed: Path) -> None:
    with (
        Program.from_fd(os.dup(loaded.programs["on_many"].fd)) as program,
        program.attach_uprobe_multi(probed, symbols=["probed_sum"], pid=0),
    ):
        call(probed)
    assert loaded.variables["calls"].value == 1


def test_sections_that_say_where(
    live: None, compile_bpf: Callable[[str], Path], probed: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LD_LIBRARY_PATH", str(probed.parent))
    source = f"""
volatile u64 entries, returns, many;
SEC("uprobe/{probed}:probed_sum") int on_entry(void *ctx) {{ entries++; return 0; }}
SEC("uretprobe/{probed.name}:probed_sum") int on_return(void *ctx) {{ returns++; return 0; }}
SEC("uprobe.multi/{probed}:probed_s*") int on_many(void *ctx) {{ many++; return 0; }}
"""
    with ObjectSpec.from_file(compile_bpf(source)).load() as loaded:
        assert len(loaded.attach()) == 3
        assert call(probed) == 3
        assert [variable.value for variable in loaded.variables.values()] == [1, 1, 1]


def test_programs_of_another_kind_are_told_so(loaded: Object, probed: Path) -> None:
    with pytest.raises(KernelError, match=r'EINVAL.*must be of SEC\("uprobe\.multi"\)'):
        loaded.programs["on_entry"].attach_uprobe_multi(probed, "probed_*")
    # A kernel without fprobe looks no further.
    with pytest.raises(KernelError, match=r'EINVAL.*must be of SEC\("kprobe\.multi"\)|needs CONFIG_FPROBE'):
        loaded.programs["on_entry"].attach_kprobe_multi("tcp_v4_connect")


@pytest.mark.parametrize(
    ("attach", "problem"),
    [
        (lambda program, path: program.attach_uprobe_multi(path), "one of pattern, symbols"),
        (lambda program, path: program.attach_uprobe_multi(path, "a", symbols=["a"]), "one of pattern"),
        (lambda program, path: program.attach_uprobe_multi(path, symbols=["a"], cookies=[1, 2]), "for each"),
        (lambda program, path: program.attach_kprobe_multi(), "one of pattern, functions"),
        (lambda program, path: program.attach_kprobe_multi(functions=["a"], cookies=[]), None),
        (lambda program, path: program.attach_kprobe_multi("a*", cookies=[1]), "for each"),
        (lambda program, path: program.attach_perf_event(SoftwareEvent.CPU_CLOCK), "either a period"),
        (
            lambda program, path: program.attach_perf_event(SoftwareEvent.CPU_CLOCK, period=1, frequency=1),
            "either a period",
        ),
    ],
)
def test_arguments_that_do_not_go_together(
    loaded: Object, probed: Path, attach: Callable[[Program, Path], object], problem: str | None
) -> None:
    if problem is None:
        with pytest.raises(KernelError):
            attach(loaded.programs["on_entry"], probed)
        return
    with pytest.raises(ValueError, match=problem):
        attach(loaded.programs["on_entry"], probed)


@pytest.mark.parametrize(
    ("program", "error", "problem"),
    [
        ("no_function", TargetError, r'SEC\("uprobe/libc\.so\.6"\) is not of the form PATH:FUNCTION'),
        ("no_path", TargetError, "is not of the form PATH:FUNCTION"),
        ("no_offset", TargetError, "'x' is no offset in 'getenv'"),
        ("no_name", TargetError, "is not of the form PATH:PROVIDER:NAME"),
        ("no_library", KernelError, "ENOENT.*none of the directories"),
    ],
)
def test_sections_that_lead_nowhere(
    loaded: Object, program: str, error: type[Exception], problem: str
) -> None:
    with pytest.raises(error, match=problem):
        loaded.programs[program].attach()


def test_what_is_no_binary(loaded: Object, tmp_path: Path) -> None:
    program = loaded.programs["on_entry"]
    for name, content, problem in (
        ("empty", b"", "the file is empty"),
        ("script", b"#!/bin/sh\n" + b"\n" * 100, "no ELF file"),
        ("archive!/member", b"no archive" * 10, "no archive"),
    ):
        (tmp_path / name.partition("!")[0]).write_bytes(content)
        with pytest.raises(ObjectError, match=problem):
            program.attach_uprobe(tmp_path / name, "main")
    with pytest.raises(KernelError, match="ENOENT"):
        program.attach_uprobe(tmp_path / "missing", "main")
    with pytest.raises(KernelError, match=r"EISDIR|ENODEV"):
        program.attach_uprobe(tmp_path, "main")


def test_members_of_archives(probed: Path, tmp_path: Path) -> None:
    archive = tmp_path / "some.apk"
    with zipfile.ZipFile(archive, "w") as made:
        made.write(probed, "lib/stored.so", zipfile.ZIP_STORED)
        made.write(probed, "lib/packed.so", zipfile.ZIP_DEFLATED)
    whole, offset = probed.read_bytes(), Binary(probed.read_bytes(), "it").function("probed_sum").offset
    with open_binary(f"{archive}!/lib/stored.so", "trying") as opened:
        assert opened.path == str(archive)
        at = opened.start + opened.binary.function("probed_sum").offset
        assert archive.read_bytes()[at : at + 16] == whole[offset : offset + 16]
    for member, problem in (("lib/packed.so", "is compressed"), ("lib/none.so", "it has no member")):
        with pytest.raises(ObjectError, match=problem), open_binary(f"{archive}!/{member}", "trying"):
            pass


def test_names_are_searched_for(probed: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for folder, name, mode in (("a", "tool", 0o644), ("b", "tool", 0o755), ("b", "lib.so.1", 0o644)):
        (tmp_path / folder).mkdir(exist_ok=True)
        (tmp_path / folder / name).write_bytes(b"")
        (tmp_path / folder / name).chmod(mode)
    places = f"{tmp_path / 'a'}:{tmp_path / 'b'}"
    monkeypatch.setenv("PATH", places)
    monkeypatch.setenv("LD_LIBRARY_PATH", places)
    assert file_of("tool") == str(tmp_path / "b/tool")
    assert file_of("lib.so.1") == str(tmp_path / "b/lib.so.1")
    assert file_of("lib.so.2") == "lib.so.2"
    assert file_of("./tool") == "./tool"
    assert file_of(f"{tmp_path}/x.apk!/lib.so") == f"{tmp_path}/x.apk"
    assert file_of("libc.so.6").startswith("/")


KALLSYMS = b"""ffffffff81000010 T tcp_one
ffffffff81000020 t tcp_two
ffffffff81000030 D tcp_data
ffffffff81000040 t tcp_two.cold
ffffffff81000050 t untraced_tcp_
ffffffffc0000010 t tcp_three\t[some_module]
"""
FILTER = b"""tcp_one
tcp_two
__ftrace_invalid_address___64
tcp_three [some_module]
"""
WITH_ADDRESSES = b"""ffffffff81000010 tcp_one
ffffffff81000020 tcp_two
ffffffff81000060 __ftrace_invalid_address___64
ffffffffc0000010 tcp_three [some_module]
"""


@pytest.mark.parametrize(
    ("pattern", "names"),
    [
        ("tcp_*", {"tcp_one", "tcp_two", "tcp_three"}),
        ("tcp_t*", {"tcp_two", "tcp_three"}),
        ("tcp_t??", {"tcp_two"}),
        ("*", {"tcp_one", "tcp_two", "tcp_three"}),
        ("tcp_*e", {"tcp_one", "tcp_three"}),
        ("tcp_", set()),
        ("tcp.one", set()),
    ],
)
def test_patterns_of_kernel_functions(pattern: str, names: set[str]) -> None:
    known = {"tcp_one": 0xFFFFFFFF81000010, "tcp_two": 0xFFFFFFFF81000020, "tcp_three": 0xFFFFFFFFC0000010}
    expected = sorted(known[name] for name in names)
    assert addresses_in(WITH_ADDRESSES, pattern) == expected
    found = names_in(FILTER, pattern)
    assert found == {name.encode() for name in names}
    assert addresses_of(found, KALLSYMS, pattern) == expected
    assert {name for name in known if matcher(pattern)(name)} == names
