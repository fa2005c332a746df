"""Builds libbpf and the subject around it, once, into the cache.

    <cache>/libbpf/<version>/include   bpf/*.h and the linux/*.h that go with them
    <cache>/libbpf/<version>/lib       libbpf.a
    <cache>/subjects/libbpf-<version>-<hash>/libbpf-subject

The subject is linked statically, so it runs in any guest. What is in the cache is used
as it is: a newer libbpf on the mirror is taken after the old one's directory is removed.
"""

from __future__ import annotations

import hashlib
import os
import subprocess
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from ....kernels.cache import built_once, cache_dir, locked
from ....kernels.debversion import version_key
from ....kernels.progress import Progress, Silent
from ....kernels.source import download_source
from ... import tools

MINIMUM = "1.5"
"""From 1.5 on libbpf's releases agree with each other on verdicts and relocated bytes."""

_HERE = Path(__file__).parent
_TOOLS = ("C compiler", "libc headers", "make", "libelf", "zlib", "zstd", "json-c")
_FLAGS = ("-std=gnu11", "-O2", "-Wall", "-Wextra", "-static")
_LIBRARIES = ("-lelf", "-lz", "-lzstd", "-ljson-c")


class SubjectBuildError(Exception):
    """libbpf or its subject did not compile; the text has the compiler's last lines."""


@dataclass(frozen=True)
class Library:
    """A built libbpf; `version` is its own, as in '1.7.0'."""

    version: str
    path: Path

    @property
    def headers(self) -> Path:
        """The directory to give to -I."""
        return self.path / "include"

    @property
    def archive(self) -> Path:
        """libbpf.a."""
        return self.path / "lib" / "libbpf.a"


def headers(progress: Progress | None = None) -> Path:
    """The include directory of the built libbpf: bpf/*.h, linux/bpf.h, linux/btf.h.

    Raises what `library` raises.
    """
    return library(progress).headers


def binary(progress: Progress | None = None) -> Path:
    """The libbpf subject's program. Raises what `library` raises."""
    built = library(progress)
    sources = sorted([*_HERE.glob("*.c"), *_HERE.glob("*.h")])
    digest = hashlib.sha256(" ".join((built.version, *_FLAGS, *_LIBRARIES)).encode())
    for source in sources:
        digest.update(source.name.encode() + b"\0" + source.read_bytes())
    place = cache_dir() / "subjects" / f"libbpf-{built.version}-{digest.hexdigest()[:16]}"
    with built_once(place) as work:
        if work:
            _require_tools()
            (progress or Silent()).note("compiling the libbpf subject")
            _compile(built, [source for source in sources if source.suffix == ".c"], work / "libbpf-subject")
    return place / "libbpf-subject"


def library(progress: Progress | None = None) -> Library:
    """The newest libbpf in the cache, else the mirror's newest, built into it.

    Raises `MissingToolsError`, `KernelsError` (of fetching) or `SubjectBuildError`.
    """
    root = cache_dir() / "libbpf"
    root.mkdir(exist_ok=True)
    with locked(root / "build.lock"):
        return _newest_built(root) or _build(root, progress or Silent())


def _newest_built(root: Path) -> Library | None:
    built = [Library(path.name, path) for path in root.iterdir() if path.is_dir() and path.name[0] != "."]
    fit = [each for each in built if version_key(each.version) >= version_key(MINIMUM)]
    return max(fit, key=lambda each: version_key(each.version), default=None)


def _build(root: Path, progress: Progress) -> Library:
    _require_tools()
    source = download_source("libbpf", MINIMUM, progress)
    version = source.name.partition("_")[2]
    with (
        built_once(root / version) as work,
        tempfile.TemporaryDirectory(prefix=".make-", dir=root) as scratch,
    ):
        if work:
            progress.note(f"building libbpf {version}")
            _make(source, Path(scratch), work)
    return Library(version, root / version)


def _make(source: Path, objects: Path, into: Path) -> None:
    # CFLAGS without upstream's -Werror: newer compilers know newer warnings.
    settings = ["BUILD_STATIC_ONLY=1", f"OBJDIR={objects}", "CFLAGS=-g -O2 -std=gnu89"]
    where = [f"DESTDIR={into}", "PREFIX=", "LIBDIR=/lib"]
    targets = ["install", "install_uapi_headers"]
    _run(["make", "-C", str(source / "src"), *settings, *where, *targets], "building libbpf")


def _compile(built: Library, sources: Sequence[Path], program: Path) -> None:
    release = f'-DLIBBPF_RELEASE="{built.version}"'
    arguments = [*_FLAGS, release, "-isystem", str(built.headers), *map(str, sources), str(built.archive)]
    _run(["cc", *arguments, *_LIBRARIES, "-o", str(program)], "compiling the libbpf subject")


def _run(command: Sequence[str], what: str) -> None:
    environment = os.environ | {"LC_ALL": "C"}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    if done.returncode:
        said = "\n".join((done.stdout + done.stderr).splitlines()[-15:])
        raise SubjectBuildError(f"{what} failed ({command[0]} ended with {done.returncode}):\n{said}")


def _require_tools() -> None:
    tools.require(tool for tool in tools.TOOLS if tool.name in _TOOLS)
