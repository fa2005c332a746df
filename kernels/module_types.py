"""The types of an unpacked kernel's modules, without running it: found by name, read where they are wanted.

A kernel comes with thousands of modules, mostly compressed, and reading them all takes ten seconds.
That is done once: an index in the cache says for each name that only modules have which of them do.
"""

from __future__ import annotations

import gzip
import hashlib
import lzma
import os
import re
import warnings
from array import array
from bisect import bisect_left
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from functools import cached_property
from pathlib import Path
from zlib import crc32

import zstandard

from ..loader.btf import Btf, Kind
from ..loader.btf.file import btf_of, sections_of
from ..loader.errors import BtfError
from .cache import built_once, cache_dir
from .progress import Progress, Silent

_PATHS, _ENTRIES = "paths", "entries"
_MODULE_BITS = 32
_SUFFIX = re.compile(r"\.ko(\.xz|\.gz|\.zst)?$")

_DECOMPRESS: dict[str, Callable[[bytes], bytes]] = {
    ".ko": bytes,
    ".xz": lzma.decompress,
    ".gz": gzip.decompress,
    ".zst": lambda data: zstandard.ZstdDecompressor().decompressobj().decompress(data),
}


class ModuleTypes(Mapping[str, Btf]):
    """BTF by the module's name, each read when it is asked for.

    `having` says which are worth asking; a malformed one, and one without BTF, is in none of its answers.
    """

    def __init__(self, folder: Path, progress: Progress | None = None) -> None:
        """Of the modules below a ``lib/modules/RELEASE``; say by `continuing` which types they go on from."""
        self._folder = folder
        self._vmlinux = Btf(array("I"), b"\0")
        self._progress = progress or Silent()
        self._read: dict[str, Btf] = {}

    def continuing(self, vmlinux: Btf) -> ModuleTypes:
        """Itself, with the types of the modules as split BTF of `vmlinux`."""
        self._vmlinux = vmlinux
        return self

    def __getitem__(self, name: str) -> Btf:
        """Raises KeyError if there is no such module, BtfError if its BTF is malformed or it has none."""
        if name not in self._read:
            btf = _btf(self._files[name], self._vmlinux)
            if btf is None:
                raise BtfError(f"module {name} has no BTF")
            self._read[name] = btf
        return self._read[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._files)

    def __len__(self) -> int:
        return len(self._files)

    def having(self, name: str) -> list[str]:
        """The modules that have a type of this essential name, of a kind that vmlinux lacks, sorted."""
        paths, entries = self._index
        crc = crc32(name.encode())
        at = bisect_left(entries, crc << _MODULE_BITS)
        found = []
        while at < len(entries) and entries[at] >> _MODULE_BITS == crc:
            found.append(_name(paths[entries[at] & 0xFFFFFFFF]))
            at += 1
        return sorted(found)

    @cached_property
    def _files(self) -> dict[str, Path]:
        """Every module by its name, as the kernel calls it."""
        paths, _ = self._index
        return {_name(path): self._folder / path for path in paths}

    @cached_property
    def _index(self) -> tuple[list[str], array[int]]:
        """The modules' paths in the folder; and sorted: checksum << 32 | number of the module."""
        place = cache_dir() / "modules" / self._key()
        with built_once(place) as work:
            if work:
                files = (path for path in self._folder.rglob("*.ko*") if _SUFFIX.search(path.name))
                paths = sorted(path.relative_to(self._folder).as_posix() for path in files)
                self._progress.note(f"reading the types of {len(paths)} modules of {self._folder.name}, once")
                (work / _ENTRIES).write_bytes(self._scan(paths))
                (work / _PATHS).write_text("\n".join(paths))
        return (place / _PATHS).read_text().split("\n"), array("Q", (place / _ENTRIES).read_bytes())

    def _key(self) -> str:
        """Of the folder as it is: depmod writes modules.dep whenever a module comes or goes."""
        status = (self._folder / "modules.dep").stat()
        what = f"{self._folder.resolve()} {status.st_size} {status.st_mtime_ns}"
        return hashlib.sha256(what.encode()).hexdigest()[:16]

    def _scan(self, paths: list[str]) -> array[int]:
        known = {_key_of(crc, kind) for crc, kind in self._vmlinux.checksums()}
        entries: list[int] = []
        # Decompression takes most of the time, and does not hold the interpreter.
        with ThreadPoolExecutor(os.cpu_count()) as pool:
            for number, crcs in enumerate(pool.map(lambda path: self._own(path, known), paths)):
                entries += (crc << _MODULE_BITS | number for crc in crcs)
        return array("Q", sorted(entries))

    def _own(self, path: str, known: set[int]) -> set[int]:
        """Checksums of the names of what a module has beyond vmlinux."""
        try:
            btf = _btf(self._folder / path, self._vmlinux)
        except BtfError as error:
            warnings.warn(f"BTF of module {_name(path)} is left out: {error}", stacklevel=2)
            return set()
        found = btf.checksums() if btf else ()
        return {crc for crc, kind in found if kind != Kind.FWD and _key_of(crc, kind) not in known}


def _name(path: str) -> str:
    return _SUFFIX.sub("", path.rpartition("/")[2]).replace("-", "_")


def _key_of(crc: int, kind: int) -> int:
    return crc << 8 | (Kind.ENUM if kind == Kind.ENUM64 else kind)


def _btf(path: Path, vmlinux: Btf) -> Btf | None:
    """None if the module has none: before 5.11 no module has."""
    try:
        image = _DECOMPRESS[path.suffix](path.read_bytes())
    except (OSError, EOFError, lzma.LZMAError, zstandard.ZstdError) as error:
        raise BtfError(f"{path.name}: cannot be read: {error}") from error
    found = sections_of(image, path.name)
    return btf_of(found, vmlinux) if found.btf else None
