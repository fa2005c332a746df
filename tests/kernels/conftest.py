"""Kernels small enough to be packaged here: a boot image's header around a few bytes of ELF."""

from __future__ import annotations

import gzip
import hashlib
import struct
import subprocess
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from bpflab.kernels import fetch
from bpflab.kernels.progress import Progress
from bpflab.kernels.release import Package, Release
from bpflab.kernels.version import KernelVersion


@dataclass
class Recorder:
    """A `Progress` that keeps what it is told."""

    notes: list[str] = field(default_factory=list)
    parts: list[tuple[str, int, int]] = field(default_factory=list)

    def advance(self, what: str, done: int, total: int) -> None:
        self.parts.append((what, done, total))

    def note(self, text: str) -> None:
        self.notes.append(text)


def boot_image(release: str) -> bytes:
    """A bzImage of this release whose payload is no more than an ELF magic."""
    payload = gzip.compress(b"\x7fELF and nothing else")
    setup = bytearray(4 * 512)
    setup[0x1F1] = 3
    setup[0x202:0x206] = b"HdrS"
    struct.pack_into("<H", setup, 0x206, 0x20F)
    struct.pack_into("<H", setup, 0x20E, 0x400)
    struct.pack_into("<II", setup, 0x248, 0, len(payload))
    text = f"{release} (a@b) #1".encode() + b"\0"
    setup[0x600 : 0x600 + len(text)] = text
    return bytes(setup) + payload


@dataclass
class Archive:
    """Packages on disk, and a transport that fetches from them."""

    directory: Path
    fetched: int = 0

    def add(self, release: str, version: str, **packages: Sequence[tuple[str, bytes]]) -> Release:
        """Build one .deb per keyword (image, binary, modules, base) from paths and contents."""
        built = []
        for part, files in packages.items():
            name = f"linux-{part}-{release}"
            built.append(self._package(name, version, files))
        return Release(
            release=release,
            version=KernelVersion.parse(version),
            flavour="generic",
            suite="test",
            packages=tuple(built),
            has_modules="image" in packages or "modules" in packages,
        )

    def transport(self, release: Release, into: Path, progress: Progress) -> None:
        self.fetched += 1
        for package in release.packages:
            (into / self._file(package)).write_bytes((self.directory / self._file(package)).read_bytes())

    def truncating(self, times: int) -> fetch.Transport:
        """As `transport`, but the first so many transfers break off half-way."""
        left = times

        def transport(release: Release, into: Path, progress: Progress) -> None:
            nonlocal left
            self.transport(release, into, progress)
            if left:
                left -= 1
                for path in into.iterdir():
                    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])

        return transport

    def _package(self, name: str, version: str, files: Sequence[tuple[str, bytes]]) -> Package:
        tree = self.directory / f"{name}.tree"
        control = f"Package: {name}\nVersion: {version}\nArchitecture: amd64\nMaintainer: x <x@x>\n"
        for path, content in [("DEBIAN/control", f"{control}Description: test\n".encode()), *files]:
            (tree / path).parent.mkdir(parents=True, exist_ok=True)
            (tree / path).write_bytes(content)
        deb = self.directory / f"{name}_{version}_amd64.deb"
        argv = ["dpkg-deb", "--root-owner-group", "-b", str(tree), str(deb)]
        subprocess.run(argv, check=True, capture_output=True)
        data = deb.read_bytes()
        installed = sum(len(content) for _, content in files)
        return Package(name, version, hashlib.sha256(data).hexdigest(), len(data), installed)

    @staticmethod
    def _file(package: Package) -> str:
        return f"{package.name}_{package.version}_amd64.deb"


@pytest.fixture
def archive(tmp_path: Path) -> Archive:
    directory = tmp_path / "archive"
    directory.mkdir()
    return Archive(directory)


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty cache of this test's own."""
    monkeypatch.setenv("BPFLAB_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(fetch, "_PAUSE_S", 0)
    return tmp_path / "cache"


@pytest.fixture
def recorder() -> Recorder:
    return Recorder()


@pytest.fixture
def single(archive: Archive) -> Callable[[], Release]:
    """A release in one package, as up to 6.18."""

    def make(release: str = "6.1.0-9-amd64", version: str = "6.1.9-1") -> Release:
        files = [
            (f"boot/vmlinuz-{release}", boot_image(release)),
            (f"boot/config-{release}", b"CONFIG_BPF=y\n"),
            (f"lib/modules/{release}/kernel/empty", b""),
            (f"lib/modules/{release}/modules.order", b""),
            (f"lib/modules/{release}/modules.builtin", b""),
        ]
        return archive.add(release, version, image=files)

    return make
