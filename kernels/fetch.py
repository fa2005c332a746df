"""Getting one release into the cache: download, verify, unpack, index its modules."""

from __future__ import annotations

import errno
import hashlib
import json
import shutil
import time
from collections.abc import Callable
from pathlib import Path

from .apt import AptDirectory
from .cache import built_once, cache_dir
from .errors import DiskFullError, FetchError
from .programs import find_program, run_program
from .progress import Progress
from .release import Package, Release

DESCRIPTION = "kernel.json"
"""Beside ``boot/`` and ``lib/``: what was unpacked here."""

Transport = Callable[[Release, Path, Progress], None]
"""Puts the packages of a release into a directory, as apt names them."""

_ATTEMPTS = 3
_PAUSE_S = 2.0


def directory_of(release: Release) -> Path:
    """Where a release lies in the cache, fetched or not."""
    # '~' sorts in package versions but upsets shells and QEMU's option parser.
    version = release.packages[0].version.replace("~", "_")
    return cache_dir() / "kernels" / f"{release.release}_{version}"


def fetch(release: Release, transport: Transport, progress: Progress) -> Path:
    """Have a release in the cache and return its directory.

    It holds ``boot/vmlinuz-RELEASE``, ``boot/config-RELEASE`` and
    ``lib/modules/RELEASE/``, whichever layout its packages have; what they lack
    is not there. Raises `FetchError` if it does not arrive whole in three attempts,
    `DiskFullError`, `MissingProgramError`; the cache is then as it was before.
    """
    destination = directory_of(release)
    if destination.exists():
        return destination
    find_program("dpkg-deb")
    find_program("depmod")
    with built_once(destination) as work:
        if work is None:
            return destination
        _check_room(release, work)
        packages = work / "packages"
        try:
            _download(release, packages, transport, progress)
            for deb in sorted(packages.iterdir()):
                run_program(["dpkg-deb", "-x", str(deb), str(work)], FetchError, f"unpacking {deb.name}")
        except OSError as error:
            raise _explained(error, release) from error
        shutil.rmtree(packages)
        arrange(work, release.release)
        (work / DESCRIPTION).write_text(json.dumps(release.as_data(), indent=1) + "\n")
    return destination


def mirror_transport(apt: AptDirectory) -> Transport:
    """Downloads by apt; a second attempt first renews the indexes, should they be out of date."""

    def download(release: Release, into: Path, progress: Progress) -> None:
        def on_part(part: float) -> None:
            progress.advance(release.release, int(part * release.size), release.size)

        names = [f"{package.name}={package.version}" for package in release.packages]
        try:
            apt.download(names, into, on_part)
        except DiskFullError:
            raise
        except FetchError:
            apt.update(max_age_s=0)
            raise

    return download


def arrange(root: Path, release: str) -> None:
    """Bring an unpacked kernel into one layout, and index its modules if nobody has.

    Modules lie in lib/modules in packages up to 6.1 and in usr/lib/modules later;
    image, config and System.map have moved there from /boot in 6.19 to 7.2.
    """
    modules = root / "usr" / "lib" / "modules"
    if modules.exists() and not (root / "lib" / "modules").exists():
        (root / "lib").mkdir(exist_ok=True)
        modules.rename(root / "lib" / "modules")
    shutil.rmtree(root / "usr", ignore_errors=True)
    home = root / "lib" / "modules" / release
    boot = root / "boot"
    boot.mkdir(exist_ok=True)
    for name in ("vmlinuz", "config", "System.map"):
        if (home / name).exists():
            (home / name).rename(boot / f"{name}-{release}")
    if not (boot / f"vmlinuz-{release}").exists():
        raise FetchError(f"the packages of {release} hold no kernel image")
    if (home / "kernel").exists() and not (home / "modules.dep").exists():
        run_program(["depmod", "-b", str(root), release], FetchError, f"indexing the modules of {release}")


def _download(release: Release, into: Path, transport: Transport, progress: Progress) -> None:
    for attempt in range(1, _ATTEMPTS + 1):
        into.mkdir()
        try:
            transport(release, into, progress)
            _verify(release.packages, into)
        except DiskFullError:
            raise
        except FetchError as error:
            shutil.rmtree(into)
            if attempt == _ATTEMPTS:
                raise FetchError(f"{error} ({attempt} attempts)") from error
            progress.note(f"{error}; trying again")
            time.sleep(_PAUSE_S * attempt)
        else:
            progress.advance(release.release, release.size, release.size)
            return


def _verify(packages: tuple[Package, ...], directory: Path) -> None:
    """Every package is there with the bytes that the signed index promises."""
    for package in packages:
        found = list(directory.glob(f"{package.name}_*.deb"))
        if not found:
            raise FetchError(f"{package.name} {package.version} did not arrive")
        size = found[0].stat().st_size
        if size != package.size:
            raise FetchError(
                f"{package.name} {package.version} arrived truncated: {size} of {package.size} bytes"
                if size < package.size
                else f"{package.name} {package.version} arrived with {size} bytes instead of {package.size}"
            )
        with found[0].open("rb") as content:
            digest = hashlib.file_digest(content, "sha256").hexdigest()
        if digest != package.sha256:
            raise FetchError(
                f"{package.name} {package.version} arrived damaged: "
                f"its sha256 is {digest} and should be {package.sha256}"
            )


def _check_room(release: Release, directory: Path) -> None:
    needed = release.size + release.installed
    free = shutil.disk_usage(directory).free
    if free < needed:
        raise DiskFullError(
            f"{release.release} needs {needed >> 20} MiB in {directory.parent}, {free >> 20} MiB are free: "
            "make room, or set BPFLAB_CACHE to a directory with more"
        )


def _explained(error: OSError, release: Release) -> FetchError:
    kind = DiskFullError if error.errno in (errno.ENOSPC, errno.EDQUOT) else FetchError
    return kind(f"unpacking {release.release}: {error}")
