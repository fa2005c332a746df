"""A kernel that can be run: unpacked on disk, or the host's own."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from .version import KernelVersion


@dataclass(frozen=True)
class Kernel:
    """A kernel in a directory of its own, or `host` (every path None).

    `label` is what the user asked for ('6.1', 'latest', a path); `release` what
    ``uname -r`` says in it; `root` a directory with ``boot/`` and ``lib/modules/``.
    """

    label: str
    release: str
    version: KernelVersion
    flavour: str
    package: str
    root: Path | None
    image: Path | None
    config: Path | None
    modules: Path | None

    @property
    def is_host(self) -> bool:
        """Whether this is the running kernel."""
        return self.image is None
