"""From what a user asks for to kernels on disk."""

from __future__ import annotations

import json
import platform
import re
from collections.abc import Iterable
from dataclasses import replace
from functools import cached_property
from pathlib import Path

from .apt import AptDirectory
from .cache import cache_dir
from .catalogue import Catalogue, matching, mirror_apt, newest
from .errors import ArchiveError, ImageError, KernelsError, SelectorError
from .fetch import DESCRIPTION, directory_of, fetch, mirror_transport
from .installed import kernel_at
from .kernel import Kernel
from .lock import pin_of
from .progress import Progress
from .release import Release
from .version import KernelVersion


def resolve(selectors: Iterable[str], flavour: str, progress: Progress, strict: bool = False) -> list[Kernel]:
    """The kernels that selectors mean, each once, fetched as needed, in the order asked for.

    A selector is ``host``, a path, or one of `Catalogue.select`; the lock's pins come
    first. With `strict` a pin that the mirror no longer carries is an `ArchiveError`
    instead of a note. The network is used only for what is not in the cache.
    Raises `SelectorError`, `FetchError` and any other `KernelsError`.
    """
    store = _Store(flavour, progress, strict)
    found: dict[tuple[str, Path | None], Kernel] = {}
    for selector in selectors:
        for kernel in store.kernels(selector):
            found.setdefault((kernel.release, kernel.image), kernel)
    return list(found.values())


def host_kernel() -> Kernel:
    """The running kernel."""
    release = platform.release()
    return Kernel("host", release, KernelVersion.parse(release), "host", "", None, None, None, None)


def cached_releases() -> list[Release]:
    """The releases that lie in the cache."""
    described = sorted((cache_dir() / "kernels").glob(f"[!.]*/{DESCRIPTION}"))
    return [Release.from_data(json.loads(path.read_text())) for path in described]


def cached_kernels() -> list[Kernel]:
    """The kernels that lie in the cache, of every flavour, oldest first; each named by its release."""
    releases = sorted(cached_releases(), key=Release.age)
    return [_kernel(release, directory_of(release), release.release) for release in releases]


class _Store:
    """What one call of `resolve` shares: the mirror is asked at most once, and only if needed."""

    def __init__(self, flavour: str, progress: Progress, strict: bool) -> None:
        self._flavour = flavour
        self._progress = progress
        self._strict = strict

    def kernels(self, selector: str) -> list[Kernel]:
        """What one selector means, on disk."""
        if selector == "host":
            return [host_kernel()]
        if _is_path(selector):
            return [_users(selector)]
        releases = self._releases(selector)
        # A selector for one kernel is its name; of several, each is named so that it can be asked for.
        several = selector in ("lts", "all")
        return [self._fetched(release, release.release if several else selector) for release in releases]

    def _releases(self, selector: str) -> list[Release]:
        pin = pin_of(selector, self._flavour)
        if pin is not None:
            return [pin if directory_of(pin).exists() else self._pinned(selector, pin)]
        if not _is_moving(selector):
            at_hand = [release for release in cached_releases() if release.flavour == self._flavour]
            chosen = matching(selector, at_hand)
            if chosen:
                return [newest(chosen)]
        try:
            return self._catalogue.select(selector, self._flavour)
        except ArchiveError as error:
            return self._without_mirror(selector, error)

    def _pinned(self, selector: str, pin: Release) -> Release:
        """The pinned release if the mirror still has it, else the newest in its place."""
        carried = [release for release in self._catalogue.releases if release.packages == pin.packages]
        if carried:
            return carried[0]
        if self._strict:
            raise ArchiveError(
                f"{selector}: the mirror no longer carries {pin.package}, which kernels.lock.json pins: "
                "renew the lock with `bpflab kernels lock`"
            )
        chosen = self._catalogue.select(selector, self._flavour)[0]
        self._progress.note(
            f"{selector}: the mirror no longer carries {pin.package}, which is pinned; using {chosen.package}"
        )
        return chosen

    def _without_mirror(self, selector: str, error: ArchiveError) -> list[Release]:
        try:
            chosen = Catalogue(cached_releases()).select(selector, self._flavour)
        except SelectorError:
            raise error from None
        self._progress.note(f"{selector}: chosen among the kernels in the cache, because {error}")
        return chosen

    def _fetched(self, release: Release, label: str) -> Kernel:
        destination = directory_of(release)
        if not destination.exists():
            destination = fetch(release, mirror_transport(self._apt), self._progress)
        if not release.has_modules:
            self._progress.note(
                f"{release.release}: the modules have left the archive; only what is built in will work"
            )
        return _kernel(release, destination, label)

    @cached_property
    def _apt(self) -> AptDirectory:
        return mirror_apt(self._progress)

    @cached_property
    def _catalogue(self) -> Catalogue:
        return Catalogue.of_apt(self._apt)


def _users(path: str) -> Kernel:
    try:
        return kernel_at(Path(path), path)
    except ImageError as error:
        raise SelectorError(str(error)) from error


def _kernel(release: Release, directory: Path, label: str) -> Kernel:
    kernel = kernel_at(directory, label)
    if kernel.release != release.release:
        raise KernelsError(
            f"{directory} should hold {release.release}, but its image says {kernel.release}: remove it"
        )
    return replace(kernel, version=release.version, flavour=release.flavour, package=release.package)


def _is_path(selector: str) -> bool:
    return "/" in selector or selector == "." or (not selector[:1].isdigit() and Path(selector).exists())


def _is_moving(selector: str) -> bool:
    """Whether what is meant changes with time: a series, or a word."""
    return re.fullmatch(r"\d+\.\d+|[a-z]+", selector) is not None
