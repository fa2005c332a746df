"""Selectors to kernels on disk, with a mirror made of packages that are built here."""

from __future__ import annotations

import json
import platform
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest
from bpflab.kernels import lock, store
from bpflab.kernels.catalogue import Catalogue
from bpflab.kernels.errors import ArchiveError, KernelsError, SelectorError
from bpflab.kernels.release import Release
from bpflab.kernels.store import cached_releases, resolve

from .conftest import Archive, Recorder, boot_image

Single = Callable[..., Release]


@dataclass
class Mirror:
    """Stands where the configured mirror does; counts how often it is asked."""

    archive: Archive
    releases: list[Release]
    pins: Path
    reachable: bool = True
    asked: int = 0

    def apt(self, progress: object) -> Mirror:
        self.asked += 1
        if not self.reachable:
            raise ArchiveError("the mirror cannot be reached")
        return self

    def pin(self, selector: str, release: Release) -> None:
        self.pins.write_text(json.dumps({"generic": {selector: release.as_data()}}))


@pytest.fixture
def mirror(cache: Path, archive: Archive, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Mirror:
    made = Mirror(archive, [], tmp_path / "lock.json")
    monkeypatch.setattr(store, "mirror_apt", made.apt)
    monkeypatch.setattr(store, "mirror_transport", lambda apt: archive.transport)
    monkeypatch.setattr(Catalogue, "of_apt", lambda apt: Catalogue(apt.releases))
    monkeypatch.setattr(store, "pin_of", lambda selector, flavour: lock.pin_of(selector, flavour, made.pins))
    return made


def test_fetched_once_then_without_the_mirror(mirror: Mirror, single: Single, recorder: Recorder) -> None:
    mirror.releases = [single()]
    (kernel,) = resolve(["6.1.9"], "generic", recorder)
    assert (kernel.label, kernel.release) == ("6.1.9", "6.1.0-9-amd64")
    assert str(kernel.version) == "6.1.9"
    assert kernel.package == "linux-image-6.1.0-9-amd64 6.1.9-1"
    mirror.reachable = False
    assert resolve(["6.1.9"], "generic", recorder) == [kernel]
    assert cached_releases() == mirror.releases


def test_each_kernel_once_in_the_order_asked_for(mirror: Mirror, single: Single, recorder: Recorder) -> None:
    mirror.releases = [single(), single("5.10.0-46-amd64", "5.10.262-1")]
    kernels = resolve(["6.1", "5.10", "lts", "6.1.9"], "generic", recorder)
    assert [kernel.label for kernel in kernels] == ["6.1", "5.10"]
    assert mirror.asked == 1


def test_several_at_once_are_named_so_that_they_can_be_asked_for(
    mirror: Mirror, single: Single, recorder: Recorder
) -> None:
    mirror.releases = [single(), single("5.10.0-46-amd64", "5.10.262-1")]
    labels = [kernel.label for kernel in resolve(["all"], "generic", recorder)]
    assert labels == ["5.10.0-46-amd64", "6.1.0-9-amd64"]


def test_the_pin_goes_before_the_newest(mirror: Mirror, single: Single, recorder: Recorder) -> None:
    old, new = single(), single("6.1.0-10-amd64", "6.1.10-1")
    mirror.releases = [old, new]
    mirror.pin("6.1", old)
    (kernel,) = resolve(["6.1"], "generic", recorder)
    assert kernel.release == old.release
    assert resolve(["6.1.10"], "generic", recorder)[0].release == new.release
    assert not recorder.notes


def test_a_pin_in_the_cache_needs_no_mirror(mirror: Mirror, single: Single, recorder: Recorder) -> None:
    old = single()
    mirror.releases = [old]
    mirror.pin("6.1", old)
    resolve(["6.1"], "generic", recorder)
    mirror.reachable = False
    assert resolve(["6.1"], "generic", recorder)[0].release == old.release


def test_a_pin_that_has_left_the_mirror(mirror: Mirror, single: Single, recorder: Recorder) -> None:
    mirror.pin("6.1", single())
    mirror.releases = [single("6.1.0-10-amd64", "6.1.10-1")]
    (kernel,) = resolve(["6.1"], "generic", recorder)
    assert kernel.release == "6.1.0-10-amd64"
    assert recorder.notes == [
        "6.1: the mirror no longer carries linux-image-6.1.0-9-amd64 6.1.9-1, which is pinned; "
        "using linux-image-6.1.0-10-amd64 6.1.10-1"
    ]


def test_strictly_a_pin_is_a_pin(mirror: Mirror, single: Single, recorder: Recorder) -> None:
    mirror.pin("6.1", single())
    mirror.releases = [single("6.1.0-10-amd64", "6.1.10-1")]
    with pytest.raises(ArchiveError, match="renew the lock"):
        resolve(["6.1"], "generic", recorder, strict=True)


def test_missing_modules_are_said(mirror: Mirror, archive: Archive, recorder: Recorder) -> None:
    name = "6.19.14+deb13-amd64"
    mirror.releases = [archive.add(name, "6.19.14-1", binary=[(f"boot/vmlinuz-{name}", boot_image(name))])]
    (kernel,) = resolve(["6.19"], "generic", recorder)
    assert kernel.modules is None
    assert any("modules have left the archive" in note for note in recorder.notes)


def test_without_a_mirror_the_cache_serves_and_says_so(
    mirror: Mirror, single: Single, recorder: Recorder
) -> None:
    mirror.releases = [single()]
    resolve(["6.1"], "generic", recorder)
    mirror.reachable = False
    assert resolve(["latest"], "generic", recorder)[0].release == "6.1.0-9-amd64"
    assert any("because the mirror cannot be reached" in note for note in recorder.notes)
    with pytest.raises(ArchiveError, match="cannot be reached"):
        resolve(["6.12"], "generic", recorder)


def test_host_and_paths_need_no_mirror(mirror: Mirror, tmp_path: Path, recorder: Recorder) -> None:
    image = tmp_path / "bzImage"
    image.write_bytes(boot_image("6.6.1-mine"))
    host, mine = resolve(["host", str(image)], "generic", recorder)
    assert host.is_host and host.release == platform.release()
    assert (mine.label, mine.release, mine.image) == (str(image), "6.6.1-mine", image)
    assert mirror.asked == 0


def test_unknown_selectors(mirror: Mirror, single: Single, recorder: Recorder) -> None:
    mirror.releases = [single()]
    with pytest.raises(SelectorError, match=r"near it: 6\.1"):
        resolve(["6.2"], "generic", recorder)
    with pytest.raises(SelectorError, match="there is no /nowhere"):
        resolve(["/nowhere"], "generic", recorder)
    with pytest.raises(SelectorError, match="/etc/passwd is not a kernel image"):
        resolve(["/etc/passwd"], "generic", recorder)


@pytest.mark.parametrize("text", ["{", "[]", '{"generic": {"6.1": {"release": 1}}}', '{"generic": 3}'])
def test_a_damaged_lock_is_one_clear_error(mirror: Mirror, recorder: Recorder, text: str) -> None:
    mirror.pins.write_text(text)
    with pytest.raises(KernelsError, match=r"lock\.json"):
        resolve(["6.1"], "generic", recorder)


def test_refreshing_the_lock(
    archive: Archive, single: Single, recorder: Recorder, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    versions = {
        "5.10": "5.10.262-1",
        "6.1": "6.1.9-1",
        "6.12": "6.12.9-1",
        "6.18": "6.18.9-1",
        "7.2": "7.2.9-1",
    }
    generic = [single(f"{series}.9-amd64", version) for series, version in versions.items()]
    short_lived = single("7.2.10-amd64", "7.2.10-1")
    releases = [*generic, *(_cloud(release) for release in generic), _in_suite(short_lived, "sid")]
    monkeypatch.setattr(Catalogue, "of_mirror", lambda progress, max_age_s: Catalogue(releases))
    path = tmp_path / "lock.json"
    changes = lock.refresh_lock(recorder, path)
    assert "generic 6.1: none → 6.1.9-1" in changes and len(changes) == 10
    for series, release in zip(versions, generic, strict=True):
        assert lock.pin_of(series, "generic", path) == release
    assert lock.refresh_lock(recorder, path) == []


def test_the_lock_that_is_shipped_pins_the_default_matrix() -> None:
    for flavour in ("generic", "cloud"):
        for selector in lock.PINNED:
            pin = lock.pin_of(selector, flavour)
            assert pin is not None
            assert f"{pin.version.major}.{pin.version.minor}" == selector
            assert pin.has_modules


def _cloud(release: Release) -> Release:
    return Release.from_data({**release.as_data(), "flavour": "cloud"})


def _in_suite(release: Release, suite: str) -> Release:
    return Release.from_data({**release.as_data(), "suite": suite})
