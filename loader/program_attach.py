"""How a live program is attached: a method per kind, each a door to its file in links/."""

from __future__ import annotations

import socket
from pathlib import Path
from typing import TYPE_CHECKING, cast

if TYPE_CHECKING:
    from .links.link import Link
    from .links.tc import Direction
    from .program import Program


class Attachable:
    """The attach methods of `Program`. Each imports its kind when it is first used: a load needs none."""

    @property
    def _program(self) -> Program:
        return cast("Program", self)

    def attach(self) -> Link:
        """Attach where the SEC() name says (``kprobe/FUNC``, ``tp/CATEGORY/NAME``, ``fentry/FUNC`` …).

        Raises links.attach.TargetError if it does not say, KernelError.
        """
        from .links.attach import attach

        return attach(self._program)

    def attach_xdp(self, device: str | int, flags: int = 0) -> Link:
        """Attach to a network device; see links.xdp."""
        from .links.xdp import attach_xdp

        return attach_xdp(self._program, device, flags)

    def attach_tc(self, device: str | int, direction: Direction, *, priority: int = 0) -> Link:
        """Attach as a filter of the clsact qdisc; see links.tc."""
        from .links.tc import attach_tc

        return attach_tc(self._program, device, direction, priority=priority)

    def attach_tcx(self, device: str | int, direction: Direction) -> Link:
        """Attach to a network device by bpf_link (6.6); see links.tcx."""
        from .links.tcx import attach_tcx

        return attach_tcx(self._program, device, direction)

    def attach_cgroup(self, path: str | Path) -> Link:
        """Attach to a cgroup; see links.cgroup."""
        from .links.cgroup import attach_cgroup

        return attach_cgroup(self._program, path)

    def attach_socket(self, sock: socket.socket) -> Link:
        """Filter what a socket receives; see links.socket_filter."""
        from .links.socket_filter import attach_socket

        return attach_socket(self._program, sock)

    def attach_tracepoint(self, category: str, name: str) -> Link:
        """Attach to a tracepoint; see links.tracepoint."""
        from .links.tracepoint import attach_tracepoint

        return attach_tracepoint(self._program, category, name)

    def attach_raw_tracepoint(self, name: str) -> Link:
        """Attach to a raw tracepoint; see links.raw_tracepoint."""
        from .links.raw_tracepoint import attach_raw_tracepoint

        return attach_raw_tracepoint(self._program, name)

    def attach_kprobe(self, function: str, *, offset: int = 0, returns: bool = False) -> Link:
        """Attach to a kernel function; see links.kprobe."""
        from .links.kprobe import attach_kprobe

        return attach_kprobe(self._program, function, offset=offset, returns=returns)
