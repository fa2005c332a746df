"""What an object expects of the kernel: configuration values, variables, functions."""

from __future__ import annotations

import errno
import gzip
import os
import re
from pathlib import Path

import pytest

from ...loader.btf import Kind
from ...loader.btf.kernel import KernelBtf
from ...loader.errors import BtfError
from ..subjects.errors import ErrorClass
from ..subjects.handles import SubjectObject
from .classify import Unavailable
from .fixtures import Open, Refused, each_object
from .network import frame
from .numbers import signed, unsigned


@pytest.mark.obj("externs/kconfig")
def check_kconfig(obj: SubjectObject) -> None:
    """Options of every kind have the values of this kernel's configuration."""
    config = _config()
    obj.test_run("copy", frame())
    assert unsigned(obj.variable("bpf_syscall")) == (config["BPF_SYSCALL"] == "y")
    assert obj.variable("net") == config["NET"].encode()
    tristate = {"n": 0, "y": 1, "m": 2}
    assert unsigned(obj.variable("inet")) == tristate[config["INET"]]
    assert unsigned(obj.variable("veth")) == tristate[config.get("VETH", "n")]
    assert unsigned(obj.variable("of_no_kernel")) == 0
    assert unsigned(obj.variable("hz")) == int(config["HZ"])
    assert unsigned(obj.variable("nr_cpus")) == int(config["NR_CPUS"])
    assert unsigned(obj.variable("illegal_pointer")) == int(config["ILLEGAL_POINTER_VALUE"], 0)


@pytest.mark.obj("externs/kconfig")
def check_kconfig_text(obj: SubjectObject) -> None:
    """Text comes without its quotes, and cut to its array with a zero byte at the end."""
    config = _config()
    obj.test_run("copy", frame())
    congestion = config["DEFAULT_TCP_CONG"].strip('"').encode()
    assert obj.variable("tcp_cong") == congestion.ljust(16, b"\0")
    assert obj.variable("compiler") == config["CC_VERSION_TEXT"].strip('"').encode()[:7] + b"\0"


@pytest.mark.obj("externs/kconfig")
def check_kernel_version(obj: SubjectObject) -> None:
    """LINUX_KERNEL_VERSION is the upstream version, which Debian's releases do not end with."""
    running = os.uname()
    found = re.search(r"Debian (\d+)\.(\d+)\.(\d+)", running.version)
    found = found or re.match(r"(\d+)\.(\d+)\.(\d+)", running.release)
    assert found, running
    major, minor, patch = map(int, found.groups())
    obj.test_run("copy", frame())
    assert unsigned(obj.variable("kernel_version")) == major << 16 | minor << 8 | min(patch, 255)


@pytest.mark.obj("externs/kconfig")
def check_linux_features(obj: SubjectObject) -> None:
    """LINUX_HAS_… tell whether this kernel has cookies (5.15) and wrappers of system calls."""
    obj.test_run("copy", frame())
    major, minor = map(int, os.uname().release.split(".")[:2])
    assert unsigned(obj.variable("bpf_cookie")) == ((major, minor) >= (5, 15))
    if Path("/sys/bus/event_source/devices/kprobe").exists():
        # libbpf finds out by making a kprobe, and says no where there are none.
        assert unsigned(obj.variable("syscall_wrapper")) == 1
    assert unsigned(obj.variable("of_no_loader")) == 0


@pytest.mark.obj("externs/kconfig_missing")
def check_kconfig_missing(refused: Refused) -> None:
    """An option that is not set is refused, unless it is weak."""
    refusal = refused("externs/kconfig_missing")
    assert refusal.cls == ErrorClass.RELOCATION
    assert "CONFIG_OF_NO_KERNEL" in refusal.message


@pytest.mark.obj("externs/kconfig_type")
def check_kconfig_type(refused: Refused) -> None:
    """A number cannot go into a bool."""
    refusal = refused("externs/kconfig_type")
    assert refusal.cls == ErrorClass.RELOCATION
    assert "CONFIG_HZ" in refusal.message


@pytest.mark.obj("externs/ksym")
def check_kernel_symbols(obj: SubjectObject) -> None:
    """Symbols have the addresses that the kernel lists; a missing weak one is at 0."""
    obj.test_run("look", frame())
    assert unsigned(obj.variable("text_at")) == _address("_stext")
    assert unsigned(obj.variable("function_at")) == _address("bpf_prog_put")
    assert unsigned(obj.variable("missing_at")) == 0


@pytest.mark.obj("externs/ksym_typed")
def check_kernel_variables(loaded: Open, refused: Refused) -> None:
    """A variable of the kernel can be read, and a missing weak one is at 0."""
    if not _has_variables():
        # Built with a pahole before 1.18, a kernel has variables but does not say of which type.
        assert refused("externs/ksym_typed").cls == ErrorClass.RELOCATION
        return
    if _address("runqueues") is None:
        raise Unavailable("this kernel tells no variable's address (CONFIG_KALLSYMS_ALL)")
    obj = loaded("externs/ksym_typed")
    obj.test_run("read", ctx=bytes(16))
    assert unsigned(obj.variable("missing_at")) == 0
    assert signed(obj.variable("first_cpu")) == 0
    assert signed(obj.variable("this_cpu")) == signed(obj.variable("expected_cpu")) >= 0


@each_object("externs", "ksym_missing", "ksym_type", "kfunc_missing")
def check_unresolved(name: str, refused: Refused) -> None:
    """A symbol that is missing, or has another type, is refused."""
    assert refused(name).cls == ErrorClass.RELOCATION


@pytest.mark.obj("externs/kfunc")
@pytest.mark.needs("bpf_cast_to_kern_ctx")
def check_kernel_function(obj: SubjectObject) -> None:
    """A program calls a function of the kernel."""
    obj.test_run("compare", frame(size=100))
    assert unsigned(obj.variable("packet_length")) == 100
    assert unsigned(obj.variable("kernel_length")) == 100


@pytest.mark.obj("externs/kfunc_module")
@pytest.mark.needs("kernel_functions_of_nf_conntrack")
def check_module_function(obj: SubjectObject) -> None:
    """A program calls a function of a module."""
    obj.test_run("look_up", frame())
    assert unsigned(obj.variable("found")) == 0
    assert signed(obj.variable("error")) == -errno.ENOENT


@pytest.mark.obj("externs/kfunc_weak")
def check_weak_functions(obj: SubjectObject) -> None:
    """Calls of functions that are missing, or take other arguments, are dead code."""
    obj.test_run("choose", frame(size=100))
    assert unsigned(obj.variable("imagined")) == 0
    assert unsigned(obj.variable("of_no_kernel")) == 0
    there = _address("bpf_cast_to_kern_ctx") is not None
    assert unsigned(obj.variable("ours")) == there
    assert unsigned(obj.variable("kernel_length")) == (100 if there else 0)


@pytest.mark.obj("externs/kfunc_unguarded")
def check_unguarded_function(refused: Refused) -> None:
    """A call of a missing function that the program can reach is refused, and named."""
    refusal = refused("externs/kfunc_unguarded")
    assert refusal.cls == ErrorClass.VERIFIER
    assert "function_of_no_kernel" in refusal.log + refusal.message


@pytest.mark.obj("externs/throw")
@pytest.mark.needs("exceptions")
def check_exception(obj: SubjectObject) -> None:
    """An exception ends the program with what its callback returns."""
    assert obj.test_run("run", frame(size=100)).retval == 1100
    obj.set_variable("limit", (1000).to_bytes(4, "little"))
    assert obj.test_run("run", frame(size=100)).retval == 101


def _config() -> dict[str, str]:
    """Option without CONFIG_ → its value, of this kernel. Raises Unavailable if it is nowhere."""
    plain, packed = Path(f"/boot/config-{os.uname().release}"), Path("/proc/config.gz")
    try:
        text = plain.read_text() if plain.exists() else gzip.decompress(packed.read_bytes()).decode()
    except OSError as error:
        raise Unavailable(f"the kernel's configuration is neither {plain} nor {packed}: {error}") from None
    lines = (line.partition("=") for line in text.splitlines() if line.startswith("CONFIG_"))
    return {name.removeprefix("CONFIG_"): value for name, _, value in lines}


def _has_variables() -> bool:
    """Whether the kernel's BTF has any."""
    try:
        KernelBtf.running().find("runqueues", Kind.VAR)
    except BtfError:
        return False
    return True


def _address(symbol: str) -> int | None:
    """Where the kernel has a symbol; None if it has none."""
    found = re.search(rf"^([0-9a-f]+) \S {symbol}$", Path("/proc/kallsyms").read_text(), re.MULTILINE)
    return int(found[1], 16) if found else None
