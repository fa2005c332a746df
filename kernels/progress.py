"""How long-running work on kernels tells what it is doing."""

from __future__ import annotations

from typing import Protocol


class Progress(Protocol):
    """Told about downloads and about everything that was decided without asking."""

    def advance(self, what: str, done: int, total: int) -> None:
        """`done` of `total` bytes of `what` have arrived."""
        ...

    def note(self, text: str) -> None:
        """One sentence that the user should see."""
        ...


class Silent:
    """A `Progress` for callers who do not want to know."""

    def advance(self, what: str, done: int, total: int) -> None:
        """Ignore it."""

    def note(self, text: str) -> None:
        """Ignore it."""
