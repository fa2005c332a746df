"""Every kernel release that the Debian mirror carries, and choosing among them."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Sequence

from .apt import FRESH_S, AptDirectory, Stanza
from .errors import SelectorError
from .progress import Progress
from .release import Package, Release
from .version import KernelVersion

FLAVOURS = ("generic", "cloud")
"""Debian's ``-amd64`` kernels (9p and most drivers as modules) and the smaller ``-cloud-amd64`` ones."""

LTS_SERIES = ((5, 10), (5, 15), (6, 1), (6, 6), (6, 12), (6, 18))
"""What kernel.org maintains as long-term series."""

_NAMES = re.compile(rb"linux-(?:image|binary|modules|base)-\S+-amd64(?:-unsigned)?")
_NAME = re.compile(
    r"linux-(?P<part>image|binary|modules|base)-(?P<unsigned>unsigned-)?"
    r"(?P<release>\d\S*?-(?P<cloud>cloud-)?amd64)(?:-unsigned)?"
)
# A package this small only depends on others: linux-image-amd64 and its like, and
# the linux-image packages of the layout split in 6.19.
_SMALLEST_IMAGE = 1_000_000


class Catalogue:
    """The releases that a mirror carries."""

    def __init__(self, releases: Iterable[Release]) -> None:
        self.releases = tuple(sorted(releases, key=Release.age))

    @classmethod
    def of_mirror(cls, progress: Progress, max_age_s: float = FRESH_S) -> Catalogue:
        """The configured mirror's, from package indexes at most this old; raises `ArchiveError`."""
        return cls.of_apt(mirror_apt(progress, max_age_s))

    @classmethod
    def of_apt(cls, apt: AptDirectory) -> Catalogue:
        """Those in the indexes that an apt directory holds."""
        return cls(releases_in(apt.stanzas(_NAMES)))

    def flavour(self, flavour: str) -> list[Release]:
        """All of one flavour, oldest first; raises `SelectorError` for an unknown flavour."""
        if flavour not in FLAVOURS:
            raise SelectorError(f"no flavour {flavour!r}: there are {' and '.join(FLAVOURS)}")
        return [release for release in self.releases if release.flavour == flavour]

    def select(self, selector: str, flavour: str = "generic") -> list[Release]:
        """The releases that a selector means, oldest first.

        A series (``6.1``: its newest), a version (``6.1.192``, ``7.3-rc2``), a release
        (``6.1.0-42-amd64``), ``latest``, ``lts`` or ``all``. Raises `SelectorError`
        naming the near ones if there is none.
        """
        known = self.flavour(flavour)
        if selector == "all":
            return known
        if selector == "lts":
            by_series = _by_series(known)
            return [newest(by_series[series]) for series in LTS_SERIES if series in by_series]
        if selector == "latest":
            chosen = [release for release in known if release.version.candidate is None]
        else:
            chosen = matching(selector, known) or [r for r in self.releases if r.release == selector]
        if not chosen:
            near = ", ".join(_near(selector, known))
            raise SelectorError(f"no kernel {selector!r} ({flavour}) on the mirror; near it: {near}")
        return [newest(chosen)]


def mirror_apt(progress: Progress, max_age_s: float = FRESH_S) -> AptDirectory:
    """The apt directory of the configured mirror, its indexes at most this old; 0 asks it again."""
    apt = AptDirectory.binaries(progress)
    apt.update(max_age_s)
    return apt


def list_releases(progress: Progress, flavour: str | None = None) -> list[Release]:
    """Every release on the mirror (of one flavour), oldest first; raises `ArchiveError`."""
    catalogue = Catalogue.of_mirror(progress)
    return list(catalogue.releases) if flavour is None else catalogue.flavour(flavour)


def matching(selector: str, releases: Sequence[Release]) -> list[Release]:
    """The releases that a release name, a version or a series fits."""
    exact = [release for release in releases if release.release == selector]
    if exact or not _is_version(selector):
        return exact
    version = KernelVersion.parse(selector)
    if re.fullmatch(r"\d+\.\d+", selector):
        return [release for release in releases if release.version.series == version.series]
    return [release for release in releases if release.version == version]


def newest(releases: Sequence[Release]) -> Release:
    """The newest release, one that still has its modules if there is any."""
    return max(releases, key=lambda release: (release.has_modules, release.age()))


def releases_in(stanzas: Iterable[Stanza]) -> list[Release]:
    """The kernel releases among the packages of an index, each build once."""
    builds: dict[tuple[str, str], dict[tuple[str, bool], Stanza]] = defaultdict(dict)
    for stanza in stanzas:
        found = _NAME.fullmatch(stanza.fields["Package"])
        if not found or "-rt-" in found["release"]:
            continue
        name = stanza.fields["Package"]
        part = (found["part"], name.endswith("-unsigned") or bool(found["unsigned"]))
        builds[found["release"], stanza.fields["Version"]].setdefault(part, stanza)
    releases = [_release(name, parts) for (name, _), parts in builds.items()]
    return [release for release in releases if release is not None]


def _release(name: str, parts: dict[tuple[str, bool], Stanza]) -> Release | None:
    # Signed images are what machines run; a few releases are there only unsigned.
    binary = parts.get(("binary", False)) or parts.get(("binary", True))
    image = binary or parts.get(("image", False)) or parts.get(("image", True))
    if image is None or int(image.fields["Size"]) < _SMALLEST_IMAGE:
        return None
    more = [parts[part, False] for part in ("modules", "base") if (part, False) in parts] if binary else []
    return Release(
        release=name,
        version=KernelVersion.parse(image.fields["Version"]),
        flavour="cloud" if name.endswith("-cloud-amd64") else "generic",
        suite=image.suite,
        packages=tuple(_package(stanza) for stanza in (image, *more)),
        has_modules=binary is None or ("modules", False) in parts,
    )


def _package(stanza: Stanza) -> Package:
    fields = stanza.fields
    return Package(
        name=fields["Package"],
        version=fields["Version"],
        sha256=fields["SHA256"],
        size=int(fields["Size"]),
        installed=int(fields["Installed-Size"]) * 1024,
    )


def _by_series(releases: Iterable[Release]) -> dict[tuple[int, int], list[Release]]:
    found: dict[tuple[int, int], list[Release]] = defaultdict(list)
    for release in releases:
        found[release.version.series].append(release)
    return found


def _is_version(text: str) -> bool:
    return re.fullmatch(r"\d+\.\d+(\.\d+)?(-rc\d+)?", text) is not None


def _near(selector: str, releases: Sequence[Release]) -> list[str]:
    """What somebody may have meant: versions of the same series, else the neighbouring series."""
    try:
        wanted = KernelVersion.parse(selector)
    except ValueError:
        return ["lts", "latest", "all", "host", *_series_names(releases)]
    same = _by_series(releases).get(wanted.series)
    if same:
        versions = {release.version for release in same}
        nearest = sorted(versions, key=lambda version: abs(version.patch - wanted.patch))[:4]
        return [f"{wanted.major}.{wanted.minor}", *(str(version) for version in sorted(nearest))]
    names = _series_names(releases)
    after = sum(KernelVersion.parse(name) < wanted for name in names)
    return names[max(0, after - 2) : after + 2]


def _series_names(releases: Iterable[Release]) -> list[str]:
    return [f"{major}.{minor}" for major, minor in sorted(_by_series(releases))]
