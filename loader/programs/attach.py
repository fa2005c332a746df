"""How a live program is attached: a method per kind, each a door to its file in links/."""

from __future__ import annotations

from ..lean import TYPE_CHECKING

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
    from ..links.perf_event import EventKind
    from ..links.perf_link import Mode as ProbeMode
    from ..links.tc import Direction, TcLink
    from ..links.xdp import Mode
    from ..maps.map import Map
    from .program import Program


class Attachable:
    """The attach methods of `Program`. Each imports its kind when it is first used: a load needs none."""

    @property
    def _program(self) -> Program:
        return self  # type: ignore[return-value]  # mixed into Program alone

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

    # Probes

    def attach_tracepoint(self, category: str, name: str, *, cookie: int = 0) -> Link:
        """Attach to a tracepoint; see links.tracepoint."""
        from ..links.tracepoint import attach_tracepoint

        return attach_tracepoint(self._program, category, name, cookie=cookie)

    def attach_raw_tracepoint(self, name: str, *, cookie: int = 0) -> Link:
        """Attach to a raw tracepoint; see links.raw_tracepoint."""
        from ..links.raw_tracepoint import attach_raw_tracepoint

        return attach_raw_tracepoint(self._program, name, cookie=cookie)

    def attach_kprobe(
        self,
        function: str | int,
        *,
        offset: int = 0,
        returns: bool = False,
        cookie: int = 0,
        max_active: int = 0,
        mode: ProbeMode = "default",
    ) -> Link:
        """Attach to a kernel function; see links.kprobe."""
        from ..links.kprobe import attach_kprobe

        return attach_kprobe(
            self._program,
            function,
            offset=offset,
            returns=returns,
            cookie=cookie,
            max_active=max_active,
            mode=mode,
        )

    def attach_ksyscall(self, name: str, *, returns: bool = False, cookie: int = 0) -> Link:
        """Attach to a system call; see links.ksyscall."""
        from ..links.ksyscall import attach_ksyscall

        return attach_ksyscall(self._program, name, returns=returns, cookie=cookie)

    def attach_kprobe_multi(
        self,
        pattern: str = "",
        *,
        functions: Sequence[str] = (),
        addresses: Sequence[int] = (),
        cookies: Sequence[int] = (),
        returns: bool = False,
    ) -> Link:
        """Attach to many kernel functions at once (5.18); see links.kprobe_multi."""
        from ..links.kprobe_multi import attach_kprobe_multi

        return attach_kprobe_multi(
            self._program,
            pattern,
            functions=functions,
            addresses=addresses,
            cookies=cookies,
            returns=returns,
        )

    def attach_uprobe(
        self,
        path: str | Path,
        symbol: str = "",
        *,
        offset: int = 0,
        returns: bool = False,
        pid: int | None = None,
        ref_counter: int = 0,
        cookie: int = 0,
        mode: ProbeMode = "default",
    ) -> Link:
        """Attach to a place of a program or library; see links.uprobe."""
        from ..links.uprobe import attach_uprobe

        return attach_uprobe(
            self._program,
            path,
            symbol,
            offset=offset,
            returns=returns,
            pid=pid,
            ref_counter=ref_counter,
            cookie=cookie,
            mode=mode,
        )

    def attach_uprobe_multi(
        self,
        path: str | Path,
        pattern: str = "",
        *,
        symbols: Sequence[str] = (),
        offsets: Sequence[int] = (),
        ref_counters: Sequence[int] = (),
        cookies: Sequence[int] = (),
        returns: bool = False,
        pid: int | None = None,
    ) -> Link:
        """Attach to many places of a program or library at once (6.6); see links.uprobe_multi."""
        from ..links.uprobe_multi import attach_uprobe_multi

        return attach_uprobe_multi(
            self._program,
            path,
            pattern,
            symbols=symbols,
            offsets=offsets,
            ref_counters=ref_counters,
            cookies=cookies,
            returns=returns,
            pid=pid,
        )

    def attach_usdt(
        self, path: str | Path, provider: str, name: str, *, pid: int | None = None, cookie: int = 0
    ) -> Link:
        """Attach to a probe that a program or library declares; see links.usdt."""
        from ..links.usdt import attach_usdt

        return attach_usdt(self._program, path, provider, name, pid=pid, cookie=cookie)

    def attach_perf_event(
        self,
        event: EventKind,
        *,
        period: int = 0,
        frequency: int = 0,
        pid: int | None = None,
        cpu: int | None = None,
        inherit: bool = False,
        cookie: int = 0,
    ) -> Link:
        """Attach to a counter's overflows; see links.perf_event."""
        from ..links.perf_event import attach_perf_event

        return attach_perf_event(
            self._program,
            event,
            period=period,
            frequency=frequency,
            pid=pid,
            cpu=cpu,
            inherit=inherit,
            cookie=cookie,
        )
