"""A child process that does one thing when it is told to, so that a program can watch it."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable
from pathlib import Path
from typing import Self


class Child:
    """Forks; `go` lets the child do its action and waits for what the action returns.

    The child waits with a process id that is known, so that programs can be told
    whom to watch before there is anything to see.
    """

    def __init__(self, action: Callable[[], str]) -> None:
        start_read, self._start = os.pipe()
        self._answer, answer_write = os.pipe()
        self.pid = os.fork()
        if self.pid == 0:
            os.close(self._start)
            _run(action, start_read, answer_write)
        os.close(start_read)
        os.close(answer_write)

    def go(self) -> str:
        """Let the child act; what its action returned. Raises RuntimeError with what it raised."""
        self.start()
        return self.result()

    def result(self) -> str:
        """Wait for what the action of a started child returns. Raises RuntimeError with what it raised."""
        answer = b""
        while part := os.read(self._answer, 4096):
            answer += part
        verdict, _, text = answer.decode().partition(" ")
        if verdict != "returned":
            raise RuntimeError(text or "the child died")
        return text

    def start(self) -> None:
        """Let the child act, and do not wait."""
        os.write(self._start, b"!")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        os.kill(self.pid, signal.SIGKILL)
        os.waitpid(self.pid, 0)
        os.close(self._start)
        os.close(self._answer)


def rename_to(name: str) -> None:
    """Give the calling process a name: the kernel's task_rename tracepoint."""
    Path("/proc/self/comm").write_text(name)


def wait_until_parent_sleeps() -> None:
    """Return once the parent waits interruptibly, by what /proc says."""
    stat = Path(f"/proc/{os.getppid()}/stat")
    while stat.read_text().rpartition(")")[2].split()[0] != "S":
        time.sleep(0.01)


def _run(action: Callable[[], str], start: int, answer: int) -> None:
    """The child's whole life; never returns into the parent's code."""
    try:
        os.read(start, 1)
        try:
            said = f"returned {action()}"
        except Exception as error:  # what went wrong is the parent's to report
            said = f"raised {type(error).__name__}: {error}"
        os.write(answer, said.encode())
    finally:
        os._exit(0)
