"""How a live program is attached to probes: the kernel's, user space's, counters."""

from __future__ import annotations

from ..lean import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from ..links.link import Link
    from ..links.perf_event import EventKind
    from ..links.perf_link import Mode
    from .program import Program


class ProbeAttachable:
    """The attach methods of `Program` for probes. Each imports its kind when it is first used."""

    @property
    def _program(self) -> Program:
        return self  # type: ignore[return-value]  # mixed into Program alone

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
        mode: Mode = "default",
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
        mode: Mode = "default",
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
