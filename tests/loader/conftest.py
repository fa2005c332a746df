"""What the live tests share: the probe of bpf(2), the watch on descriptors, a network of their own."""

from __future__ import annotations

import ctypes
import os
import shutil
import subprocess
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType

import pytest
from bpflab.kernels.cache import cache_dir
from bpflab.loader.errors import KernelError
from bpflab.loader.native import compiled, pure


@pytest.fixture(params=[compiled, pure], ids=["compiled", "pure"])
def twin(request: pytest.FixtureRequest) -> ModuleType:
    """Each implementation of the native functions."""
    module: ModuleType = request.param
    return module


@pytest.fixture(scope="session")
def index_home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the loader caches what it finds out: a directory of the tests' own."""
    return tmp_path_factory.mktemp("cache")


@pytest.fixture(autouse=True)
def cache(index_home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing of ours in the user's cache, but what was fetched and built stays where it is."""
    monkeypatch.setenv("BPFLAB_CACHE", str(cache_dir()))
    monkeypatch.setenv("XDG_CACHE_HOME", str(index_home))


@pytest.fixture(scope="session")
def bpf() -> None:
    """Skips where this process may not use bpf(2), as measured by making a map."""
    from bpflab.loader.syscall import map_create

    try:
        os.close(map_create(2, 4, 4, 1, name="probe"))
    except KernelError as error:
        pytest.skip(f"bpf(2) is refused here: {error}")


@pytest.fixture(scope="session")
def kernel_btf() -> Path:
    """The running kernel's types; skips where it gives none (before 5.4), as measured by reading."""
    path = Path("/sys/kernel/btf/vmlinux")
    try:
        with path.open("rb") as file:
            file.read(1)
    except OSError as error:
        pytest.skip(f"Linux {os.uname().release} gives no types: {error}")
    return path


@pytest.fixture
def live(bpf: None) -> Iterator[None]:
    """A test on the running kernel, which must leave no descriptor open."""

    def descriptors() -> set[tuple[str, str]]:
        found = set()
        for entry in Path("/proc/self/fd").iterdir():
            try:
                target = str(entry.readlink())
            except FileNotFoundError:
                continue
            # The kernel's BTF and its index stay mapped as long as the process lives.
            if not target.startswith("/sys/kernel/btf/") and not target.endswith(".index"):
                found.add((entry.name, target))
        return found

    before = descriptors()
    yield
    left = descriptors() - before
    assert not left, f"descriptors left open: {sorted(left)}"


@pytest.fixture(scope="session")
def compile_bpf(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """Compile C source (helpers by number, maps by the usual macros) to an object file."""
    names = ["clang", *(f"clang-{version}" for version in range(22, 13, -1))]
    clang = next(filter(None, map(shutil.which, names)), None)
    if clang is None:
        pytest.skip(f"no clang: none of {', '.join(names)}")
    made: dict[str, Path] = {}

    def compile(source: str) -> Path:
        if source not in made:
            folder = tmp_path_factory.mktemp("bpf")
            (folder / "test.bpf.c").write_text(PRELUDE + source)
            command = [
                clang,
                "-g",
                "-O2",
                "-target",
                "bpf",
                "-mcpu=v3",
                "-c",
                "test.bpf.c",
                "-o",
                "test.bpf.o",
            ]
            subprocess.run(command, cwd=folder, check=True)
            made[source] = folder / "test.bpf.o"
        return made[source]

    return compile


PRELUDE = """
typedef unsigned char u8; typedef unsigned short u16; typedef unsigned int u32;
typedef unsigned long long u64; typedef int s32; typedef long long s64;
#define SEC(name) __attribute__((section(name), used))
#define __uint(name, value) int (*name)[value]
#define __type(name, value) typeof(value) *name
#define __array(name, value) typeof(value) *name[]
#define __always_inline inline __attribute__((always_inline))
static void *(*bpf_map_lookup_elem)(void *, const void *) = (void *)1;
static long (*bpf_map_update_elem)(void *, const void *, const void *, u64) = (void *)2;
static long (*bpf_tail_call)(void *, void *, u32) = (void *)12;
static long (*bpf_perf_event_output)(void *, void *, u64, void *, u64) = (void *)25;
static void *(*bpf_ringbuf_reserve)(void *, u64, u64) = (void *)131;
static void (*bpf_ringbuf_submit)(void *, u64) = (void *)132;
static void (*bpf_ringbuf_discard)(void *, u64) = (void *)133;
static long (*bpf_ringbuf_output)(void *, void *, u64, u64) = (void *)130;
struct xdp_md { u32 data, data_end, data_meta, ingress_ifindex, rx_queue_index, egress_ifindex; };
struct __sk_buff { u32 len, pkt_type, mark, queue_mapping, protocol; };
char _license[] SEC("license") = "GPL";
"""


@dataclass(frozen=True)
class Veth:
    """A pair of devices in a network namespace that the test's process has entered."""

    name: str
    peer: str


@pytest.fixture
def veth(bpf: None) -> Iterator[Veth]:
    """A veth pair in a fresh network namespace, which goes with the test."""
    home = os.open("/proc/self/ns/net", os.O_RDONLY | os.O_CLOEXEC)
    try:
        _unshare_network()
        commands = ["link add bpflab0 type veth peer name bpflab1"]
        for name in ("bpflab0", "bpflab1"):
            # Without an IPv6 address the kernel sends nothing of its own accord.
            commands += [f"link set {name} addrgenmode none", f"link set {name} up"]
        for command in commands:
            subprocess.run(["ip", *command.split()], check=True)
        yield Veth("bpflab0", "bpflab1")
    finally:
        _enter(home)
        os.close(home)


def _unshare_network() -> None:
    _check(_libc().unshare(0x40000000))


def _enter(namespace: int) -> None:
    _check(_libc().setns(namespace, 0x40000000))


def _libc() -> ctypes.CDLL:

    return ctypes.CDLL(None, use_errno=True)


def _check(result: int) -> None:
    import ctypes

    if result:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))


@pytest.fixture
def bpffs(bpf: None, tmp_path: Path) -> Iterator[Path]:
    """A bpffs of the test's own."""
    path = tmp_path / "bpffs"
    path.mkdir()
    subprocess.run(["mount", "-t", "bpf", "none", path], check=True)
    yield path
    subprocess.run(["umount", path], check=True)
