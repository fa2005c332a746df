"""What a pin on a BPF file system can keep alive: maps, programs, links."""

from __future__ import annotations

from . import syscall
from .lean import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path


class Pinnable:
    """Something of the kernel's that this process holds by a descriptor."""

    fd: int
    what: str
    """What errors call it."""
    pinned: Path | None = None
    """Where it is pinned, as far as this process knows."""

    def pin(self, path: str | Path) -> None:
        """Pin to a path on a bpffs: it lives on, until that file is removed. Raises KernelError."""
        from pathlib import Path

        syscall.obj_pin(self.fd, str(path), self.what)
        self.pinned = Path(path)

    def unpin(self) -> None:
        """Remove the pin that `pin` made, or that it was opened from, if any."""
        if self.pinned is not None:
            self.pinned.unlink(missing_ok=True)
            self.pinned = None
