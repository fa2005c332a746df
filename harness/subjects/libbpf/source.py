"""The source of the newest libbpf that the machine's Debian mirror carries."""

from __future__ import annotations

import re
import tarfile
from dataclasses import dataclass
from pathlib import Path

from ....kernels.apt import AptDirectory
from ....kernels.debversion import version_key
from ....kernels.errors import ArchiveError, FetchError
from ....kernels.progress import Progress

MINIMUM = "1.5"
"""From 1.5 on libbpf's releases agree with each other on verdicts and relocated bytes."""


@dataclass(frozen=True)
class SourcePackage:
    """A version of the source package, as the mirror's index lists it."""

    archive: AptDirectory
    version: str

    def unpack(self, into: Path) -> Path:
        """Download it, verified by apt, and unpack upstream's part; the directory with src/.

        Raises `FetchError` if it does not arrive whole.
        """
        self.archive.download_source(f"libbpf={self.version}", into)
        tarballs = list(into.glob("libbpf_*.orig.tar.*"))
        if len(tarballs) != 1:
            raise FetchError(f"libbpf {self.version}: expected one orig.tar, got {len(tarballs)}")
        try:
            with tarfile.open(tarballs[0]) as tarball:
                tarball.extractall(into, filter="data")
        except (tarfile.TarError, OSError) as error:
            raise FetchError(f"{tarballs[0].name} cannot be unpacked: {error}") from error
        found = [makefile.parent.parent for makefile in into.glob("*/src/Makefile")]
        if len(found) != 1:
            raise FetchError(f"{tarballs[0].name} holds no src/Makefile; is it libbpf?")
        return found[0]


def newest_source(progress: Progress) -> SourcePackage:
    """The newest version in any suite, at least `MINIMUM`. Raises `ArchiveError`."""
    archive = AptDirectory.sources(progress)
    archive.update()
    versions = {stanza.fields["Version"] for stanza in archive.stanzas(re.compile(b"libbpf"))}
    newest = max(versions, key=version_key, default=None)
    if newest is None or version_key(newest) < version_key(MINIMUM):
        has = f"at most libbpf {newest}" if newest else "no source package libbpf"
        raise ArchiveError(f"the configured Debian mirror carries {has}; at least {MINIMUM} is needed")
    return SourcePackage(archive, newest)
