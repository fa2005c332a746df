"""A live program: test runs, what the kernel says of it, pinning."""

from __future__ import annotations

import os

from .. import syscall
from ..enums import AttachType, ProgType
from ..lean import TYPE_CHECKING
from ..pinnable import Pinnable
from .attach import Attachable

if TYPE_CHECKING:
    from pathlib import Path
    from typing import Self

    from ..maps.map import Map
    from ..usdt.specs import UsdtSpecs
    from .info import ProgramInfo
    from .test_run import RunResult


class Program(Attachable, Pinnable):
    """A program of the kernel. Owns its file descriptor; links keep the program without it."""

    def __init__(self, fd: int, name: str, type: ProgType | int) -> None:
        """Take over `fd`."""
        self.fd = fd
        self.name = name
        self.what = f"program '{name}'"
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
        self.usdt_specs: UsdtSpecs | None = None
        """What its object's programs share to be told about USDT probes; None if it declares no such maps."""

    @classmethod
    def from_fd(cls, fd: int) -> Program:
        """Take over `fd`, a program that anyone loaded (4.13). Raises KernelError, and closes it then."""
        from .info import name_and_type

        try:
            return cls(fd, *name_and_type(fd))
        except BaseException:
            os.close(fd)
            raise

    @classmethod
    def from_id(cls, number: int) -> Program:
        """Open a program of the system by its ID (4.13). Raises KernelError."""
        from ..descriptor import open_id

        return cls.from_fd(open_id(number, "program"))

    @classmethod
    def from_pin(cls, path: str | Path) -> Program:
        """Open a pinned program; `unpin` removes the pin. Raises KernelError."""
        from pathlib import Path

        from ..descriptor import open_pin

        program = cls.from_fd(open_pin(str(path), "program"))
        program.pinned = Path(path)
        return program

    def info(self) -> ProgramInfo:
        """Ask the kernel. Raises KernelError."""
        from .info import program_info

        return program_info(self.fd)

    def xlated(self) -> bytes:
        """The instructions as the verifier rewrote them. Raises KernelError."""
        from .info import xlated

        return xlated(self.fd)

    def listing(self) -> list[str]:
        """The rewritten instructions as text, with the names of functions, maps and helpers (5.0).

        Raises KernelError.
        """
        from .listing import listing

        return listing(self.fd)

    def jited(self) -> bytes:
        """The machine code; nothing if the program is interpreted. Raises KernelError."""
        from .info import jited

        return jited(self.fd)

    def test_run(
        self,
        data: bytes | None = None,
        *,
        ctx: bytes | None = None,
        repeat: int = 0,
        cpu: int | None = None,
        live_frames: bool = False,
        batch_size: int = 0,
        flags: int = 0,
    ) -> RunResult:
        """Run it `repeat` times (0: once) on packet data or a context (BPF_PROG_TEST_RUN, 4.12).

        Programs of the network want at least 14 bytes of data. `cpu` is where raw
        tracepoints run (5.10). With `live_frames` what XDP programs pass, send back or
        redirect goes on its way (5.18), `batch_size` frames at once; there is no data
        out then. `flags` are further BPF_F_TEST_*. Raises KernelError.
        """
        from .test_run import test_run

        return test_run(
            self,
            data,
            ctx,
            repeat,
            cpu=cpu,
            live_frames=live_frames,
            batch_size=batch_size,
            flags=flags,
        )

    def bind_map(self, map: Map) -> None:
        """Let the program hold a map that it does not use, so that who has the one finds the other (5.10).

        Raises KernelError.
        """
        syscall.prog_bind_map(self.fd, map.fd, f"map '{map.name}' to program '{self.name}'")

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
