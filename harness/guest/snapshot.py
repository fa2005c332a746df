"""Guests that QEMU boots once for each kernel, and that start every job from the moment they were ready.

A first guest boots an initramfs of our own, imports what the job will import, and
waits; its state is saved. Every job starts from there, in a fraction of a second,
and every time in the same state. Nothing is shared with the host but the kernel,
the initramfs and three serial ports.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from functools import cached_property
from pathlib import Path

from ...kernels.cache import built_once, cache_dir
from ...kernels.image import digest
from ...kernels.kernel import Kernel
from . import agent
from .accelerator import accelerator
from .agent import Order, encode_files
from .console import Console
from .engine import End, EndKind, GuestSetupError, Job, Limits
from .initramfs import Image
from .machine import boot_machine, check_started, end_of, require_qemu
from .python_base import python_files
from .qemu_guest import GuestMachine, QemuGuest
from .qmp import QmpError
from .stream import new_token
from .supervise import Descriptor, Supervisor

_DIRECTORY = "/tmp/bpflab-job"
_KEPT_PER_KERNEL = 2
"""Snapshots to keep of one kernel, the last used ones: one is about 300 MB."""


class SnapshotEngine:
    """Starts each job from a snapshot, which it makes first if there is none.

    A snapshot belongs to a kernel, a payload, a job's module and this bpflab. If the
    first guest does not come up, that is how the job ends: in the phase 'boot'.
    """

    name = "snapshot"

    def __init__(self) -> None:
        self._stopped = threading.Event()

    def stop(self) -> None:
        """See `Engine.stop`."""
        self._stopped.set()

    def run(self, kernel: Kernel, job: Job, limits: Limits, on_line: Callable[[str], None]) -> End:
        """See `Engine.run`."""
        if kernel.image is None:
            raise GuestSetupError("the host's kernel runs already: use the engine 'host' for it")
        require_qemu()
        image = Image(self._python, kernel, job.payload)
        machine = boot_machine(kernel, image, f"serve pytest {job.module}", accelerator(kernel))
        place = cache_dir() / "snapshots" / f"{kernel.release}-{_key(kernel, machine, image)}"
        machine = replace(machine, initramfs=place / "initramfs")
        with built_once(place) as work:
            if work is not None:
                _forget_old(place.parent, kernel.release)
                image.write(work / "initramfs")
        saved = place / "saved"
        try:
            with built_once(saved) as work:
                if work is not None:
                    self._save(machine, work / "state", limits)
        except _NoSnapshotError as error:
            return error.end
        os.utime(place)
        return self._job(machine, saved / "state", job, limits, on_line)

    @cached_property
    def _python(self) -> list[Path]:
        return python_files()

    def _save(self, machine: GuestMachine, state: Path, limits: Limits) -> None:
        """Boot a guest and save it when it is ready. Raises `_NoSnapshotError` if it does not get there."""
        console = Console()
        with QemuGuest(machine, incoming=False) as guest:
            watched = self._supervisor(guest, console, agent.READY, limits, lambda line: None).watch()
            if watched.kind is not EndKind.FINISHED:
                check_started(watched, console, machine)
                raise _NoSnapshotError(end_of(watched, console, machine))
            try:
                with state.open("wb") as file:
                    guest.monitor().save(file.fileno())
            except QmpError as error:
                raise GuestSetupError(f"QEMU could not save the guest's state: {error}") from error

    def _job(
        self, machine: GuestMachine, state: Path, job: Job, limits: Limits, on_line: Callable[[str], None]
    ) -> End:
        order = Order(
            engine=self.name,
            directory=_DIRECTORY,
            stream=str(agent.STREAM_PORT),
            token=new_token(),
            module=job.module,
            args=job.args,
            files=encode_files(job.files),
            now=time.time(),
        )
        console = Console()
        with QemuGuest(machine, incoming=True) as guest:
            supervisor = self._supervisor(guest, console, order.token, limits, on_line)
            try:
                with state.open("rb") as file:
                    guest.monitor().restore(file.fileno())
            except QmpError as error:
                if guest.process.exit_code is None:
                    shutil.rmtree(state.parent)
                    raise GuestSetupError(
                        f"QEMU could not restore a guest ({error}); the snapshot is removed: try again"
                    ) from error
            else:
                # Whatever is wrong with a guest that does not take its order, watching it will tell.
                with suppress(OSError):
                    guest.send(order.encode(), limits.boot.wall_s)
            return end_of(supervisor.watch(), console, machine)

    def _supervisor(
        self,
        guest: QemuGuest,
        console: Console,
        token: str,
        limits: Limits,
        on_line: Callable[[str], None],
    ) -> Supervisor:
        return Supervisor(
            process=guest.process,
            stream=Descriptor(guest.stream),
            console_feed=Descriptor(guest.console),
            console=console,
            token=token,
            limits=limits,
            stopped=self._stopped,
            on_line=on_line,
        )


class _NoSnapshotError(Exception):
    """The first guest ended before it was ready."""

    def __init__(self, end: End) -> None:
        super().__init__(end.reason)
        self.end = end


def _key(kernel: Kernel, machine: GuestMachine, image: Image) -> str:
    """Names what a state can be restored with: the same QEMU, arguments and files, and nothing else."""
    program = Path(machine.program).stat()
    parts = (digest(kernel), image.fingerprint, program.st_size, program.st_mtime_ns, machine.by_hand())
    return hashlib.sha256(repr(parts).encode()).hexdigest()[:16]


def _forget_old(snapshots: Path, release: str) -> None:
    """Make room for one more. A guest that is being restored keeps its open file."""
    places = [path for path in snapshots.glob(f"{release}-*") if path.is_dir()]
    places.sort(key=lambda path: path.stat().st_mtime, reverse=True)
    for place in places[_KEPT_PER_KERNEL - 1 :]:
        shutil.rmtree(place, ignore_errors=True)
