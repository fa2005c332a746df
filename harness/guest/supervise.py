"""Watches over a running guest until it has ended or has to be ended."""

from __future__ import annotations

import os
import select
import shlex
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from .console import Console, crash_line
from .engine import End, EndKind, Limit, Limits
from .process import GuestProcess
from .stream import LineSplitter

_POLL_S = 0.01
_GATHER_S = 0.001
"""QEMU writes a serial port's bytes one by one; reading each by itself would keep a core busy."""
_CPU_EVERY_S = 0.2
_CHUNK = 1 << 16


class Feed(Protocol):
    """Where a guest's bytes arrive."""

    @property
    def descriptor(self) -> int | None:
        """What select(2) can wait for, if it can."""
        ...

    def read(self) -> bytes:
        """What has arrived since the last call, without waiting; b'' if nothing has."""
        ...


class Descriptor:
    """A pipe or a socket. The caller owns the descriptor."""

    def __init__(self, fd: int) -> None:
        self.descriptor = fd
        os.set_blocking(fd, False)

    def read(self) -> bytes:
        """See `Feed.read`."""
        try:
            return os.read(self.descriptor, _CHUNK)
        except (BlockingIOError, ConnectionError):
            return b""


class GrowingFile:
    """A file that the guest appends to, over a shared file system."""

    descriptor = None

    def __init__(self, path: Path) -> None:
        self._path = path
        self._offset = 0

    def read(self) -> bytes:
        """See `Feed.read`."""
        with self._path.open("rb") as file:
            file.seek(self._offset)
            data = file.read(_CHUNK)
        self._offset += len(data)
        return data


@dataclass(frozen=True)
class Watched:
    """How a guest ended; fields as in `End`. `process_exit` is the exit code of its process, if it ended."""

    kind: EndKind
    phase: str
    reason: str
    boot_s: float
    run_s: float
    cpu_s: float
    exit_code: int | None = None
    process_exit: int | None = None

    def end(self, command: Sequence[str], console: Console, accelerator: str, notes: tuple[str, ...]) -> End:
        """The `End` to return for it."""
        return End(
            kind=self.kind,
            phase=self.phase,
            reason=self.reason,
            command=shlex.join(command),
            console=console.text,
            accelerator=accelerator,
            boot_s=self.boot_s,
            run_s=self.run_s,
            cpu_s=self.cpu_s,
            exit_code=self.exit_code,
            notes=notes,
        )


class Supervisor:
    """One guest: its processes, its stream, its console, and what it may take.

    The boot phase begins when this is made. `crashes` is whether the console tells of
    the kernel's end; the host's kernel has another console.
    """

    def __init__(
        self,
        process: GuestProcess,
        stream: Feed,
        console_feed: Feed,
        console: Console,
        token: str,
        limits: Limits,
        stopped: threading.Event,
        on_line: Callable[[str], None],
        crashes: bool = True,
    ) -> None:
        self._process = process
        self._stream = stream
        self._console_feed = console_feed
        self._console = console
        self._limits = limits
        self._stopped = stopped
        self._splitter = LineSplitter(token, on_line)
        self._crashes = crashes
        self._begun = time.monotonic()
        self._first_line: float | None = None

    def watch(self) -> Watched:
        """Pass on lines until the exit line, the end of the process, a limit, or `stopped`."""
        line_at, line_cpu = self._begun, 0.0
        cpu, cpu_at = 0.0, 0.0
        while True:
            # In this order: what the process wrote before it ended is there to read after it.
            process_exit = self._process.exit_code
            if self._drain():
                line_at, line_cpu = time.monotonic(), self._process.cpu_seconds()
            if self._splitter.exit_code is not None:
                return self._end(EndKind.FINISHED, "", process_exit)
            if process_exit is not None:
                return self._gone(process_exit)
            if self._stopped.is_set():
                return self._end(EndKind.LOST, "bpflab was told to stop", None)
            now = time.monotonic()
            if now - cpu_at > _CPU_EVERY_S:
                cpu, cpu_at = self._process.cpu_seconds(), now
            over = self._over(now - line_at, cpu - line_cpu)
            if over:
                return self._silent(over)
            self._wait()

    def _wait(self) -> None:
        descriptors = (self._stream.descriptor, self._console_feed.descriptor)
        if select.select([fd for fd in descriptors if fd is not None], [], [], _POLL_S)[0]:
            time.sleep(_GATHER_S)

    def _drain(self) -> bool:
        """Read all that is there; whether the stream brought a line."""
        self._drain_console()
        lines = self._splitter.lines
        while self._splitter.exit_code is None and (data := self._stream.read()):
            self._splitter.feed(data)
            if self._first_line is None and self._has_begun:
                self._first_line = time.monotonic()
        return self._splitter.lines > lines

    @property
    def _has_begun(self) -> bool:
        return self._splitter.lines > 0 or self._splitter.exit_code is not None

    def _drain_console(self) -> None:
        while data := self._console_feed.read():
            self._console.feed(data)

    @property
    def _phase(self) -> str:
        return "boot" if self._first_line is None else "run"

    def _limit(self) -> Limit:
        return self._limits.boot if self._first_line is None else self._limits.silence

    def _over(self, wall_s: float, cpu_s: float) -> str:
        limit = self._limit()
        if cpu_s > limit.cpu_s:
            return f"no line within {limit.cpu_s:g} s of CPU time"
        return f"no line within {limit.wall_s:g} s" if wall_s > limit.wall_s else ""

    def _silent(self, reason: str) -> Watched:
        # A kernel can hang in its own panic; what it said before counts more than the silence.
        crashed = self._crash_line()
        if crashed:
            return self._end(EndKind.CRASHED, f"{crashed}; then {reason}", None)
        return self._end(EndKind.TIMED_OUT, reason, None)

    def _gone(self, process_exit: int) -> Watched:
        crashed = self._crash_line()
        if crashed:
            return self._end(EndKind.CRASHED, crashed, process_exit)
        how = f"signal {-process_exit}" if process_exit < 0 else f"exit code {process_exit}"
        return self._end(EndKind.LOST, f"the guest's process ended with {how}", process_exit)

    def _crash_line(self) -> str:
        return crash_line(self._console.text) if self._crashes else ""

    def _end(self, kind: EndKind, reason: str, process_exit: int | None) -> Watched:
        now = time.monotonic()
        first = self._first_line or now
        # What was said just before the last line counts, too.
        self._drain_console()
        return Watched(
            kind=kind,
            phase=self._phase,
            reason=reason,
            boot_s=round(first - self._begun, 3),
            run_s=round(now - first, 3),
            cpu_s=round(self._process.cpu_seconds(), 2),
            exit_code=self._splitter.exit_code,
            process_exit=process_exit,
        )
