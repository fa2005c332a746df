"""What a guest's console says about its end. Everything on it is untrusted text."""

from __future__ import annotations

import re

KEPT_BYTES = 64 << 10
"""How much of the end of a console is kept: a panic with its call trace takes about 10 KiB."""

_TROUBLE = re.compile(
    r"""
      BUG:\ .+                                       # also 'watchdog: BUG: soft lockup - CPU#0 stuck'
    | Oops:\ .+
    | general\ protection\ fault.*
    | INFO:\ task\ .+\ blocked\ for\ more\ than\ .+  # the hung-task detector
    | Kernel\ panic\ -\ not\ syncing:\ .+
    """,
    re.VERBOSE,
)
_NOISE = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]|[\x00-\x08\x0b-\x1f\x7f]")
_TIMESTAMP = re.compile(r"^\s*(?:<\d+>)?\[\s*\d+\.\d+\](?:\[[^]]*\])?\s*")


class Console:
    """The end of a console's output, bounded however much a guest writes."""

    def __init__(self) -> None:
        self._kept = b""

    def feed(self, data: bytes) -> None:
        """Add what has arrived."""
        self._kept = (self._kept + data)[-KEPT_BYTES:]

    @property
    def text(self) -> str:
        """What was kept, without escape sequences and other control characters."""
        return _NOISE.sub("", self._kept.decode(errors="replace"))


def crash_line(text: str) -> str:
    """The first line that tells of a panic, an oops, a soft lock-up or a hung task; else ''.

    The first one names the cause; the panic that follows it (guests boot with
    oops=panic) is only the consequence.
    """
    for line in text.splitlines():
        found = _TROUBLE.search(line)
        if found:
            return _TIMESTAMP.sub("", line).strip()
    return ""
