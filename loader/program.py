"""A live program: test runs, what the kernel says of it, pinning."""

from __future__ import annotations

import os
from pathlib import Path
from struct import Struct
from typing import TYPE_CHECKING, NamedTuple, Self

from . import syscall
from .enums import AttachType, ProgType
from .native import native
from .program_attach import Attachable

if TYPE_CHECKING:
    from .spec import ProgramSpec

# struct bpf_prog_info: type, id, tag, jited and xlated length, their buffers, load time (ns), uid,
# number of maps, their ids' buffer, name
_INFO = Struct("=II8sIIQQQIIQ16s")
_GROWTH = 512
"""Room for packet data that a program makes longer (XDP has 256 bytes of headroom)."""


class ProgramInfo(NamedTuple):
    """What the kernel says about a program: sizes in bytes, the tag as 16 hex digits."""

    id: int
    type: ProgType
    name: str
    tag: str
    jited_size: int
    xlated_size: int


class RunResult(NamedTuple):
    """The outcome of a test run; the duration is the mean of the repetitions."""

    retval: int
    data_out: bytes
    duration_ns: int


class Program(Attachable):
    """A program of the kernel. Owns its file descriptor; links keep the program without it."""

    def __init__(self, fd: int, name: str, type: ProgType | int) -> None:
        """Take over `fd`."""
        self.fd = fd
        self.name = name
        self.type = ProgType(type)
        self.section = ""
        """Its SEC() name; empty if no object of ours had it."""
        self.attach_type: AttachType | int = 0
        self.attach_to: str = ""
        self.attach_kind: str = ""
        """The kind of attachment that the SEC() name says; see `ProgramSpec`."""
        self.autoattach = True
        self.insns = b""
        """What was given to the kernel; `xlated` is what became of it."""
        self.log = ""
        """The verifier's, if it was asked for."""
        self._pin: Path | None = None

    @classmethod
    def from_spec(cls, fd: int, spec: ProgramSpec, insns: bytes, log: str = "") -> Program:
        """Take over `fd`, a program loaded from `spec`."""
        made = cls(fd, spec.name, spec.type)
        made.section, made.attach_type, made.attach_to = spec.section, spec.attach_type, spec.attach_to
        made.attach_kind, made.autoattach = spec.attach_kind, spec.autoattach
        made.insns, made.log = insns, log
        return made

    @classmethod
    def from_fd(cls, fd: int) -> Program:
        """Take over `fd`, a program that anyone loaded (4.13). Raises KernelError, and closes it then."""
        try:
            info = bytearray(_INFO.size)
            syscall.obj_info(fd, info)
            type, *_, name = _INFO.unpack(info)
        except BaseException:
            os.close(fd)
            raise
        return cls(fd, name.rstrip(b"\0").decode(), type)

    @classmethod
    def from_id(cls, number: int) -> Program:
        """Open a program of the system by its ID (4.13). Raises KernelError."""
        from .descriptor import open_id

        return cls.from_fd(open_id(number, "program"))

    @classmethod
    def from_pin(cls, path: str | Path) -> Program:
        """Open a pinned program; `unpin` removes the pin. Raises KernelError."""
        from .descriptor import open_pin

        program = cls.from_fd(open_pin(str(path), "program"))
        program._pin = Path(path)
        return program

    def info(self) -> ProgramInfo:
        """Ask the kernel. Raises KernelError."""
        info = bytearray(_INFO.size)
        syscall.obj_info(self.fd, info)
        type, id, tag, jited, xlated, *_, name = _INFO.unpack(info)
        return ProgramInfo(id, ProgType(type), name.rstrip(b"\0").decode(), tag.hex(), jited, xlated)

    def xlated(self) -> bytes:
        """The instructions as the verifier rewrote them. Raises KernelError."""
        insns = bytearray(self.info().xlated_size)
        info = bytearray(_INFO.pack(0, 0, b"", 0, len(insns), 0, native.address(insns), 0, 0, 0, 0, b""))
        syscall.obj_info(self.fd, info)
        return bytes(insns)

    def test_run(self, data: bytes | None = None, *, ctx: bytes | None = None, repeat: int = 0) -> RunResult:
        """Run it `repeat` times (0: once) on packet data or a context (BPF_PROG_TEST_RUN, 4.12).

        Programs of the network want at least 14 bytes of data. Raises KernelError.
        """
        room = len(data) + _GROWTH if data is not None else 0
        return RunResult(*syscall.prog_test_run(self.fd, self.name, data, ctx, repeat, room))

    def pin(self, path: str | Path) -> None:
        """Pin to a path on a bpffs: the program outlives this process. Raises KernelError."""
        syscall.obj_pin(self.fd, str(path), f"program '{self.name}'")
        self._pin = Path(path)

    def unpin(self) -> None:
        """Remove the pin that `pin` made, if any."""
        if self._pin is not None:
            self._pin.unlink(missing_ok=True)
            self._pin = None

    def close(self) -> None:
        """Give up the file descriptor; a pin or a link may keep the program."""
        if self.fd >= 0:
            os.close(self.fd)
            self.fd = -1

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"<Program '{self.name}' {self.type.name} {len(self.insns) // 8} instructions>"
