"""Guests in which every instruction is counted, and that do the same every time.

QEMU's -icount makes the guest's clocks count its instructions. A guest is booted from the
start with its order in its initramfs, and nothing from outside reaches it: two boots give the
same bytes, whatever else the host is doing. Measured in such a guest, a nanosecond is an
instruction, the kernel's included. It is blind to caches, and takes twice the CPU time.
"""

from __future__ import annotations

import hashlib
import shutil
import tempfile
import threading
from collections.abc import Callable
from dataclasses import replace
from functools import cached_property
from pathlib import Path

from ...kernels.cache import built_once, cache_dir
from ...kernels.cpio import file, write_cpio
from ...kernels.kernel import Kernel
from .accelerator import Accelerator
from .agent import Order, encode_files
from .console import Console
from .engine import End, GuestSetupError, Job, Limits
from .initramfs import Image
from .machine import boot_machine, check_started, end_of, require_qemu
from .python_base import python_files
from .qemu_guest import QemuGuest
from .supervise import Descriptor, Supervisor

_DIRECTORY = "/tmp/bpflab-job"
_ORDER = Path("/bpflab-order")
_WHY = Accelerator("tcg", "TCG, as only that counts instructions")

_SAME_EVERY_TIME = "PYTHONHASHSEED"
"""Otherwise Python draws the order of its sets and the collisions in its dictionaries by lot.

The guest's random numbers are the same in every boot, but not with another kernel or initramfs.
"""


class IcountEngine:
    """Boots each guest from the start, with the job in its initramfs."""

    name = "icount"

    def __init__(self) -> None:
        self._stopped = threading.Event()

    def stop(self) -> None:
        """See `Engine.stop`."""
        self._stopped.set()

    def run(self, kernel: Kernel, job: Job, limits: Limits, on_line: Callable[[str], None]) -> End:
        """See `Engine.run`."""
        if kernel.image is None:
            raise GuestSetupError("no instructions can be counted on the host's own kernel")
        require_qemu()
        image = Image(self._python, kernel, job.payload)
        machine = boot_machine(
            kernel, image, f"obey {_ORDER}", _WHY, f"{_SAME_EVERY_TIME}=0", count_instructions=True
        )
        order = self._order(job)
        with tempfile.TemporaryDirectory(prefix="bpflab-", dir=cache_dir()) as directory:
            machine = replace(machine, initramfs=Path(directory) / "initramfs")
            _write(image, kernel, order, machine.initramfs)
            console = Console()
            with QemuGuest(machine, incoming=False) as guest:
                watched = Supervisor(
                    process=guest.process,
                    stream=Descriptor(guest.stream),
                    console_feed=Descriptor(guest.console),
                    console=console,
                    token=order.token,
                    limits=limits,
                    stopped=self._stopped,
                    on_line=on_line,
                ).watch()
            check_started(watched, console, machine)
            return end_of(watched, console, machine)

    @cached_property
    def _python(self) -> list[Path]:
        return python_files()

    def _order(self, job: Job) -> Order:
        """The same for the same job: its token, too, is part of what the guest reads."""
        digest = hashlib.sha256(repr((job.module, job.args, sorted(job.files.items()))).encode())
        return Order(
            engine=self.name,
            directory=_DIRECTORY,
            stream="/dev/ttyS1",
            token=f"exit-{digest.hexdigest()[:16]}",
            module=job.module,
            args=job.args,
            files=encode_files(job.files),
            environment={_SAME_EVERY_TIME: "0"},
        )


def _write(image: Image, kernel: Kernel, order: Order, destination: Path) -> None:
    """The image, of which only the last one of each kernel is kept, and the order behind it."""
    images = cache_dir() / "icount"
    place = images / f"{kernel.release}-{image.fingerprint}"
    with built_once(place) as work:
        if work is not None:
            for old in images.glob(f"{kernel.release}-*"):
                shutil.rmtree(old, ignore_errors=True)
            image.write(work / "initramfs")
    shutil.copyfile(place / "initramfs", destination)
    with destination.open("ab") as out:
        write_cpio(out, [file(str(_ORDER), order.encode())])
