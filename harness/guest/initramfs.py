"""What a snapshot guest boots from: Python, bpflab and the payload, at the paths of the host.

Beside them the kernel's modules and its configuration.
"""

from __future__ import annotations

import hashlib
import importlib.util
import marshal
import os
import shutil
import sys
import tempfile
from collections.abc import Iterable, Sequence
from pathlib import Path

from ...kernels.cache import built_once, cache_dir
from ...kernels.cpio import (
    Entry,
    character_device,
    directory,
    file,
    file_from,
    symlink,
    write_cpio,
)
from ...kernels.kernel import Kernel
from .agent import MODULE_DIRECTORY
from .engine import MODULES, GuestSetupError
from .modules import write_modules
from .python_base import package_files, shared_libraries

_FORMAT = "2"
"""Part of every fingerprint: to be counted up when archives are made in another way."""
_UNCHECKED_HASH = 0b01
"""PEP 552: bytecode that is used without looking at the source; there may be none, and stat is slow."""


class Image:
    """The parts of an initramfs. Finding them is cheap next to writing them; `fingerprint` names the whole.

    `python` are the files of `python_files`. Raises `GuestSetupError` if something
    of the payload is missing.
    """

    def __init__(self, python: Sequence[Path], kernel: Kernel, payload: Iterable[Path]) -> None:
        self._kernel = kernel
        self._python = python
        self._package = package_files()
        self._payload = _files_below(payload)
        self._payload += shared_libraries(path for path in self._payload if os.access(path, os.X_OK))

    @property
    def fingerprint(self) -> str:
        """Changes whenever a file in it does (by size and time of change), or where it lies."""
        modules = [self._kernel.modules / "modules.dep"] if self._kernel.modules else []
        config = [self._kernel.config] if self._kernel.config else []
        return _fingerprint([*self._python, *self._package, *self._payload, *modules, *config])

    @property
    def size(self) -> int:
        """Bytes of all files: about what the guest needs in memory for them."""
        return sum(path.stat().st_size for path in [*self._python, *self._package, *self._payload])

    def write(self, destination: Path) -> None:
        """Write it. The part that does not change from day to day is kept in the cache."""
        with destination.open("wb") as out:
            with self._base().open("rb") as base:
                shutil.copyfileobj(base, out, 1 << 20)
            tree = _Tree()
            tree.add_modules(self._kernel.modules)
            tree.add_config(self._kernel)
            for path in self._package:
                tree.add_source(path)
            for path in self._payload:
                tree.add(path)
            write_cpio(out, tree.entries())

    def _base(self) -> Path:
        place = cache_dir() / "python" / _fingerprint(self._python)
        with built_once(place) as work:
            if work is not None:
                tree = _Tree()
                for path in self._python:
                    tree.add_compiled(path)
                with (work / "base.cpio").open("wb") as out:
                    write_cpio(out, tree.entries())
        return place / "base.cpio"


class _Tree:
    """Entries of an archive by path: each with the directories and symbolic links that lead to it."""

    def __init__(self) -> None:
        self._entries: dict[Path, Entry] = {}
        self._put(character_device("dev/console", 5, 1))

    def entries(self) -> list[Entry]:
        """All of them, directories before what is in them."""
        return list(self._entries.values())

    def add(self, path: Path) -> Path:
        """A file as it is. Returns where it really lies, which is not `path` behind a symbolic link."""
        current = Path("/")
        for number, part in enumerate(path.parts[1:], 2):
            following = current / part
            if following.is_symlink():
                target = following.readlink()
                self._put(symlink(str(following), str(target)))
                return self.add(Path(os.path.normpath(current / target)).joinpath(*path.parts[number:]))
            current = following
        if current not in self._entries:
            self._put(file_from(str(current), current))
        return current

    def add_compiled(self, path: Path) -> None:
        """A file; Python source only as bytecode, which takes its place."""
        if path.suffix != ".py" or (code := _bytecode(path)) is None:
            self.add(path)
            return
        # The source's own entry says where it really lies.
        real = self.add(path)
        del self._entries[real]
        self._put(file(str(real.with_suffix(".pyc")), code))

    def add_source(self, path: Path) -> None:
        """A file; Python source together with its bytecode, so that tracebacks show lines."""
        real = self.add(path)
        if path.suffix == ".py" and (code := _bytecode(path)) is not None:
            self._put(file(importlib.util.cache_from_source(str(real)), code))

    def add_modules(self, modules: Path | None) -> None:
        """The kernel modules that a job may rely on, unpacked."""
        with tempfile.TemporaryDirectory(prefix="bpflab-") as scratch:
            write_modules(modules, MODULES, Path(scratch))
            for module in sorted(Path(scratch).iterdir()):
                self._put(file(str(MODULE_DIRECTORY / module.name), module.read_bytes()))

    def add_config(self, kernel: Kernel) -> None:
        """The kernel's configuration, where distributions have it."""
        if kernel.config is not None:
            self._put(file_from(f"/boot/config-{kernel.release}", kernel.config))

    def _put(self, entry: Entry) -> None:
        path = Path("/") / entry.name
        for parent in reversed(path.parents[:-1]):
            self._entries.setdefault(parent, directory(str(parent)))
        self._entries[path] = entry


def _bytecode(path: Path) -> bytes | None:
    """What a .pyc file of this Python holds; None if it is not a program for it."""
    source = path.read_bytes()
    try:
        code = compile(source, str(path), "exec", dont_inherit=True)
    except (SyntaxError, ValueError):
        return None
    header = importlib.util.MAGIC_NUMBER + _UNCHECKED_HASH.to_bytes(4, "little")
    return header + importlib.util.source_hash(source) + marshal.dumps(code)


def _files_below(paths: Iterable[Path]) -> list[Path]:
    files: list[Path] = []
    for path in paths:
        if path.is_dir():
            for top, below, names in os.walk(path):
                below[:] = [name for name in below if name != "__pycache__"]
                files += (Path(top) / name for name in names)
        elif path.is_file():
            files.append(path)
        else:
            raise GuestSetupError(f"{path}: no such file or directory; it should go into the guest")
    return sorted({path.absolute() for path in files})


def _fingerprint(paths: Iterable[Path]) -> str:
    digest = hashlib.sha256(f"{_FORMAT} {sys.executable} {sys.version}".encode())
    for path in paths:
        state = path.stat()
        digest.update(f"{path}\0{state.st_size}\0{state.st_mtime_ns}\n".encode())
    return digest.hexdigest()[:16]
