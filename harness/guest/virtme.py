"""Guests made by virtme-ng: the host's root file system, shared read-only, under another kernel."""

from __future__ import annotations

import os
import re
import shlex
import shutil
import sys
import sysconfig
import tempfile
import threading
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

from ...kernels.kernel import Kernel
from ..tools import TOOLS, MissingToolsError, require
from .accelerator import accelerator
from .agent import Order, encode_files
from .console import Console
from .engine import MODULES, End, EndKind, GuestSetupError, Job, Limits
from .kernel_arguments import DIE_LOUDLY, MEASURE_QUIETLY
from .modules import write_modules
from .privilege import Account, can_run_bpflab, unprivileged
from .process import GuestProcess
from .shared_files import CACHED_SHARE, cached_mount, choose, find_virtiofsd, python_directories
from .stream import new_token
from .supervise import Descriptor, GrowingFile, Supervisor, Watched

_TOOLS = ("qemu", "busybox", "kmod", "udev", "file")
_MASKED = tuple(map(Path, ("/run", "/dev", "/var/log", "/var/tmp", "/var/cache", "/var/lib/private")))
"""Directories that virtme-ng's init covers with empty ones."""
_SAFE_PATH = re.compile(r"[a-zA-Z0-9_+ /.-]+")
"""What virtme-ng takes as a path to share."""


class VirtmeEngine:
    """Boots each job's guest with virtme-ng; what a guest writes outside its job's directory is lost."""

    name = "virtme-ng"

    def __init__(self) -> None:
        self._stopped = threading.Event()

    def stop(self) -> None:
        """See `Engine.stop`."""
        self._stopped.set()

    def run(self, kernel: Kernel, job: Job, limits: Limits, on_line: Callable[[str], None]) -> End:
        """See `Engine.run`."""
        if kernel.image is None:
            raise GuestSetupError("the host's kernel runs already: use the engine 'host' for it")
        virtme = _virtme_run()
        with tempfile.TemporaryDirectory(prefix="bpflab-") as directory:
            guest = _Guest(Path(directory), virtme, kernel, kernel.image, job)
            return guest.run(limits, on_line, self._stopped)


@dataclass
class _Guest:
    """One guest: `directory` is its own, and holds everything that it and virtme-ng write."""

    directory: Path
    virtme: Path
    kernel: Kernel
    image: Path
    job: Job

    def run(self, limits: Limits, on_line: Callable[[str], None], stopped: threading.Event) -> End:
        if not _SAFE_PATH.fullmatch(str(self.directory)):
            raise GuestSetupError(f"virtme-ng cannot share {self.directory}: set TMPDIR to a plainer path")
        backend = accelerator(self.kernel)
        account, notes = self._account(backend.name)
        virtiofsd = find_virtiofsd()
        sharing = choose(self.kernel, virtiofsd)
        order = self._write(account, sharing)
        command = self._command(sharing, backend.name)
        console = Console()
        reading, writing = os.pipe()
        try:
            if account:
                # virtme-ng opens its own standard output once more, by name.
                os.fchown(writing, account.user, account.group)
            with GuestProcess(
                command, writing, account, environment=self._environment(virtiofsd), directory=self.directory
            ) as process:
                watched = Supervisor(
                    process=process,
                    stream=GrowingFile(self._shared / "stream"),
                    console_feed=Descriptor(reading),
                    console=console,
                    token=order.token,
                    limits=limits,
                    stopped=stopped,
                    on_line=on_line,
                ).watch()
        finally:
            os.close(reading)
            os.close(writing)
        _check_started(watched, console, command, sharing)
        notes += (f"files shared by {sharing}", backend.why)
        return watched.end(command, console, backend.name, notes)

    @property
    def _shared(self) -> Path:
        """The directory that the guest may write to."""
        return self.directory / "job"

    def _account(self, backend: str) -> tuple[Account | None, tuple[str, ...]]:
        account = unprivileged(backend)
        if account is None:
            return None, ()
        if can_run_bpflab(account, (self.image, *self._needed())):
            return account, (f"QEMU runs as {account.name}",)
        return None, (f"QEMU runs as root: {account.name} cannot read this Python, bpflab or the kernel",)

    def _needed(self) -> tuple[Path, ...]:
        modules = (self.kernel.modules,) if self.kernel.modules else ()
        return (*modules, *self.job.payload)

    def _write(self, account: Account | None, sharing: str) -> Order:
        shared = self._shared
        order = Order(
            engine=VirtmeEngine.name,
            directory=str(shared / "files"),
            stream=str(shared / "stream"),
            token=new_token(),
            module=self.job.module,
            args=self.job.args,
            files=encode_files(self.job.files),
            modules=str(shared / "modules"),
            config=str(shared / "config") if self.kernel.config else "",
        )
        agent = [sys.executable, "-m", "bpflab.harness.guest.agent", "run", str(shared / "order")]
        shared.mkdir()
        (shared / "modules").mkdir()
        write_modules(self.kernel.modules, MODULES, shared / "modules")
        if self.kernel.config:
            shutil.copyfile(self.kernel.config, shared / "config")
        (shared / "order").write_bytes(order.encode())
        (shared / "stream").touch()
        script = [
            *(cached_mount() if sharing == "9p" else ()),
            f"cd /tmp && exec {shlex.join(agent)} >/dev/console 2>&1",
        ]
        # In a file, because the kernel's command line ends at 2048 bytes.
        (shared / "run").write_text("\n".join(script) + "\n")
        if account:
            for path in (self.directory, shared, *shared.iterdir()):
                os.chown(path, account.user, account.group)
        return order

    def _command(self, sharing: str, backend: str) -> list[str]:
        command = [str(self.virtme), "--kimg", str(self.image), "--mods", "auto"]
        command += ["--memory", "1G", "--cpus", "1"]
        command += ["--disable-kvm"] if backend == "tcg" else []
        command += ["--force-9p", *CACHED_SHARE] if sharing == "9p" else []
        command += ["--show-boot-console", "--show-command"]
        for argument in (*DIE_LOUDLY, *MEASURE_QUIETLY, "loglevel=5"):
            command += ["-a", argument]
        # Covered by an overlay, /tmp shows what the host has there and takes what jobs write.
        command += ["--overlay-rwdir", "/tmp"]
        for path in hidden_directories(self._needed()):
            command += ["--rodir", str(path)]
        command += ["--rwdir", str(self._shared)]
        return [*command, "--script-sh", f"sh {shlex.quote(str(self._shared / 'run'))}"]

    def _environment(self, virtiofsd: Path | None) -> dict[str, str]:
        first = [str(virtiofsd.parent)] if virtiofsd else []
        path = [*first, os.environ.get("PATH", os.defpath), "/usr/sbin", "/sbin"]
        return {"PATH": ":".join(path), "HOME": str(self.directory), "TMPDIR": str(self.directory)}


def hidden_directories(paths: Iterable[Path]) -> list[Path]:
    """The directories to share by themselves so that a guest sees these paths and the running Python."""
    places = [path.absolute() for path in (*python_directories(), *paths)]
    hidden = {place if place.is_dir() else place.parent for place in places if _is_masked(place)}
    return sorted(place for place in hidden if not any(other in place.parents for other in hidden))


def _is_masked(path: Path) -> bool:
    return any(path.is_relative_to(masked) for masked in _MASKED)


def _virtme_run() -> Path:
    """virtme-run of this Python; raises `GuestSetupError` if it or a tool that it needs is missing."""
    try:
        require(tool for tool in TOOLS if tool.name in _TOOLS)
    except MissingToolsError as error:
        raise GuestSetupError(str(error)) from error
    program = Path(sysconfig.get_path("scripts")) / "virtme-run"
    if not program.exists():
        raise GuestSetupError(
            f"there is no {program}. Install virtme-ng for this Python:\n"
            f"  {sys.executable} -m pip install virtme-ng"
        )
    return program


def _check_started(watched: Watched, console: Console, command: list[str], sharing: str) -> None:
    """Raise `GuestSetupError` if virtme-ng never started a kernel, or not the way it was told to."""
    text = console.text
    if sharing == "virtiofs" and "-kernel " in text and "vhost-user-fs" not in text:
        raise GuestSetupError("virtiofsd did not start, and virtme-ng went on with 9p. Try virtiofsd by hand")
    ended_itself = watched.process_exit is not None and watched.process_exit >= 0
    if watched.kind is EndKind.LOST and ended_itself and "Linux version " not in text:
        said = text.strip()[-2000:] or "nothing"
        how = f"Its command:\n  {shlex.join(command)}"
        raise GuestSetupError(f"virtme-ng started no guest. It said:\n{said}\n{how}")
