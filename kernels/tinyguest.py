"""The smallest guest: a kernel, a static busybox, and one line that says it got there.

Boots what the engines boot later, with nothing of ours in it, to learn whether a
kernel or an accelerator works at all.
"""

from __future__ import annotations

import contextlib
import os
import selectors
import signal
import stat
import subprocess
import time
import zlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from elftools.common.exceptions import ELFError
from elftools.elf.elffile import ELFFile

from . import cpio
from .cache import built_once, cache_dir
from .errors import MissingProgramError
from .image import vmlinux
from .kernel import Kernel
from .programs import find_program

_SENTINEL = b"bpflab-guest-is-up"
_INIT = f"""\
#!/bin/busybox sh
/bin/busybox mount -t sysfs sysfs /sys
test -e /sys/kernel/btf/vmlinux && btf=yes || btf=no
echo {_SENTINEL.decode()} $(/bin/busybox uname -r) $btf
/bin/busybox poweroff -f
""".encode()
_CONSOLE_TAIL = 8192
_NOBODY = 65534
_CLOCK_TICKS = os.sysconf("SC_CLK_TCK")
_ARGUMENTS = "console=ttyS0 panic=-1 mitigations=off cryptomgr.notests norandmaps"


@dataclass(frozen=True)
class Boot:
    """How far a boot got. `release` and `has_btf` are what the guest said, None if it said nothing.

    `why` says how it ended otherwise; `console` is the end of its console (untrusted).
    """

    release: str | None
    has_btf: bool | None
    why: str
    console: str
    seconds: float

    def last_lines(self, count: int) -> str:
        """The end of the console as one line."""
        lines = [line.strip() for line in self.console.splitlines() if line.strip()]
        return " | ".join(lines[-count:]) or "(nothing)"


def boot(kernel: Kernel, accelerator: str, cpu_s: float, wall_s: float) -> Boot:
    """Boot a kernel under 'tcg' or 'kvm' until it says its line or a limit is reached.

    Limits are CPU seconds of QEMU and wall seconds; the wall one should be generous,
    since on a loaded machine 4 CPU seconds of boot take half a minute. Leaves no
    process behind. Raises `MissingProgramError`, `ImageError`.
    """
    started = time.monotonic()
    console = b""
    with _qemu(kernel, accelerator) as process, selectors.DefaultSelector() as selector:
        assert process.stdout is not None
        selector.register(process.stdout, selectors.EVENT_READ)
        why = ""
        while not why:
            if selector.select(timeout=0.2):
                chunk = os.read(process.stdout.fileno(), 1 << 16)
                console = (console + chunk)[-_CONSOLE_TAIL:]
                found = _answer(console)
                if found:
                    seconds = time.monotonic() - started
                    return Boot(found[0], found[1] == "yes", "", _text(console), seconds)
                why = "" if chunk else "the guest ended without having come up"
            # Also after each part of the console: a kernel may tell of its troubles for ever.
            why = why or _over(cpu_seconds(process.pid), cpu_s, time.monotonic() - started, wall_s)
    return Boot(None, None, why, _text(console), time.monotonic() - started)


def _over(cpu: float, cpu_s: float, wall: float, wall_s: float) -> str:
    if cpu > cpu_s:
        return f"not up after {cpu_s:g} s of CPU time"
    return f"not up after {wall_s:g} s" if wall > wall_s else ""


def cpu_seconds(pid: int) -> float:
    """CPU seconds, user and system, of a process with all its threads; 0 once it is gone."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return 0.0
    return (int(fields[11]) + int(fields[12])) / _CLOCK_TICKS


def _answer(console: bytes) -> tuple[str, str] | None:
    for line in console.split(b"\n")[:-1]:
        words = line.split()
        if len(words) == 3 and words[0] == _SENTINEL:
            return words[1].decode(errors="replace"), words[2].decode(errors="replace")
    return None


@contextmanager
def _qemu(kernel: Kernel, accelerator: str) -> Iterator[subprocess.Popen[bytes]]:
    qemu = find_program("qemu-system-x86_64")
    with vmlinux(kernel).open("rb") as image, _initramfs().open("rb") as initramfs:
        process = _start(_command(qemu, accelerator, image, initramfs), accelerator, (image, initramfs))
        try:
            yield process
        finally:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()
            if process.stdout is not None:
                process.stdout.close()


def _command(qemu: str, accelerator: str, image: BinaryIO, initramfs: BinaryIO) -> list[str]:
    machine = ["-nodefaults", "-no-user-config", "-display", "none", "-no-reboot", "-M", "q35"]
    processor = ["-cpu", "max" if accelerator == "tcg" else "host", "-smp", "1", "-m", "512"]
    accel = ["-accel", "tcg,thread=single" if accelerator == "tcg" else accelerator]
    files = ["-kernel", f"/dev/fd/{image.fileno()}", "-initrd", f"/dev/fd/{initramfs.fileno()}"]
    return [qemu, *machine, *processor, *accel, "-serial", "stdio", *files, "-append", _ARGUMENTS]


def _start(command: Sequence[str], accelerator: str, files: Sequence[BinaryIO]) -> subprocess.Popen[bytes]:
    # As nobody if we are root and nobody may read the files; they come in as descriptors,
    # so the cache may lie in root's home. KVM's device belongs to root or a group.
    readable = all(os.fstat(file.fileno()).st_mode & stat.S_IROTH for file in files)
    drops = os.geteuid() == 0 and accelerator == "tcg" and readable
    return subprocess.Popen(
        command,
        cwd="/",
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        start_new_session=True,
        pass_fds=[file.fileno() for file in files],
        user=_NOBODY if drops else None,
        group=_NOBODY if drops else None,
        extra_groups=[] if drops else None,
    )


def _initramfs() -> Path:
    busybox = Path(find_program("busybox"))
    _check_static(busybox)
    destination = cache_dir() / "tinyguest" / f"{busybox.stat().st_mtime_ns:x}-{zlib.crc32(_INIT):08x}"
    with built_once(destination) as work:
        if work is not None:
            with (work / "initramfs").open("wb") as out:
                cpio.write_cpio(out, _entries(busybox))
            (work / "initramfs").chmod(0o644)
    return destination / "initramfs"


def _entries(busybox: Path) -> list[cpio.Entry]:
    return [
        cpio.directory("bin"),
        cpio.directory("dev"),
        cpio.directory("sys"),
        cpio.character_device("dev/console", 5, 1),
        cpio.file_from("bin/busybox", busybox, 0o755),
        cpio.file("init", _INIT, 0o755),
    ]


def _check_static(busybox: Path) -> None:
    try:
        with busybox.open("rb") as file:
            dynamic = any(part.header.p_type == "PT_INTERP" for part in ELFFile(file).iter_segments())
    except ELFError as error:
        raise MissingProgramError(f"{busybox} is not a program: apt-get install busybox-static") from error
    if dynamic:
        raise MissingProgramError(
            f"{busybox} needs shared libraries, which a guest has not: apt-get install busybox-static"
        )


def _text(console: bytes) -> str:
    return console.decode(errors="replace")
