"""How a live program is attached: a method per kind, each a door to its file in links/."""

from __future__ import annotations

from ..lean import TYPE_CHECKING
from .attach_probes import ProbeAttachable

if TYPE_CHECKING:
    import socket
    from collections.abc import Sequence
    from pathlib import Path

    from ..enums import AttachType
    from ..links.anchor import Anchor
    from ..links.cgroup import Sharing
    from ..links.iterator import IteratorLink
    from ..links.link import Link
    from ..links.netfilter import Family, Hook
    from ..links.netkit import End
    from ..links.tc import Direction, TcLink
    from ..links.xdp import Mode
    from ..maps.map import Map
    from .program import Program


class Attachable(ProbeAttachable):
    """The attach methods of `Program`. Each imports its kind when it is first used: a load needs none."""

    def attach(self) -> Link:
        """Attach where the SEC() name says (``kprobe/FUNC``, ``tp/CATEGORY/NAME``, ``fentry/FUNC`` …).

        Raises links.attach.TargetError if it does not say, KernelError.
        """
        from ..links.attach import attach

        return attach(self._program)

    def attach_xdp(self, device: str | int, mode: Mode = "", *, by_link: bool = True) -> Link:
        """Attach to a network device; see links.xdp."""
        from ..links.xdp import attach_xdp

        return attach_xdp(self._program, device, mode, by_link=by_link)

    def attach_tc(
        self, device: str | int, parent: Direction | int, *, priority: int = 0, handle: int = 0
    ) -> TcLink:
        """Attach as a filter of the clsact qdisc, or of another; see links.tc."""
        from ..links.tc import attach_tc

        return attach_tc(self._program, device, parent, priority=priority, handle=handle)

    def attach_tcx(
        self,
        device: str | int,
        direction: Direction,
        *,
        at: Anchor | None = None,
        expected_revision: int = 0,
        by_link: bool = True,
    ) -> Link:
        """Attach to a network device in an order of programs (6.6); see links.tcx."""
        from ..links.tcx import attach_tcx

        return attach_tcx(
            self._program, device, direction, at=at, expected_revision=expected_revision, by_link=by_link
        )

    def attach_netkit(
        self,
        device: str | int,
        end: End,
        *,
        at: Anchor | None = None,
        expected_revision: int = 0,
        by_link: bool = True,
    ) -> Link:
        """Attach to one end of a netkit pair (6.7); see links.netkit."""
        from ..links.netkit import attach_netkit

        return attach_netkit(
            self._program, device, end, at=at, expected_revision=expected_revision, by_link=by_link
        )

    def attach_cgroup(
        self,
        path: str | Path,
        *,
        attach_type: AttachType | None = None,
        sharing: Sharing = "multi",
        at: Anchor | None = None,
        preorder: bool = False,
        expected_revision: int = 0,
        by_link: bool = True,
    ) -> Link:
        """Attach to a cgroup; see links.cgroup."""
        from ..links.cgroup import attach_cgroup

        return attach_cgroup(
            self._program,
            path,
            attach_type=attach_type,
            sharing=sharing,
            at=at,
            preorder=preorder,
            expected_revision=expected_revision,
            by_link=by_link,
        )

    def attach_netns(self, path: str | Path = "/proc/self/ns/net") -> Link:
        """Attach to a network namespace, by default the current one; see links.netns."""
        from ..links.netns import attach_netns

        return attach_netns(self._program, path)

    def attach_sockmap(self, table: Map, *, attach_type: AttachType | None = None) -> Link:
        """Attach to the sockets of a sockmap or sockhash; see links.sockmap."""
        from ..links.sockmap import attach_sockmap

        return attach_sockmap(self._program, table, attach_type=attach_type)

    def attach_netfilter(
        self, family: Family, hook: Hook, *, priority: int = 0, defrag: bool = False
    ) -> Link:
        """Attach to a netfilter hook (6.4); see links.netfilter."""
        from ..links.netfilter import attach_netfilter

        return attach_netfilter(self._program, family, hook, priority=priority, defrag=defrag)

    def attach_lwt(
        self,
        destination: str,
        device: str | int,
        *,
        via: str = "",
        local: bool = False,
        headroom: int = 0,
        table: int = 254,
    ) -> Link:
        """Attach to a route that this makes, in the main table; see links.lwt."""
        from ..links.lwt import attach_lwt

        return attach_lwt(
            self._program, destination, device, via=via, local=local, headroom=headroom, table=table
        )

    def attach_socket(self, sock: socket.socket) -> Link:
        """Filter what a socket receives; see links.socket_filter."""
        from ..links.socket_filter import attach_socket

        return attach_socket(self._program, sock)

    def attach_reuseport(self, sock: socket.socket) -> Link:
        """Choose among the sockets of one address; see links.socket_filter."""
        from ..links.socket_filter import attach_reuseport

        return attach_reuseport(self._program, sock)

    def attach_lirc(self, path: str | Path) -> Link:
        """Attach to an infrared receiver; see links.lirc."""
        from ..links.lirc import attach_lirc

        return attach_lirc(self._program, path)

    def attach_tracing(self, *, cookie: int = 0) -> Link:
        """Attach to the function or tracepoint that the program was loaded for; see links.tracing."""
        from ..links.tracing import attach_tracing

        return attach_tracing(self._program, cookie=cookie)

    def attach_tracing_multi(
        self, pattern: str = "", *, functions: Sequence[str] = (), cookies: Sequence[int] = ()
    ) -> Link:
        """Attach to many functions at once; see links.tracing_multi."""
        from ..links.tracing_multi import attach_tracing_multi

        return attach_tracing_multi(self._program, pattern, functions=functions, cookies=cookies)

    def attach_lsm(self, *, cookie: int = 0) -> Link:
        """Attach to the security hook that the program was loaded for; see links.lsm."""
        from ..links.lsm import attach_lsm

        return attach_lsm(self._program, cookie=cookie)

    def attach_freplace(self, target: Program | None = None, function: str = "") -> Link:
        """Take the place of a function of another program; see links.freplace."""
        from ..links.freplace import attach_freplace

        return attach_freplace(self._program, target, function)

    def attach_iterator(
        self,
        *,
        map: Map | None = None,
        tid: int = 0,
        pid: int = 0,
        pidfd: int = 0,
        cgroup: str | Path | None = None,
        order: int = 0,
    ) -> IteratorLink:
        """Attach to what the program iterates over, or to a part of it; see links.iterator."""
        from ..links.iterator import attach_iterator

        return attach_iterator(
            self._program, map=map, tid=tid, pid=pid, pidfd=pidfd, cgroup=cgroup, order=order
        )
