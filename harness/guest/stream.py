"""A guest's stream: bytes in, lines out, and the exit line that only the agent can write.

The exit line is the order's token and the job's exit code. The token is made for
each guest, so nothing that a job writes by accident ends it.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable

LONGEST_LINE = 16 << 20
"""Bytes; a job that writes more without a newline is broken, and is cut here to keep memory bounded."""


def new_token() -> str:
    """A token for one guest."""
    return f"exit-{secrets.token_hex(8)}"


class LineSplitter:
    """Hands every complete line to `on_line`, except the exit line, which sets `exit_code`.

    Empty lines are dropped: the exit line brings one along, to begin a line of its own.
    """

    def __init__(self, token: str, on_line: Callable[[str], None]) -> None:
        self.exit_code: int | None = None
        self.lines = 0
        self._token = token
        self._on_line = on_line
        self._rest = b""

    def feed(self, data: bytes) -> None:
        """Take what has arrived; what follows the exit line is dropped."""
        *lines, self._rest = (self._rest + data).split(b"\n")
        if len(self._rest) > LONGEST_LINE:
            lines.append(self._rest)
            self._rest = b""
        for line in lines:
            if self.exit_code is not None:
                return
            self._line(line.decode(errors="replace"))

    def _line(self, line: str) -> None:
        token, _, code = line.partition(" ")
        if token == self._token and code.lstrip("-").isdigit():
            self.exit_code = int(code)
            return
        if line:
            self.lines += 1
            self._on_line(line)
