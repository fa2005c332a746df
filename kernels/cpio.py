"""Writing initramfs archives: cpio in its "newc" form.

The kernel unpacks any number of such archives one after another, so parts can be
built apart and joined with ``cat`` as long as each ends on a 512-byte boundary.
Format: Documentation/driver-api/early-userspace/buffer-format.rst of the kernel.
"""

from __future__ import annotations

import stat
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

_ALIGNMENT = 512
_CHUNK = 1 << 20
_LARGEST = 0xFFFFFFFF


@dataclass(frozen=True)
class Entry:
    """One member. `name` has no leading slash; `mode` is the full st_mode, type bits included.

    The content is `data`, or the file at `source`, read when the archive is written.
    Made by `file`, `file_from`, `directory`, `symlink` and `character_device`.
    """

    name: str
    mode: int
    data: bytes = b""
    source: Path | None = None
    device: tuple[int, int] = (0, 0)


def file(name: str, data: bytes, mode: int = 0o644) -> Entry:
    """A regular file with this content."""
    return Entry(_relative(name), stat.S_IFREG | mode, data)


def file_from(name: str, source: Path, mode: int | None = None) -> Entry:
    """A regular file streamed from `source`; its permission bits unless `mode` is given.

    Raises OSError if `source` cannot be examined.
    """
    bits = stat.S_IMODE(source.stat().st_mode) if mode is None else mode
    return Entry(_relative(name), stat.S_IFREG | bits, source=source)


def directory(name: str, mode: int = 0o755) -> Entry:
    """A directory; the kernel makes no parents, so they must come before their content."""
    return Entry(_relative(name), stat.S_IFDIR | mode)


def symlink(name: str, target: str) -> Entry:
    """A symbolic link."""
    return Entry(_relative(name), stat.S_IFLNK | 0o777, target.encode())


def character_device(name: str, major: int, minor: int, mode: int = 0o600) -> Entry:
    """A character device node; needs no privilege here, the kernel makes it when unpacking."""
    return Entry(_relative(name), stat.S_IFCHR | mode, device=(major, minor))


def write_cpio(out: BinaryIO, entries: Iterable[Entry]) -> None:
    """Append one archive, padded to 512 bytes, to `out`.

    Owner is root and time 0 throughout: the same entries give the same bytes.
    Raises ValueError for a name that occurs twice or content past 4 GiB, OSError
    if a source cannot be read.
    """
    seen: set[str] = set()
    written = 0
    for number, entry in enumerate(entries, start=1):
        if entry.name in seen:
            raise ValueError(f"cpio: {entry.name!r} occurs twice")
        seen.add(entry.name)
        written += _write_entry(out, number, entry)
    written += _write_entry(out, 0, Entry("TRAILER!!!", 0))
    out.write(bytes(-written % _ALIGNMENT))


def _relative(name: str) -> str:
    return name.lstrip("/")


def _write_entry(out: BinaryIO, number: int, entry: Entry) -> int:
    size = len(entry.data) if entry.source is None else entry.source.stat().st_size
    if size > _LARGEST:
        raise ValueError(f"cpio: {entry.name!r} has {size} bytes; the format ends at 4 GiB")
    name = entry.name.encode() + b"\0"
    header = _header(number, entry, size, len(name)) + name
    written = _write_padded(out, header)
    if entry.source is None:
        return written + _write_padded(out, entry.data)
    return written + _copy_padded(out, entry.source, size)


def _header(number: int, entry: Entry, size: int, name_size: int) -> bytes:
    links = 2 if stat.S_ISDIR(entry.mode) else 1
    fields = (number, entry.mode, 0, 0, links, 0, size, 0, 0, *entry.device, name_size, 0)
    return b"070701" + b"".join(b"%08X" % value for value in fields)


def _write_padded(out: BinaryIO, data: bytes) -> int:
    padding = bytes(-len(data) % 4)
    out.write(data)
    out.write(padding)
    return len(data) + len(padding)


def _copy_padded(out: BinaryIO, source: Path, size: int) -> int:
    left = size
    with source.open("rb") as content:
        while left:
            chunk = content.read(min(_CHUNK, left))
            if not chunk:
                raise OSError(f"{source}: ended {left} bytes early while being archived")
            out.write(chunk)
            left -= len(chunk)
    padding = bytes(-size % 4)
    out.write(padding)
    return size + len(padding)
