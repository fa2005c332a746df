"""Source packages of the mirror, for what has to be built against the newest version."""

from __future__ import annotations

import re
import tarfile
import tempfile
from collections.abc import Sequence
from pathlib import Path

from .apt import AptDirectory
from .cache import built_once, cache_dir
from .debversion import version_key
from .errors import ArchiveError, FetchError
from .progress import Progress


def download_source(package: str, minimum: str, progress: Progress) -> Path:
    """The unpacked upstream tree of a Debian source package, without Debian's patches.

    Its directory is named PACKAGE_UPSTREAM-VERSION. The newest in the cache serves if
    it has the `minimum` upstream version, else the newest of the mirror is fetched.
    Raises `ArchiveError` if the mirror has none that new, `FetchError`.
    """
    home = cache_dir() / "source"
    at_hand = [path for path in home.glob(f"{package}_*") if path.is_dir()]
    tree = _newest([path.name.partition("_")[2] for path in at_hand], minimum)
    if tree:
        return home / f"{package}_{tree}"
    apt = AptDirectory.sources(progress)
    apt.update()
    version = _newest(_versions(apt, package), minimum)
    if version is None:
        raise ArchiveError(f"the mirror has no source of {package} {minimum} or newer")
    destination = home / f"{package}_{_upstream(version)}"
    with built_once(destination) as work:
        if work is not None:
            _fill(work, apt, package, version)
    return destination


def _versions(apt: AptDirectory, package: str) -> list[str]:
    name = re.compile(re.escape(package).encode())
    return [stanza.fields["Version"] for stanza in apt.stanzas(name)]


def _newest(versions: Sequence[str], minimum: str) -> str | None:
    enough = [version for version in versions if version_key(version) >= version_key(minimum)]
    return max(enough, key=version_key, default=None)


def _upstream(version: str) -> str:
    """The upstream version in a package version: without epoch and Debian revision."""
    return re.sub(r"^\d+:|-[^-]*$", "", version)


def _fill(tree: Path, apt: AptDirectory, package: str, version: str) -> None:
    with tempfile.TemporaryDirectory(prefix=".source.", dir=tree.parent) as directory:
        apt.download_source(f"{package}={version}", Path(directory))
        tarballs = sorted(Path(directory).glob(f"{package}_*.orig.tar.*"))
        tarballs = [path for path in tarballs if path.suffix != ".asc"]
        if len(tarballs) != 1:
            raise FetchError(f"the source of {package} {version} came as {len(tarballs)} archives, not one")
        _unpack(tarballs[0], tree)


def _unpack(tarball: Path, tree: Path) -> None:
    """Unpack an upstream archive without the directory that all of it lies in."""
    try:
        with tarfile.open(tarball) as archive:
            # Pythons before 3.11.4 know no filter; the archive is signed in any case.
            archive.extraction_filter = getattr(tarfile, "data_filter", lambda member, path: member)
            members = archive.getmembers()
            for member in members:
                member.name = member.name.partition("/")[2]
                if member.islnk():
                    member.linkname = member.linkname.partition("/")[2]
            archive.extractall(tree, [member for member in members if member.name])
    except (tarfile.TarError, EOFError) as error:
        raise FetchError(f"{tarball.name} is damaged: {error}") from error
