"""Running the system's programs, with an error that says what to install."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path

from .errors import DiskFullError, KernelsError, MissingProgramError

_REMEDIES = {
    "apt-get": "kernels come as Debian packages and are fetched and checked by apt: install apt and dpkg",
    "busybox": "apt-get install busybox-static",
    "depmod": "apt-get install kmod",
    "dpkg-deb": "apt-get install dpkg",
    "qemu-system-x86_64": "apt-get install qemu-system-x86",
}
_SYSTEM_DIRECTORIES = "/usr/local/sbin:/usr/sbin:/sbin"


def find_program(name: str) -> str:
    """The path of a program; raises `MissingProgramError` naming the Debian package that has it."""
    # Debian keeps depmod in /usr/sbin, which an ordinary user's PATH lacks; an
    # empty PATH is respected, though: nothing is found outside it by accident.
    path = os.environ.get("PATH", os.defpath)
    found = shutil.which(name, path=f"{path}:{_SYSTEM_DIRECTORIES}" if path else "")
    if not found:
        raise MissingProgramError(f"{name} is missing: {_REMEDIES.get(name, f'apt-get install {name}')}")
    return found


def run_program(argv: Sequence[str], failure: type[KernelsError], what: str, cwd: Path | None = None) -> str:
    """Run a program to its end and return its stdout.

    Raises `MissingProgramError`, `DiskFullError` if it ran out of space, else
    `failure` with `what` and the last line that the program said.
    """
    program = find_program(argv[0])
    environment = {**os.environ, "LC_ALL": "C"}
    ended = subprocess.run(
        [program, *argv[1:]], cwd=cwd, env=environment, capture_output=True, text=True, check=False
    )
    if ended.returncode:
        raise explain(ended.stderr, failure, f"{what}: {argv[0]} failed ({ended.returncode})")
    return ended.stdout


def explain(said: str, failure: type[KernelsError], what: str) -> KernelsError:
    """The error for a program that failed and said this on stderr."""
    kind: type[KernelsError] = DiskFullError if "No space left on device" in said else failure
    lines = [line.strip() for line in said.splitlines() if line.strip()]
    errors = [line for line in lines if "No space left" in line or line.startswith("E:")]
    return kind(f"{what}: {(errors or lines or ['it said nothing'])[-1]}")
