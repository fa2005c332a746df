"""A running QEMU: a process, its console, its stream, a way in for orders, and a monitor."""

from __future__ import annotations

import os
import socket
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

from . import qemu
from .accelerator import Accelerator
from .agent import ACKNOWLEDGED, CHUNK
from .privilege import Account, unprivileged
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
    count_instructions: bool = False

    def parts(self, kernel: str, initramfs: str) -> list[qemu.Part]:
        """The machine and what it boots, with these names for the two files."""
        return [
            qemu.Machine(self.accelerator.name, self.memory_mib),
            qemu.LinuxKernel(kernel, initramfs, self.kernel_arguments),
            *([qemu.InstructionClock()] if self.count_instructions else []),
        ]

    def by_hand(self) -> list[str]:
        """A command that boots it from the start, with the console on the terminal."""
        files = self.parts(str(self.kernel), str(self.initramfs))
        return qemu.command(self.program, [*files, qemu.SerialConsole()])


class QemuGuest:
    """QEMU in a ``with`` block, which ends it. It runs without privileges if we have any.

    Kernel and initramfs come in as open files, so that the cache may lie where only
    we can read. `console` and `stream` are descriptors to read from; the console also
    gets what QEMU itself says.
    """

    def __init__(self, machine: GuestMachine, incoming: bool) -> None:
        account = unprivileged(machine.accelerator.name)
        with ExitStack() as ours, ExitStack() as theirs:
            self.console, console = _pipe(ours, theirs, account)
            self.stream, stream = _pipe(ours, theirs, account)
            self._orders, orders = _connection(ours, theirs)
            self._monitor, monitor = _connection(ours, theirs)
            kernel = theirs.enter_context(machine.kernel.open("rb")).fileno()
            initramfs = theirs.enter_context(machine.initramfs.open("rb")).fileno()
            parts: list[qemu.Part] = [
                *machine.parts(f"/proc/self/fd/{kernel}", f"/proc/self/fd/{initramfs}"),
                qemu.SerialOutput("console", console),
                qemu.SerialOutput("stream", stream),
                qemu.SerialPort("orders", orders),
                qemu.Monitor(monitor),
                *([qemu.Incoming()] if incoming else []),
            ]
            self.process = GuestProcess(
                qemu.command(machine.program, parts),
                console,
                account,
                fds=(console, stream, orders, monitor, kernel, initramfs),
                directory=Path("/"),
            )
            self._resources = ours.pop_all()

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
        self._orders.settimeout(timeout_s)
        self._send_part(b"%d\n" % len(data))
        for start in range(0, len(data), CHUNK):
            self._send_part(data[start : start + CHUNK])

    def _send_part(self, part: bytes) -> None:
        self._orders.sendall(part)
        if self._orders.recv(1) != ACKNOWLEDGED:
            raise ConnectionError("the agent in the guest did not acknowledge its order")


def _connection(ours: ExitStack, theirs: ExitStack) -> tuple[socket.socket, int]:
    """Our end of a connection, and the descriptor of the end that QEMU inherits."""
    here, there = socket.socketpair()
    ours.enter_context(here)
    theirs.enter_context(there)
    return here, there.fileno()


def _pipe(ours: ExitStack, theirs: ExitStack, account: Account | None) -> tuple[int, int]:
    """The descriptors of a pipe's two ends; QEMU opens its end once more, by name."""
    reading, writing = os.pipe()
    ours.callback(os.close, reading)
    theirs.callback(os.close, writing)
    if account:
        os.fchown(writing, account.user, account.group)
    return reading, writing
