"""What links to many places at once have in common."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from struct import pack

from .link import Link


def u64s(values: Iterable[int]) -> bytes:
    """An array of 64-bit numbers, as the kernel reads it."""
    listed = list(values)
    return pack(f"={len(listed)}Q", *listed)


def shown(items: Sequence[str] | Sequence[int]) -> str:
    """The first of the places, for errors."""
    first = [item if isinstance(item, str) else f"{item:#x}" for item in items[:3]]
    return ", ".join(first) + (f" and {len(items) - 3} more" if len(items) > 3 else "")


class LinkGroup(Link):
    """Several attachments that are one to their user; they end together, the last made first."""

    def __init__(self, what: str, links: Iterable[Link]) -> None:
        self.links = list(links)
        super().__init__(what, self._close)

    def _close(self) -> None:
        while self.links:
            self.links.pop().close()
