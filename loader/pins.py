"""What is pinned: the BPF file systems of the machine, and everything on them, opened as what it is.

for pin in pins.walk():
    with pin.open() as found:
        print(pin.path, found)
"""

from __future__ import annotations

import errno
import os
from pathlib import Path

from . import syscall
from .descriptor import kind_of
from .errors import BpflabError, KernelError
from .lean import TYPE_CHECKING, NamedTuple
from .object import BPFFS

if TYPE_CHECKING:
    from collections.abc import Iterator

    from .links.link import FdLink
    from .maps.map import Map
    from .programs.program import Program

_MOUNTS = Path("/proc/self/mountinfo")
_TYPE = "bpf"


class Pin(NamedTuple):
    """A file on a BPF file system: `kind` is ``map``, ``program`` or ``link``."""

    path: Path
    kind: str

    def open(self) -> Map | Program | FdLink:
        """Open what is pinned there; the caller closes it. `unpin` removes the pin. Raises KernelError."""
        return open_pin(self.path)


def filesystems() -> list[Path]:
    """Where BPF file systems are mounted, as this process sees them."""
    found = []
    for line in _MOUNTS.read_text().splitlines():
        # Mount id, parent, device, root, mount point, options …, a dash, file system type, …
        before, _, behind = line.partition(" - ")
        if behind.partition(" ")[0] == _TYPE:
            found.append(Path(_unescaped(before.split()[4])))
    return found


def mount(path: str | Path = BPFFS) -> Path:
    """Mount a BPF file system at a directory, unless one is there already (4.4). Raises KernelError."""
    import ctypes

    path = Path(path)
    if path.resolve() not in filesystems():
        libc = ctypes.CDLL(None, use_errno=True)
        if libc.mount(_TYPE.encode(), os.fsencode(path), _TYPE.encode(), 0, None):
            number = ctypes.get_errno()
            hint = "make the directory first" if number == errno.ENOENT else ""
            if number == errno.EPERM:
                hint = "mounting takes CAP_SYS_ADMIN"
            raise KernelError(f"mounting a BPF file system at '{path}'", number, hint)
    return path


def unmount(path: str | Path) -> None:
    """Undo `mount`; what is pinned there goes, unless it is mounted elsewhere, too. Raises KernelError."""
    import ctypes

    libc = ctypes.CDLL(None, use_errno=True)
    if libc.umount2(os.fsencode(path), 0):
        raise KernelError(f"unmounting the BPF file system at '{path}'", ctypes.get_errno())


def walk(root: str | Path | None = None) -> Iterator[Pin]:
    """Everything pinned below a directory (None: on all BPF file systems), in order of the paths.

    Iterators, which are files to be read, are links here. Raises KernelError for what may not be
    opened.
    """
    for top in [Path(root)] if root is not None else filesystems():
        for folder, folders, files in os.walk(top):
            folders.sort()
            # Pins have no '.' in their names: files that have one are the kernel's own (maps.debug).
            for name in sorted(name for name in files if "." not in name):
                path = Path(folder) / name
                try:
                    yield Pin(path, _kind(path))
                except KernelError as error:
                    if error.errno != errno.ENOENT:  # it has gone meanwhile
                        raise


def open_pin(path: str | Path) -> Map | Program | FdLink:
    """Open whatever is pinned at a path. Raises KernelError."""
    match _kind(Path(path)):
        case "map":
            from .maps.map import Map

            return Map.from_pin(path)
        case "program":
            from .programs.program import Program

            return Program.from_pin(path)
        case "link":
            from .links.link import Link

            return Link.from_pin(path)
    raise BpflabError(f"what is pinned at '{path}' is neither a map nor a program nor a link")


def _kind(path: Path) -> str:
    fd = syscall.obj_get(str(path))
    try:
        return kind_of(fd)
    finally:
        os.close(fd)


def _unescaped(text: str) -> str:
    """A path as mountinfo writes it: blanks and the like are three octal digits behind a backslash."""
    parts = text.split("\\")
    return parts[0] + "".join(chr(int(part[:3], 8)) + part[3:] for part in parts[1:])
