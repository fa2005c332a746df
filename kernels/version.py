"""Upstream kernel versions, ordered as upstream releases them."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import total_ordering

_PATTERN = re.compile(r"(\d+)\.(\d+)(?:\.(\d+))?(?:[-~]rc(\d+))?")


@total_ordering
@dataclass(frozen=True)
class KernelVersion:
    """An upstream version: 6.1, 6.1.192, 7.3-rc2. A release candidate comes before its release."""

    major: int
    minor: int
    patch: int = 0
    candidate: int | None = None

    @classmethod
    def parse(cls, text: str) -> KernelVersion:
        """The version that a string starts with: '6.1', '7.3-rc2', '7.3~rc2-1~exp1', '6.1.0-42-amd64'.

        Note that a distribution's release may not tell its point release: Debian's
        6.1.0-42-amd64 parses as 6.1.0, whatever 6.1.y it was built from.
        Raises ValueError if the string does not start with a version.
        """
        found = _PATTERN.match(text)
        if not found:
            raise ValueError(f"{text!r} is not a kernel version such as 6.1, 6.1.192 or 7.3-rc2")
        major, minor, patch, candidate = found.groups()
        return cls(int(major), int(minor), int(patch or 0), int(candidate) if candidate else None)

    @property
    def series(self) -> tuple[int, int]:
        """Major and minor number: what the stable branches are named after."""
        return self.major, self.minor

    def __lt__(self, other: object) -> bool:
        if not isinstance(other, KernelVersion):
            return NotImplemented
        return self._order() < other._order()

    def __str__(self) -> str:
        patch = f".{self.patch}" if self.patch else ""
        candidate = "" if self.candidate is None else f"-rc{self.candidate}"
        return f"{self.major}.{self.minor}{patch}{candidate}"

    def _order(self) -> tuple[int, int, int, float]:
        rank = float("inf") if self.candidate is None else self.candidate
        return self.major, self.minor, self.patch, rank
