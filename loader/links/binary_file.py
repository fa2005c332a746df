"""Finding a program or library by its name, and reading it; also in an archive (``ARCHIVE!/MEMBER``)."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager
from mmap import PROT_READ, mmap
from pathlib import Path
from typing import NamedTuple

from ..elf_binary import Binary
from ..errors import KernelError, ObjectError

_LIBRARIES = ("/usr/lib64", "/usr/lib", "/lib64", "/lib")
_PROGRAMS = ("/usr/bin", "/usr/sbin", "/bin", "/sbin")
_MULTIARCH = {"x86_64": "x86_64-linux-gnu", "aarch64": "aarch64-linux-gnu", "riscv64": "riscv64-linux-gnu"}
_LOCAL_HEADER = 30
"""Bytes of a zip archive's header before a member's name."""


class BinaryFile(NamedTuple):
    """A binary, and the file that the kernel knows it by."""

    path: str
    start: int
    """Where in the file it begins: not 0 in an archive."""
    binary: Binary


def file_of(path: str | Path) -> str:
    """The file of a program or library, as the kernel takes it: what is before the ``!/``, searched for.

    A name without a slash is searched for as the shell or the dynamic linker does: libraries
    (``.so`` in the name) in LD_LIBRARY_PATH and the usual directories, others in PATH. What is
    not found stays as it is.
    """
    name = os.fspath(path).partition("!/")[0]
    if "/" in name:
        return name
    library = ".so" in name
    places = [*os.environ.get("LD_LIBRARY_PATH" if library else "PATH", "").split(":")]
    if library:
        multiarch = _MULTIARCH.get(os.uname().machine, "")
        places += [*_LIBRARIES, *(f"{place}/{multiarch}" for place in _LIBRARIES if multiarch)]
    else:
        places += _PROGRAMS
    mode = os.R_OK if library else os.R_OK | os.X_OK
    candidates = (Path(place, name) for place in places if place)
    found = next((each for each in candidates if each.is_file() and os.access(each, mode)), name)
    return os.fspath(found)


@contextmanager
def open_binary(path: str | Path, action: str) -> Iterator[BinaryFile]:
    """Map a program or library. Raises KernelError, with `action` as what was tried, and ObjectError."""
    file, _, member = os.fspath(path).partition("!/")
    file = file_of(file)
    try:
        if member:
            start, content = _member(file, member)
            yield BinaryFile(file, start, Binary(content, f"{file}!/{member}"))
            return
        fd = os.open(file, os.O_RDONLY | os.O_CLOEXEC)
        try:
            size = os.fstat(fd).st_size
            if not size:
                raise ObjectError(file, "", "the file is empty")
            with mmap(fd, size, prot=PROT_READ) as content_of_file:
                yield BinaryFile(file, 0, Binary(content_of_file, file))
        finally:
            os.close(fd)
    except OSError as error:
        raise KernelError(action, error.errno or 0, _hint(error.errno, file)) from None


def _hint(number: int | None, file: str) -> str:
    if number == errno.ENOENT and "/" not in file:
        return "it is in none of the directories that are searched for such names: give its path"
    return ""


def _member(archive: str, member: str) -> tuple[int, bytes]:
    """Where in an archive a member begins, and its content. Raises ObjectError."""
    from zipfile import ZIP_STORED, BadZipFile, ZipFile

    try:
        with ZipFile(archive) as opened, Path(archive).open("rb") as raw:
            info = opened.getinfo(member)
            if info.compress_type != ZIP_STORED:
                raise ObjectError(archive, "", f"'{member}' is compressed: no program runs from it there")
            raw.seek(info.header_offset)
            header = raw.read(_LOCAL_HEADER)
            names = int.from_bytes(header[26:28], "little") + int.from_bytes(header[28:30], "little")
            return info.header_offset + _LOCAL_HEADER + names, opened.read(member)
    except BadZipFile as error:
        raise ObjectError(archive, "", f"this is no archive: {error}") from None
    except KeyError:
        raise ObjectError(archive, "", f"it has no member '{member}'") from None
