"""Fetching, unpacking and every way in which that fails; the packages are built here."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from bpflab.kernels import fetch as fetching
from bpflab.kernels.errors import DiskFullError, FetchError, MissingProgramError
from bpflab.kernels.fetch import directory_of, fetch
from bpflab.kernels.installed import kernel_at
from bpflab.kernels.release import Release

from .conftest import Archive, Recorder, boot_image

Single = Callable[..., Release]


def nothing_in(cache: Path) -> bool:
    kept = [path for path in cache.rglob("*") if path.is_file() and path.suffix != ".lock"]
    return not kept and not list((cache / "kernels").glob(".*"))


def test_one_package(cache: Path, archive: Archive, single: Single, recorder: Recorder) -> None:
    release = single()
    directory = fetch(release, archive.transport, recorder)
    kernel = kernel_at(directory, "6.1")
    assert kernel.release == "6.1.0-9-amd64"
    assert kernel.config is not None and kernel.config.read_text() == "CONFIG_BPF=y\n"
    assert kernel.modules == directory / "lib/modules/6.1.0-9-amd64"
    assert (kernel.modules / "modules.dep").exists()
    assert not list(directory.rglob("*.deb"))
    assert recorder.parts[-1] == ("6.1.0-9-amd64", release.size, release.size)


def test_split_packages(cache: Path, archive: Archive, recorder: Recorder) -> None:
    name = "7.2.12+deb13-amd64"
    home = f"usr/lib/modules/{name}"
    release = archive.add(
        name,
        "7.2.12-1~bpo13+1",
        binary=[(f"{home}/vmlinuz", boot_image(name))],
        modules=[(f"{home}/kernel/empty", b"")],
        base=[(f"{home}/config", b"CONFIG_BPF=y\n"), (f"{home}/modules.order", b"")],
    )
    directory = fetch(release, archive.transport, recorder)
    kernel = kernel_at(directory, "7.2")
    assert kernel.image == directory / "boot" / f"vmlinuz-{name}"
    assert kernel.config == directory / "boot" / f"config-{name}"
    assert kernel.modules == directory / "lib/modules" / name
    assert (kernel.modules / "modules.dep").exists()
    assert "~" not in directory.name


def test_an_image_whose_modules_are_gone(cache: Path, archive: Archive, recorder: Recorder) -> None:
    name = "6.19.14+deb13-amd64"
    release = archive.add(name, "6.19.14-1", binary=[(f"boot/vmlinuz-{name}", boot_image(name))])
    kernel = kernel_at(fetch(release, archive.transport, recorder), "6.19")
    assert kernel.modules is None
    assert kernel.config is None


def test_what_is_there_is_not_fetched_again(
    cache: Path, archive: Archive, single: Single, recorder: Recorder
) -> None:
    release = single()
    first = fetch(release, archive.transport, recorder)
    assert fetch(release, archive.transport, recorder) == first
    assert archive.fetched == 1


def test_a_truncated_download_is_tried_again(
    cache: Path, archive: Archive, single: Single, recorder: Recorder
) -> None:
    directory = fetch(single(), archive.truncating(2), recorder)
    assert (directory / "boot").exists()
    assert archive.fetched == 3
    assert [note for note in recorder.notes if "truncated" in note]


def test_truncated_every_time(cache: Path, archive: Archive, single: Single, recorder: Recorder) -> None:
    with pytest.raises(FetchError, match=r"arrived truncated: \d+ of \d+ bytes \(3 attempts\)"):
        fetch(single(), archive.truncating(99), recorder)
    assert nothing_in(cache)


def test_damaged(cache: Path, archive: Archive, single: Single, recorder: Recorder) -> None:
    release = single()
    promised = replace(release, packages=(replace(release.packages[0], sha256="0" * 64),))
    with pytest.raises(FetchError, match="arrived damaged"):
        fetch(promised, archive.transport, recorder)
    assert nothing_in(cache)


def test_nothing_arrived(cache: Path, single: Single, recorder: Recorder) -> None:
    with pytest.raises(FetchError, match=r"linux-image-6.1.0-9-amd64 6.1.9-1 did not arrive"):
        fetch(single(), lambda release, into, progress: None, recorder)
    assert nothing_in(cache)


def test_a_package_without_a_kernel(cache: Path, archive: Archive, recorder: Recorder) -> None:
    release = archive.add("6.1.0-9-amd64", "6.1.9-1", image=[("usr/share/doc/README", b"no kernel")])
    with pytest.raises(FetchError, match="hold no kernel image"):
        fetch(release, archive.transport, recorder)
    assert nothing_in(cache)


def test_an_interrupted_download_leaves_nothing(cache: Path, single: Single, recorder: Recorder) -> None:
    def interrupted(release: Release, into: Path, progress: object) -> None:
        (into / "half.deb").write_bytes(b"half")
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fetch(single(), interrupted, recorder)
    assert nothing_in(cache)


@pytest.mark.parametrize("program", ["dpkg-deb", "depmod"])
def test_missing_programs(
    cache: Path,
    archive: Archive,
    single: Single,
    recorder: Recorder,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    program: str,
) -> None:
    release = single()
    programs = tmp_path / "bin"
    programs.mkdir()
    if program == "depmod":
        (programs / "dpkg-deb").symlink_to("/usr/bin/dpkg-deb")
    monkeypatch.setattr("bpflab.kernels.programs._SYSTEM_DIRECTORIES", "")
    monkeypatch.setenv("PATH", str(programs))
    with pytest.raises(MissingProgramError, match=rf"{program} is missing: apt-get install"):
        fetch(release, archive.transport, recorder)
    assert archive.fetched == 0


@pytest.fixture
def small_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A cache on a file system of 1 MiB."""
    disk = tmp_path / "disk"
    disk.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=1m", "none", str(disk)]
    done = subprocess.run(mount, check=False, capture_output=True, text=True)
    if done.returncode:
        pytest.skip(f"no small file system can be mounted: {done.stderr.strip()}")
    monkeypatch.setenv("BPFLAB_CACHE", str(disk / "cache"))
    monkeypatch.setattr(fetching, "_PAUSE_S", 0)
    yield disk / "cache"
    subprocess.run(["umount", str(disk)], check=True)


def large(archive: Archive) -> Release:
    name = "6.1.0-9-amd64"
    return archive.add(
        name, "6.1.9-1", image=[(f"boot/vmlinuz-{name}", boot_image(name)), ("boot/large", bytes(4 << 20))]
    )


def test_too_little_room_is_seen_before_the_download(
    small_disk: Path, archive: Archive, recorder: Recorder
) -> None:
    with pytest.raises(DiskFullError, match="set BPFLAB_CACHE to a directory with more"):
        fetch(large(archive), archive.transport, recorder)
    assert archive.fetched == 0
    assert nothing_in(small_disk)


def test_the_disk_fills_up_while_unpacking(small_disk: Path, archive: Archive, recorder: Recorder) -> None:
    release = large(archive)
    unaware = replace(release, packages=(replace(release.packages[0], installed=0),))
    with pytest.raises(DiskFullError, match="No space left on device"):
        fetch(unaware, archive.transport, recorder)
    assert nothing_in(small_disk)


def test_the_disk_fills_up_while_downloading(small_disk: Path, archive: Archive, recorder: Recorder) -> None:
    def too_much(release: Release, into: Path, progress: object) -> None:
        (into / "large.deb").write_bytes(os.urandom(4 << 20))

    release = large(archive)
    unaware = replace(release, packages=(replace(release.packages[0], installed=0),))
    with pytest.raises(DiskFullError, match="No space left on device"):
        fetch(unaware, too_much, recorder)
    assert nothing_in(small_disk)


def test_two_builds_of_one_release_do_not_mix(
    cache: Path, archive: Archive, single: Single, recorder: Recorder
) -> None:
    first, second = single(version="6.1.9-1"), single(version="6.1.9-2")
    assert directory_of(first) != directory_of(second)
