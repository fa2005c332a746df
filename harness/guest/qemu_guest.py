"""A running QEMU: a process, two serial ports and a monitor, all by socket pairs."""

from __future__ import annotations

import socket
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

from . import qemu
from .accelerator import Accelerator
from .agent import ACKNOWLEDGED, CHUNK
from .privilege import unprivileged
from .process import GuestProcess
from .qmp import Qmp


@dataclass(frozen=True)
class GuestMachine:
    """Everything that a saved state depends on, but for the files' content."""

    program: str
    accelerator: Accelerator
    memory_mib: int
    kernel: Path
    initramfs: Path
    kernel_arguments: str

    def parts(self, kernel: str, initramfs: str) -> list[qemu.Part]:
        """The machine and what it boots, with these names for the two files."""
        return [
            qemu.Machine(self.accelerator.name, self.memory_mib),
            qemu.LinuxKernel(kernel, initramfs, self.kernel_arguments),
        ]

    def by_hand(self) -> list[str]:
        """A command that boots it from the start, with the console on the terminal."""
        files = self.parts(str(self.kernel), str(self.initramfs))
        return qemu.command(self.program, [*files, qemu.SerialConsole()])


class QemuGuest:
    """QEMU in a ``with`` block, which ends it. It runs without privileges if we have any.

    Kernel and initramfs come in as open files, so that the cache may lie where only
    we can read. `console` also gets what QEMU itself says.
    """

    def __init__(self, machine: GuestMachine, incoming: bool) -> None:
        with ExitStack() as on_error, ExitStack() as theirs:
            self.console, console = _pair(on_error, theirs)
            self.stream, stream = _pair(on_error, theirs)
            monitor, qmp = _pair(on_error, theirs)
            kernel = theirs.enter_context(machine.kernel.open("rb")).fileno()
            initramfs = theirs.enter_context(machine.initramfs.open("rb")).fileno()
            parts: list[qemu.Part] = [
                *machine.parts(f"/proc/self/fd/{kernel}", f"/proc/self/fd/{initramfs}"),
                qemu.SerialPort("console", console),
                qemu.SerialPort("stream", stream),
                qemu.Monitor(qmp),
                *([qemu.Incoming()] if incoming else []),
            ]
            self.process = GuestProcess(
                qemu.command(machine.program, parts),
                console,
                unprivileged(machine.accelerator.name),
                fds=(console, stream, qmp, kernel, initramfs),
                directory=Path("/"),
            )
            self._monitor = monitor
            self._resources = on_error.pop_all()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with self._resources:
            self.process.kill()

    def monitor(self) -> Qmp:
        """Open the monitor, once. Raises `QmpError`."""
        return Qmp(self._monitor)

    def send(self, data: bytes, timeout_s: float) -> None:
        """Send an order to the waiting agent. Raises OSError if it does not take it."""
        self.stream.settimeout(timeout_s)
        self._send_part(b"%d\n" % len(data))
        for start in range(0, len(data), CHUNK):
            self._send_part(data[start : start + CHUNK])

    def _send_part(self, part: bytes) -> None:
        self.stream.sendall(part)
        if self.stream.recv(1) != ACKNOWLEDGED:
            raise ConnectionError("the agent in the guest did not acknowledge its order")


def _pair(ours: ExitStack, theirs: ExitStack) -> tuple[socket.socket, int]:
    """Our end of a connection, and the descriptor of the end that QEMU inherits."""
    here, there = socket.socketpair()
    ours.enter_context(here)
    theirs.enter_context(there)
    return here, there.fileno()
