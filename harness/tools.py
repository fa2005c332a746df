"""What bpflab needs from the system: find what is missing, install it, or say how.

Runs before anything is installed (``python3 harness/tools.py``), so it imports
only the standard library. Package names are those of Debian and Ubuntu.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import sysconfig
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

EXIT_INFRASTRUCTURE = 69
"""EX_UNAVAILABLE of sysexits.h: this machine lacks something; nothing was judged."""

CLANG_VERSIONS = range(22, 14, -1)
"""Clang releases to look for, newest first. 15 is the first that emits BTF_KIND_ENUM64."""


@dataclass(frozen=True)
class Tool:
    """Something the system must have: `packages` are alternatives, best first."""

    name: str
    why: str
    packages: tuple[str, ...]
    present: Callable[[], bool]


def on_path(*programs: str) -> Callable[[], bool]:
    """A check that every program is found, also in the directories of root's PATH."""
    return lambda: all(find_program(program) for program in programs)


def find_program(name: str) -> str | None:
    """The path of a program; /usr/sbin counts too, where Debian keeps modprobe and depmod."""
    return shutil.which(name) or shutil.which(name, path="/usr/local/sbin:/usr/sbin:/sbin")


def find_clang() -> str | None:
    """The newest clang with the BPF target, or None."""
    names = [f"clang-{version}" for version in CLANG_VERSIONS] + ["clang"]
    return next((path for name in names if (path := shutil.which(name)) and _has_bpf(path)), None)


def _has_bpf(clang: str) -> bool:
    shown = subprocess.run([clang, "--print-targets"], capture_output=True, text=True, check=False)
    return " bpf " in shown.stdout


def static_library(name: str) -> Callable[[], bool]:
    """A check that the C compiler finds a static library."""

    def present() -> bool:
        compiler = shutil.which("cc")
        if compiler is None:
            return False
        asked = [compiler, f"-print-file-name={name}"]
        return "/" in subprocess.run(asked, capture_output=True, text=True, check=False).stdout

    return present


TOOLS = (
    Tool("qemu", "to boot guests", ("qemu-system-x86",), on_path("qemu-system-x86_64")),
    Tool("busybox", "static, for guests' first steps", ("busybox-static",), on_path("busybox")),
    Tool("kmod", "to index and load kernel modules", ("kmod",), on_path("modprobe", "depmod")),
    Tool("udev", "virtme-ng finds its ports by it", ("udev",), on_path("udevadm")),
    Tool("iproute2", "to make the tests' networks", ("iproute2",), on_path("ip")),
    Tool("file", "virtme-ng tells initramfs formats by it", ("file",), on_path("file")),
    Tool(
        "clang",
        "with the BPF target, to compile the corpus",
        (*(f"clang-{version}" for version in CLANG_VERSIONS), "clang"),
        lambda: find_clang() is not None,
    ),
    Tool("C compiler", "to build libbpf and the native module", ("gcc",), on_path("cc")),
    Tool("libc headers", "to build libbpf", ("libc6-dev",), static_library("libc.a")),
    Tool("make", "to build libbpf", ("make",), on_path("make")),
    Tool("libelf", "static, for libbpf", ("libelf-dev",), static_library("libelf.a")),
    Tool("zlib", "static, for libbpf", ("zlib1g-dev",), static_library("libz.a")),
    Tool("zstd", "static, for libelf", ("libzstd-dev",), static_library("libzstd.a")),
    Tool("json-c", "static, for the libbpf subject", ("libjson-c-dev",), static_library("libjson-c.a")),
    Tool(
        "Python headers",
        "to build the native module",
        (f"python3.{sys.version_info.minor}-dev", "python3-dev"),
        lambda: (Path(sysconfig.get_path("include")) / "Python.h").exists(),
    ),
    Tool(
        "archive keyring",
        "to check the kernels' signatures",
        ("debian-archive-keyring",),
        lambda: Path("/usr/share/keyrings/debian-archive-keyring.gpg").exists(),
    ),
)


class MissingToolsError(Exception):
    """Something is missing and could not be installed; the text has the one command that helps."""


def missing(tools: Iterable[Tool] = TOOLS) -> list[Tool]:
    """The tools that this machine lacks."""
    return [tool for tool in tools if not tool.present()]


def require(tools: Iterable[Tool] = TOOLS) -> None:
    """Raise `MissingToolsError` with the command to run if anything is missing."""
    lacking = missing(tools)
    if lacking:
        raise MissingToolsError(_advice(lacking, _packages(lacking)))


def install_missing() -> None:
    """Install what is missing when root, with the system's package manager.

    Raises `MissingToolsError` when not root, without apt-get, or when installing fails.
    """
    lacking = missing()
    if not lacking:
        return
    if os.geteuid() != 0 or not shutil.which("apt-get"):
        raise MissingToolsError(_advice(lacking, _packages(lacking)))
    print(f"bpflab: installing {', '.join(tool.name for tool in lacking)}", flush=True)
    environment = os.environ | {"DEBIAN_FRONTEND": "noninteractive"}
    # Without an index apt knows no package, so which of the alternatives exist is asked after it.
    subprocess.run(["apt-get", "-qq", "update"], env=environment, check=False)
    command = ["apt-get", "-qq", "install", "-y", "--no-install-recommends", *_packages(lacking)]
    done = subprocess.run(command, env=environment, check=False, stdout=subprocess.DEVNULL)
    lacking = missing()
    if lacking:
        said = f" (apt-get ended with {done.returncode})" if done.returncode else ""
        raise MissingToolsError(_advice(lacking, _packages(lacking)) + said)


def _packages(tools: Iterable[Tool]) -> list[str]:
    """One package for each tool: the first of its alternatives that the system can install."""
    return list(dict.fromkeys(_installable(tool.packages) for tool in tools))


def _installable(packages: tuple[str, ...]) -> str:
    if len(packages) == 1 or not shutil.which("apt-cache"):
        return packages[-1]
    for package in packages:
        shown = subprocess.run(["apt-cache", "policy", package], capture_output=True, text=True, check=False)
        if "Candidate:" in shown.stdout and "Candidate: (none)" not in shown.stdout:
            return package
    return packages[-1]


def _advice(tools: list[Tool], packages: list[str]) -> str:
    lacking = ", ".join(f"{tool.name} ({tool.why})" for tool in tools)
    sudo = "" if os.geteuid() == 0 else "sudo "
    command = f"{sudo}apt-get install --no-install-recommends {' '.join(packages)}"
    return f"this machine lacks {lacking}. Install it with:\n  {command}"


def main() -> int:
    """Install what is missing; the exit code is 0, or 69 with the command to run printed."""
    try:
        install_missing()
    except MissingToolsError as error:
        print(f"bpflab: {error}", file=sys.stderr)
        return EXIT_INFRASTRUCTURE
    return 0


if __name__ == "__main__":
    sys.exit(main())
