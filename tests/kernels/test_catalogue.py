"""Releases read from a made-up package index, and chosen by every kind of selector."""

from __future__ import annotations

import pytest
from bpflab.kernels.apt import Stanza
from bpflab.kernels.catalogue import Catalogue, releases_in
from bpflab.kernels.errors import SelectorError
from bpflab.kernels.release import Release
from bpflab.kernels.version import KernelVersion


def stanza(name: str, version: str, size: int = 30_000_000, suite: str = "trixie") -> Stanza:
    fields = {
        "Package": name,
        "Version": version,
        "SHA256": f"{abs(hash((name, version))):064x}",
        "Size": str(size),
        "Installed-Size": "40000",
    }
    return Stanza(suite, fields)


def split(release: str, version: str, *parts: str) -> list[Stanza]:
    return [stanza(f"linux-{part}-{release}", version) for part in parts]


INDEX = [
    stanza("linux-image-5.10.0-46-amd64", "5.10.262-1"),
    stanza("linux-image-5.10.0-46-cloud-amd64", "5.10.262-1"),
    stanza("linux-image-5.10.0-46-rt-amd64", "5.10.262-1"),
    stanza("linux-image-5.10.0-46-amd64-dbg", "5.10.262-1"),
    stanza("linux-image-amd64", "5.10.262-1", size=1480),
    stanza("linux-image-6.12-amd64", "6.12.117-1~deb12u1", size=1476),
    stanza("linux-image-6.1.0-55-amd64", "6.1.192-1"),
    stanza("linux-image-6.1.0-56-amd64-unsigned", "6.1.192-2"),
    stanza("linux-image-6.1.0-56-amd64", "6.1.192-2", suite="bookworm"),
    stanza("linux-image-6.1.0-56-amd64", "6.1.192-2", suite="bookworm-security"),
    stanza("linux-image-6.1.0-9-amd64-unsigned", "6.1.9-1"),
    stanza("linux-image-6.12.117+deb12-amd64", "6.12.117-1~deb12u1"),
    stanza("linux-image-6.12.117+deb13-amd64", "6.12.117-1"),
    stanza("linux-image-6.19.14+deb13-amd64", "6.19.14-1~bpo13+1", size=2052),
    *split("6.19.14+deb13-amd64", "6.19.14-1~bpo13+1", "binary"),
    *split("7.2.12+deb13-amd64", "7.2.12-1~bpo13+1", "binary", "binary-unsigned", "modules", "base"),
    *split("7.2.13+deb14-amd64", "7.2.13-1", "binary"),
    *split("7.3-amd64", "7.3~rc7-1~exp1", "binary", "modules", "base"),
]


@pytest.fixture
def catalogue() -> Catalogue:
    return Catalogue(releases_in(INDEX))


def only(releases: list[Release]) -> Release:
    assert len(releases) == 1
    return releases[0]


def test_every_build_once_oldest_first(catalogue: Catalogue) -> None:
    assert [release.release for release in catalogue.flavour("generic")] == [
        "5.10.0-46-amd64",
        "6.1.0-9-amd64",
        "6.1.0-55-amd64",
        "6.1.0-56-amd64",
        "6.12.117+deb12-amd64",
        "6.12.117+deb13-amd64",
        "6.19.14+deb13-amd64",
        "7.2.12+deb13-amd64",
        "7.2.13+deb14-amd64",
        "7.3-amd64",
    ]
    assert [release.release for release in catalogue.flavour("cloud")] == ["5.10.0-46-cloud-amd64"]


def test_the_upstream_version_is_the_packages(catalogue: Catalogue) -> None:
    assert only(catalogue.select("6.1.0-56-amd64")).version == KernelVersion(6, 1, 192)
    assert only(catalogue.select("7.3-amd64")).version == KernelVersion(7, 3, 0, 7)


def test_signed_images_go_first(catalogue: Catalogue) -> None:
    assert only(catalogue.select("6.1.0-56-amd64")).package == "linux-image-6.1.0-56-amd64 6.1.192-2"
    assert only(catalogue.select("6.1.9")).package == "linux-image-6.1.0-9-amd64-unsigned 6.1.9-1"


def test_split_packages_belong_together(catalogue: Catalogue) -> None:
    release = only(catalogue.select("7.2.12"))
    assert [package.name for package in release.packages] == [
        "linux-binary-7.2.12+deb13-amd64",
        "linux-modules-7.2.12+deb13-amd64",
        "linux-base-7.2.12+deb13-amd64",
    ]
    assert release.size == 3 * 30_000_000
    assert release.has_modules
    assert not only(catalogue.select("6.19")).has_modules


@pytest.mark.parametrize(
    ("selector", "expected"),
    [
        ("5.10", "5.10.0-46-amd64"),
        ("6.1", "6.1.0-56-amd64"),
        ("6.1.192", "6.1.0-56-amd64"),
        ("6.12", "6.12.117+deb13-amd64"),
        ("6.12.117+deb12-amd64", "6.12.117+deb12-amd64"),
        ("7.3-rc7", "7.3-amd64"),
        ("7.3", "7.3-amd64"),
        ("5.10.0-46-cloud-amd64", "5.10.0-46-cloud-amd64"),
    ],
)
def test_selectors_of_one(catalogue: Catalogue, selector: str, expected: str) -> None:
    assert only(catalogue.select(selector)).release == expected


def test_a_series_prefers_a_release_with_modules(catalogue: Catalogue) -> None:
    assert only(catalogue.select("7.2")).release == "7.2.12+deb13-amd64"


def test_latest_is_no_candidate(catalogue: Catalogue) -> None:
    assert only(catalogue.select("latest")).release == "7.2.12+deb13-amd64"


def test_lts_is_the_newest_of_each_long_term_series(catalogue: Catalogue) -> None:
    chosen = [str(release.version) for release in catalogue.select("lts")]
    assert chosen == ["5.10.262", "6.1.192", "6.12.117"]


@pytest.mark.parametrize(
    ("selector", "near"),
    [
        ("6.2", "6.1, 6.12"),
        ("6.1.191", "6.1, 6.1.9, 6.1.192"),
        ("9.9", "7.2, 7.3"),
        ("newest", "lts, latest, all, host, 5.10"),
        ("", "lts, latest"),
        ("6.1.0-77-amd64", "6.1.9, 6.1.192"),
    ],
)
def test_unknown_selectors_name_the_near_ones(catalogue: Catalogue, selector: str, near: str) -> None:
    with pytest.raises(SelectorError) as caught:
        catalogue.select(selector)
    assert near in str(caught.value)
    assert "\n" not in str(caught.value)


def test_unknown_flavour(catalogue: Catalogue) -> None:
    with pytest.raises(SelectorError, match="generic and cloud"):
        catalogue.select("6.1", "rt")


def test_a_mirror_without_kernels_is_no_crash() -> None:
    for selector in ("latest", "6.1"):
        with pytest.raises(SelectorError):
            Catalogue([]).select(selector)


def test_descriptions_round_trip(catalogue: Catalogue) -> None:
    for release in catalogue.releases:
        assert Release.from_data(release.as_data()) == release
