"""A guest's processes: one group of their own, which ends as a whole."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

from .privilege import Account

_CLOCK_TICKS = os.sysconf("SC_CLK_TCK")
_GONE_WITHIN_S = 10.0


@dataclass(frozen=True)
class _Stat:
    """The fields of /proc/PID/stat that matter here (proc_pid_stat(5))."""

    state: str
    group: int
    cpu_s: float


class GuestProcess:
    """Starts a command in a session of its own; leaving the ``with`` block kills the whole group.

    QEMU and virtiofsd are grandchildren under virtme-ng: the group is what reaches them.
    Standard input is empty; output and errors go to the descriptor `output`.
    """

    def __init__(
        self,
        command: Sequence[str],
        output: int,
        account: Account | None = None,
        fds: Sequence[int] = (),
        environment: Mapping[str, str] | None = None,
        directory: Path | None = None,
    ) -> None:
        self._cpu_s = 0.0
        self._process = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            pass_fds=fds,
            env=environment,
            cwd=directory,
            start_new_session=True,
            user=account.user if account else None,
            group=account.group if account else None,
            extra_groups=account.extra_groups if account else None,
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.kill()

    @property
    def exit_code(self) -> int | None:
        """The command's own exit code, negative for a signal; None while it runs."""
        return self._process.poll()

    def cpu_seconds(self) -> float:
        """CPU time of the group; the last reading once it is gone."""
        self._cpu_s = max(self._cpu_s, sum(stat.cpu_s for stat in self._members()))
        return self._cpu_s

    def kill(self) -> None:
        """End every process of the group and wait until they are gone."""
        self.cpu_seconds()
        # The leader is reaped last: until then its number cannot become another group's.
        with suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)
        deadline = time.monotonic() + _GONE_WITHIN_S
        while any(stat.state not in "ZX" for stat in self._members()) and time.monotonic() < deadline:
            time.sleep(0.01)
        self._process.wait()

    def _members(self) -> list[_Stat]:
        stats = (_read_stat(entry) for entry in Path("/proc").iterdir() if entry.name.isdigit())
        return [stat for stat in stats if stat and stat.group == self._process.pid]


def _read_stat(process: Path) -> _Stat | None:
    try:
        text = (process / "stat").read_text(errors="replace")
    except OSError:
        return None
    # The second field is the program's name in brackets and may hold anything, brackets included.
    fields = text.rpartition(")")[2].split()
    # utime and stime, and those of children that have been waited for.
    return _Stat(fields[0], int(fields[2]), sum(map(int, fields[11:15])) / _CLOCK_TICKS)
