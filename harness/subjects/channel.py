"""A subject's process and its two pipes: one line out, one line in, within a time limit."""

from __future__ import annotations

import os
import select
import shlex
import signal
import subprocess
import tempfile
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress

from .errors import SubjectDied, SubjectProtocolError, SubjectTimeout

MAX_LINE = 64 << 20
"""Bytes of one answer; the longest honest one holds a verifier log of 16 MiB."""

STDERR_TAIL = 4000
"""Bytes of standard error that an error shows."""

GRACE_S = 5.0
"""Seconds that a subject has to close everything after its input has ended."""


class Channel:
    """Starts a command in a process group of its own, and ends all of the group.

    Raises `SubjectDied` if it cannot be started.
    """

    def __init__(self, argv: Sequence[str], environment: Mapping[str, str] | None = None) -> None:
        self.command = shlex.join(argv)
        self._buffer = bytearray()
        self._stderr = tempfile.TemporaryFile()  # noqa: SIM115 - closed in end()
        try:
            self._process = subprocess.Popen(
                list(argv),
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=self._stderr,
                bufsize=0,
                start_new_session=True,
                env=os.environ | dict(environment or {}),
            )
        except OSError as error:
            self._stderr.close()
            raise SubjectDied(f"subject {self.command} cannot be started: {error.strerror}") from error
        self.open = True
        # Non-blocking, so that a subject that does not read cannot hold us beyond the limit either.
        for fd in (self._stdin, self._stdout):
            os.set_blocking(fd, False)

    @property
    def pid(self) -> int:
        """The process id, also that of the group."""
        return self._process.pid

    def exchange(self, line: bytes, limit_s: float) -> bytes:
        """Send a line and wait for the one that answers it.

        Raises `SubjectTimeout`, `SubjectDied` or `SubjectProtocolError`. After these, and
        after any other interruption (a signal handler that raises), the process is gone: an
        answer that is still to come could be taken for that to the next request.
        """
        if not self.open:
            raise SubjectDied(f"subject {self.command} has ended already")
        deadline = time.monotonic() + limit_s
        try:
            self._send(line + b"\n", deadline)
            return self._receive(deadline)
        except _TooLate:
            stderr = self.end()
            raise SubjectTimeout(f"subject {self.command}: no answer within {limit_s:g} s", stderr) from None
        except _HungUp:
            stderr = self.end(GRACE_S)
            status = self._process.returncode
            raise SubjectDied(f"subject {self.command} {_how_it_ended(status)}", stderr, status) from None
        except BaseException:
            self.end()
            raise

    def end(self, grace_s: float = 0.0) -> str:
        """Close its input, wait, kill the whole group; returns the end of its standard error."""
        if not self.open:
            return ""
        self.open = False
        assert self._process.stdin and self._process.stdout
        self._process.stdin.close()
        try:
            if grace_s:
                with suppress(subprocess.TimeoutExpired):
                    self._process.wait(grace_s)
        finally:
            # Also when it has ended in peace: what it started may live on.
            with suppress(ProcessLookupError):
                os.killpg(self.pid, signal.SIGKILL)
            self._process.wait()
            self._process.stdout.close()
            size = self._stderr.seek(0, os.SEEK_END)
            self._stderr.seek(max(0, size - STDERR_TAIL))
            tail = self._stderr.read().decode(errors="replace").strip()
            self._stderr.close()
        return tail

    @property
    def _stdin(self) -> int:
        assert self._process.stdin
        return self._process.stdin.fileno()

    @property
    def _stdout(self) -> int:
        assert self._process.stdout
        return self._process.stdout.fileno()

    def _send(self, data: bytes, deadline: float) -> None:
        view = memoryview(data)
        while view:
            _wait(self._stdin, select.POLLOUT, deadline)
            try:
                view = view[os.write(self._stdin, view) :]
            except BlockingIOError:
                continue
            except BrokenPipeError:
                raise _HungUp from None

    def _receive(self, deadline: float) -> bytes:
        searched = 0
        while (end := self._buffer.find(b"\n", searched)) < 0:
            searched = len(self._buffer)
            if searched > MAX_LINE:
                raise SubjectProtocolError(f"subject {self.command}: {searched} bytes and no end of line")
            _wait(self._stdout, select.POLLIN, deadline)
            chunk = os.read(self._stdout, 1 << 20)
            if not chunk:
                raise _HungUp
            self._buffer += chunk
        line = bytes(self._buffer[:end])
        del self._buffer[: end + 1]
        return line


class _TooLate(Exception):
    pass


class _HungUp(Exception):
    pass


def _wait(fd: int, event: int, deadline: float) -> None:
    poll = select.poll()
    poll.register(fd, event)
    if not poll.poll(max(0.0, deadline - time.monotonic()) * 1000):
        raise _TooLate


def _how_it_ended(status: int) -> str:
    if status < 0:
        return f"was ended by signal {-status} ({signal.strsignal(-status)})"
    return f"ended with exit status {status} in the middle of a request"
