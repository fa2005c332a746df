"""An index of a kernel's BTF on disk: where each type is, and which types have a name.

A file in a directory that only its owner can write, found by what identifies the BTF:
the kernel's build id, or a checksum. It is opened in well under a millisecond; without
it every process makes its own passes over 100,000 types.

Layout, in native byte order: `_HEADER`, identity, entries (u64: crc32 of the essential
name << 32, and the record's number; sorted), offsets of the records (u32, in words).
"""

from __future__ import annotations

import os
import stat
from zlib import crc32

from ..lean import TYPE_CHECKING, NamedTuple, bisect_left, struct
from ..native import native
from .table import ScannedTable, TypeTable, named_entries

if TYPE_CHECKING:
    from collections.abc import Collection

    from ..native.interface import Words
    from ..string_table import StringSection

MIN_WORDS = 1 << 15
"""Below that (the BTF of most modules) a pass is as fast as opening a file."""

_MAGIC = b"bpflabT1"
_HEADER = struct.Struct("=8sIIIIII")
"""Magic; words of types, bytes of own and of base strings, bytes of identity; entries, types."""

_RECORD_BITS = 32
_OTHERS_MAY_WRITE = stat.S_IWGRP | stat.S_IWOTH


class IndexFile:
    """The index of one piece of BTF, which may not have been written yet."""

    def __init__(self, identity: str = "") -> None:
        """`identity` is the same for no two different pieces of BTF; by default a checksum is used."""
        self._identity = identity
        self._unsaved: ScannedTable | None = None

    def table(self, words: Words, strings: StringSection) -> TypeTable:
        """The table from disk; found by passes if there is none that can be trusted. Raises BtfError."""
        if len(words) < MIN_WORDS:
            return ScannedTable(words, strings)
        if not self._identity:
            self._identity = f"crc32-{crc32(words):08x}-{crc32(strings.view()):08x}"
        try:
            return _open_index(self._key(words, strings))
        except OSError:
            pass
        self._unsaved = ScannedTable(words, strings)
        return self._unsaved

    def save(self) -> bool:
        """Write the index if it was not there; whether it was written. Never an error: it is a cache."""
        table, self._unsaved = self._unsaved, None
        if table is None:
            return False
        try:
            from pathlib import Path  # here, as reading an index does without

            Path(_directory()).mkdir(mode=0o700, parents=True, exist_ok=True)
            directory = _open_directory()
            try:
                _write(directory, self._key(table.words, table.strings), table)
            finally:
                os.close(directory)
        except OSError:
            return False
        return True

    def _key(self, words: Words, strings: StringSection) -> _Key:
        return _Key(self._identity, len(words), strings.end - strings.first, strings.first)


class _Key(NamedTuple):
    """What the BTF and its index must agree on."""

    identity: str
    words: int
    strings: int
    base_strings: int

    @property
    def file_name(self) -> str:
        return f"{self.identity}.index"

    def header(self, entries: int, types: int) -> bytes:
        identity = self.identity.encode()
        identity += bytes(-len(identity) % 8)
        sizes = self.words, self.strings, self.base_strings, len(identity), entries, types
        return _HEADER.pack(_MAGIC, *sizes) + identity


class _IndexTable:
    """A `TypeTable` over a mapped index."""

    def __init__(self, entries: memoryview, offsets: memoryview) -> None:
        self._entries = entries
        self.offsets = offsets

    def find(self, names: Collection[str]) -> list[int]:
        """By bisection; names of the same checksum come along."""
        entries = self._entries
        found: set[int] = set()
        for name in names:
            crc = crc32(name.encode())
            at = bisect_left(entries, crc << _RECORD_BITS)
            while at < len(entries) and entries[at] >> _RECORD_BITS == crc:
                found.add(entries[at] & ((1 << _RECORD_BITS) - 1))
                at += 1
        return sorted(found)


def _directory() -> str:
    base = os.environ.get("XDG_CACHE_HOME", "")
    if not base.startswith("/"):  # says the XDG specification
        base = os.path.expanduser("~/.cache")  # noqa: PTH111 - pathlib is heavy, see lean.py
        if not base.startswith("/"):
            raise FileNotFoundError("there is no home directory")
    return f"{base}/bpflab/btf"


def _open_directory() -> int:
    """A descriptor of the directory of indexes. Raises OSError if others could have written in it."""
    path = _directory()
    directory = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
    try:
        _require_own(os.fstat(directory), path)
    except BaseException:
        os.close(directory)
        raise
    return directory


def _require_own(status: os.stat_result, path: str) -> None:
    if status.st_uid != os.geteuid() or status.st_mode & _OTHERS_MAY_WRITE:
        raise PermissionError(f"{path} can be written by others")


def _open_index(key: _Key) -> _IndexTable:
    """Raises OSError if there is no such index, or one that cannot be trusted or is of other BTF."""
    name = key.file_name
    directory = _open_directory()
    try:
        file = os.open(name, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=directory)
    finally:
        os.close(directory)
    try:
        _require_own(os.fstat(file), name)
        size = os.fstat(file).st_size
        if size < _HEADER.size:
            raise FileNotFoundError(f"{name} is cut off")
        content = native.map_file(file, size)
    finally:
        os.close(file)
    *_, entries, types = _HEADER.unpack_from(content)
    header = key.header(entries, types)
    end = len(header) + 8 * entries
    if content[: len(header)] != header or size != end + 4 * types or not 0 < entries <= types:
        raise FileNotFoundError(f"{name} is of other BTF")
    return _IndexTable(content[len(header) : end].cast("Q"), content[end:].cast("I"))


def _write(directory: int, key: _Key, table: ScannedTable) -> None:
    """Write an index beside its place and rename it. Raises OSError."""
    entries = named_entries(table.words, table.offsets, table.strings)
    name = key.file_name
    unfinished = f".{name}.{os.getpid()}"
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
    file = os.fdopen(os.open(unfinished, flags, 0o600, dir_fd=directory), "wb")
    try:
        with file:
            file.writelines((key.header(len(entries), len(table.offsets)), entries, table.offsets))
            file.flush()
            # A crash of the machine must not leave a file of the right size without its content.
            os.fsync(file.fileno())
        os.rename(unfinished, name, src_dir_fd=directory, dst_dir_fd=directory)
    except OSError:
        os.unlink(unfinished, dir_fd=directory)
        raise
