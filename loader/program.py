"""A live program: test runs, attaching, pinning."""

from __future__ import annotations

import os
import socket
from pathlib import Path
from struct import Struct
from typing import TYPE_CHECKING, NamedTuple, Self

from . import syscall
from .enums import AttachType, ProgType
from .native import native

if TYPE_CHECKING:
    from .links.link import Link
    from .links.tc import Direction
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


class Program:
    """A program of the kernel. Owns its file descriptor; links keep the program without it."""

    def __init__(self, fd: int, spec: ProgramSpec, insns: bytes, log: str = "") -> None:
        """Take over `fd`. `insns` is what was given to the kernel, `log` the verifier's if asked for."""
        self.fd = fd
        self.name: str = spec.name
        self.type = spec.type
        self.section: str = spec.section
        self.attach_type: AttachType | int = spec.attach_type
        self.attach_to: str = spec.attach_to
        self.autoattach: str = spec.autoattach
        self.insns = insns
        self.log = log
        self._pin: Path | None = None

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

    def attach(self) -> Link:
        """Attach where the SEC() name says (``kprobe/FUNC``, ``tp/CATEGORY/NAME``, ``fentry/FUNC`` …).

        Raises links.attach.TargetError if it does not say, KernelError.
        """
        from .links.attach import attach

        return attach(self)

    def attach_xdp(self, device: str | int, flags: int = 0) -> Link:
        """Attach to a network device; see links.xdp."""
        from .links.xdp import attach_xdp

        return attach_xdp(self, device, flags)

    def attach_tc(self, device: str | int, direction: Direction, *, priority: int = 0) -> Link:
        """Attach as a filter of the clsact qdisc; see links.tc."""
        from .links.tc import attach_tc

        return attach_tc(self, device, direction, priority=priority)

    def attach_tcx(self, device: str | int, direction: Direction) -> Link:
        """Attach to a network device by bpf_link (6.6); see links.tcx."""
        from .links.tcx import attach_tcx

        return attach_tcx(self, device, direction)

    def attach_cgroup(self, path: str | Path) -> Link:
        """Attach to a cgroup; see links.cgroup."""
        from .links.cgroup import attach_cgroup

        return attach_cgroup(self, path)

    def attach_socket(self, sock: socket.socket) -> Link:
        """Filter what a socket receives; see links.socket_filter."""
        from .links.socket_filter import attach_socket

        return attach_socket(self, sock)

    def attach_tracepoint(self, category: str, name: str) -> Link:
        """Attach to a tracepoint; see links.tracepoint."""
        from .links.tracepoint import attach_tracepoint

        return attach_tracepoint(self, category, name)

    def attach_raw_tracepoint(self, name: str) -> Link:
        """Attach to a raw tracepoint; see links.raw_tracepoint."""
        from .links.raw_tracepoint import attach_raw_tracepoint

        return attach_raw_tracepoint(self, name)

    def attach_kprobe(self, function: str, *, offset: int = 0, returns: bool = False) -> Link:
        """Attach to a kernel function; see links.kprobe."""
        from .links.kprobe import attach_kprobe

        return attach_kprobe(self, function, offset=offset, returns=returns)

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
