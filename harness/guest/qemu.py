"""QEMU's command line, as small values that each say their own arguments."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol


class Part(Protocol):
    """A piece of a command line."""

    def arguments(self) -> list[str]:
        """The arguments that it stands for."""
        ...


@dataclass(frozen=True)
class Machine:
    """A PC with one processor and no devices but those asked for. `accelerator` is 'tcg' or 'kvm'."""

    accelerator: str
    memory_mib: int

    def arguments(self) -> list[str]:
        """See `Part`."""
        # Two emulated processors cost more CPU time than they save.
        accel = "tcg,thread=single" if self.accelerator == "tcg" else self.accelerator
        bare = ["-nodefaults", "-no-user-config", "-display", "none", "-no-reboot"]
        return [*bare, "-M", "q35", "-accel", accel, "-cpu", "max", "-smp", "1", "-m", str(self.memory_mib)]


@dataclass(frozen=True)
class LinuxKernel:
    """What is booted: a vmlinux with a PVH entry, an initramfs, and the kernel's arguments."""

    kernel: str
    initramfs: str
    arguments_line: str

    def arguments(self) -> list[str]:
        """See `Part`."""
        return ["-kernel", self.kernel, "-initrd", self.initramfs, "-append", self.arguments_line]


@dataclass(frozen=True)
class SerialPort:
    """A 16550 whose other end is the connected socket `fd`. The first one is ttyS0."""

    name: str
    fd: int

    def arguments(self) -> list[str]:
        """See `Part`."""
        return ["-chardev", f"socket,id={self.name},fd={self.fd}", "-serial", f"chardev:{self.name}"]


@dataclass(frozen=True)
class SerialOutput:
    """A 16550 that only speaks, into the pipe `fd`.

    A pipe, because QEMU writes single bytes, and a socket takes only a few hundred of
    them until they are read: that is slow, and a panicking kernel does not wait at all.
    """

    name: str
    fd: int

    def arguments(self) -> list[str]:
        """See `Part`."""
        path = f"/proc/self/fd/{self.fd}"
        return ["-chardev", f"file,id={self.name},path={path}", "-serial", f"chardev:{self.name}"]


@dataclass(frozen=True)
class SerialConsole:
    """A 16550 on QEMU's own standard input and output, to look at."""

    def arguments(self) -> list[str]:
        """See `Part`."""
        return ["-serial", "stdio"]


@dataclass(frozen=True)
class Monitor:
    """A QMP monitor on the connected socket `fd`."""

    fd: int

    def arguments(self) -> list[str]:
        """See `Part`."""
        return ["-chardev", f"socket,id=qmp,fd={self.fd}", "-mon", "chardev=qmp,mode=control"]


@dataclass(frozen=True)
class InstructionClock:
    """All clocks of the guest count its instructions, one as a nanosecond; nothing in it is random.

    When the guest has nothing to do, time goes on to when it has.
    """

    def arguments(self) -> list[str]:
        """See `Part`."""
        # The time of day is of no consequence but for being the same each time.
        return ["-icount", "shift=0,sleep=off", "-seed", "1", "-rtc", "base=2026-01-01,clock=vm"]


@dataclass(frozen=True)
class Incoming:
    """Start from a saved state, which is given over QMP, instead of from the kernel's entry."""

    def arguments(self) -> list[str]:
        """See `Part`."""
        return ["-incoming", "defer"]


def command(qemu: str, parts: Sequence[Part]) -> list[str]:
    """The whole command."""
    return [qemu, *(argument for part in parts for argument in part.arguments())]
