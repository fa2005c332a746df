"""One build of a kernel, as a distribution packages it."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

from .debversion import version_key
from .version import KernelVersion


@dataclass(frozen=True)
class Package:
    """One binary package; `size` and `installed` in bytes."""

    name: str
    version: str
    sha256: str
    size: int
    installed: int


@dataclass(frozen=True)
class Release:
    """One build of a kernel: `release` is what ``uname -r`` says in it.

    The first of `packages` holds the image. Up to 6.18 it is the only one; from 6.19
    on modules and base files (config, System.map) have packages of their own.
    """

    release: str
    version: KernelVersion
    flavour: str
    suite: str
    packages: tuple[Package, ...]
    has_modules: bool

    @property
    def package(self) -> str:
        """Name and version of the package that holds the image."""
        return f"{self.packages[0].name} {self.packages[0].version}"

    @property
    def size(self) -> int:
        """Bytes to download."""
        return sum(package.size for package in self.packages)

    @property
    def installed(self) -> int:
        """Bytes on disk when unpacked."""
        return sum(package.installed for package in self.packages)

    def age(self) -> tuple[object, ...]:
        """Sorts releases, oldest first; a rebuild for an older Debian before the native build."""
        return self.version, version_key(self.packages[0].version), self.release

    def as_data(self) -> dict[str, Any]:
        """As JSON can hold it."""
        packages = [asdict(package) for package in self.packages]
        return {**asdict(self), "version": str(self.version), "packages": packages}

    @classmethod
    def from_data(cls, data: dict[str, Any]) -> Release:
        """From `as_data`; raises KeyError, TypeError or ValueError if that is not what it is."""
        packages = tuple(Package(**package) for package in data["packages"])
        return cls(**{**data, "version": KernelVersion.parse(data["version"]), "packages": packages})
