"""What the guest's kernel says of itself while a check runs."""

from __future__ import annotations

import os
import re

_SPLAT = re.compile(
    r"WARNING: (?:CPU: \d|\S+:\d+ at |possible |suspicious )"
    r"|BUG: |kernel BUG at|Oops|general protection fault|(?:KASAN|UBSAN|KCSAN|KFENCE): "
    r"|INFO: task \S+ blocked for more than"
)
"""Lines with which the kernel reports a fault of its own. From 6.18 on a warning names its place first."""

LINES_AFTER = 60
"""Lines of evidence from the first line of a splat on."""


class KernelLog:
    """Reads /dev/kmsg from where it stood. Raises OSError if it cannot be opened."""

    def __init__(self, path: str = "/dev/kmsg") -> None:
        self._fd = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        os.lseek(self._fd, 0, os.SEEK_END)

    def lines(self) -> list[str]:
        """What came since the last call, without the syslog prefixes."""
        lines: list[str] = []
        while True:
            try:
                record = os.read(self._fd, 8192)
            except BlockingIOError:
                return lines
            except BrokenPipeError:  # EPIPE: records were overwritten before they were read
                continue
            if not record:
                return lines
            lines.append(record.decode(errors="replace").partition(";")[2].split("\n", 1)[0])

    def close(self) -> None:
        """Close it."""
        os.close(self._fd)


def splat(lines: list[str]) -> list[str]:
    """The kernel's own report of a fault, from its first line on; empty if there is none."""
    for index, line in enumerate(lines):
        if _SPLAT.search(line):
            return lines[index : index + LINES_AFTER]
    return []
