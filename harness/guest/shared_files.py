"""How the host's files get into a virtme-ng guest: virtiofs or 9p, chosen openly.

virtme-ng prefers virtiofs and falls back to 9p without a word. Kernels for clouds
have no 9p, and panic then. So the choice is made here, from what the kernel and
this machine can do, and virtme-ng is told.
"""

from __future__ import annotations

import os
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

from ...kernels.errors import ImageError
from ...kernels.image import config
from ...kernels.kernel import Kernel
from .engine import GuestSetupError

OLDEST_VIRTIOFSD = (1, 7)
"""The oldest virtiofsd that virtme-ng can use. The one written in C, of QEMU before 8, is another program."""

_NEEDED = {
    "virtiofs": ("CONFIG_VIRTIO_FS", "CONFIG_FUSE_FS"),
    "9p": ("CONFIG_NET_9P", "CONFIG_NET_9P_VIRTIO", "CONFIG_9P_FS"),
}
_PLACES = (
    "/usr/libexec/virtiofsd",
    "/usr/lib/virtiofsd/virtiofsd",
    "/usr/lib/virtiofsd",
    "/usr/lib/qemu/virtiofsd",
)

_CACHED = "/run/bpflab-root"
CACHED_SHARE = (
    "-q=-fsdev",
    "-q=local,id=bpflab,path=/,security_model=none,readonly=on,multidevs=remap",
    "-q=-device",
    "-q=virtio-9p-pci,fsdev=bpflab,mount_tag=bpflab",
)
"""Arguments for virtme-ng that share the root a second time, for `cached_mount`."""


def find_virtiofsd() -> Path | None:
    """A virtiofsd that virtme-ng can use, where virtme-ng looks for one; else None."""
    on_path = shutil.which("virtiofsd")
    places = (*([on_path] if on_path else []), *_PLACES)
    return next((Path(place) for place in places if _is_usable(Path(place))), None)


def choose(kernel: Kernel, virtiofsd: Path | None) -> str:
    """'virtiofs' or '9p'. Raises `GuestSetupError` if kernel and machine have neither in common."""
    able = [kind for kind in _NEEDED if _kernel_has(kernel, kind)]
    if "virtiofs" in able and virtiofsd:
        return "virtiofs"
    if "9p" in able:
        return "9p"
    oldest = ".".join(map(str, OLDEST_VIRTIOFSD))
    if not able:
        why = "its modules are not at hand" if kernel.modules is None else "it was built without both"
        raise GuestSetupError(
            f"virtme-ng cannot share files with {kernel.release}, neither by 9p nor by virtiofs: {why}. "
            "Use the engine 'snapshot' (--guest snapshot)"
        )
    raise GuestSetupError(
        f"{kernel.release} has no 9p, and this machine no virtiofsd {oldest} or newer to share files by. "
        "Install virtiofsd (Debian 13 and Ubuntu 24.04 package it), take the flavour 'generic', "
        "or use the engine 'snapshot' (--guest snapshot)"
    )


def cached_mount() -> list[str]:
    """Shell lines that put Python's directories, cached, over themselves.

    virtme-ng mounts 9p without a cache: looking up one path asks the host once for
    every directory in it, a millisecond each, and an import looks up a dozen. Jobs
    spent half a minute importing. What is cached here does not change meanwhile.
    """
    options = "ro,trans=virtio,version=9p2000.L,msize=512000,cache=loose"
    binds = [
        f"mount --bind {shlex.quote(_CACHED + str(path))} {shlex.quote(str(path))}"
        for path in python_directories()
    ]
    return [f"mkdir {_CACHED}", f"mount -t 9p -o {options} bpflab {_CACHED}", *binds]


def python_directories() -> list[Path]:
    """Where the running Python and bpflab lie."""
    package = Path(__file__).resolve().parents[2]
    return sorted({Path(sys.prefix), Path(sys.base_prefix), package})


def parse_version(text: str) -> tuple[int, int] | None:
    """The version that ``virtiofsd --version`` prints; None for the C program of old QEMU."""
    found = re.match(r"virtiofsd(?: backend)? (\d+)\.(\d+)", text)
    return (int(found[1]), int(found[2])) if found else None


def _is_usable(path: Path) -> bool:
    if not (path.is_file() and os.access(path, os.X_OK)):
        return False
    try:
        shown = subprocess.run(
            [path, "--version"],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
            timeout=10,
        )
    except (OSError, subprocess.TimeoutExpired):
        return False
    version = parse_version(shown.stdout)
    return shown.returncode == 0 and version is not None and version >= OLDEST_VIRTIOFSD


def _kernel_has(kernel: Kernel, kind: str) -> bool:
    settings = _settings(kernel)
    if settings is None:
        # Nothing says what the kernel has: it is taken to be a usual one.
        return kernel.modules is not None or kind == "9p"
    usable = ("y", "m") if kernel.modules is not None else ("y",)
    return all(settings.get(name) in usable for name in _NEEDED[kind])


def _settings(kernel: Kernel) -> Mapping[str, str] | None:
    try:
        return config(kernel)
    except ImageError:
        return None
