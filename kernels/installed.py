"""Kernels that are on disk already: unpacked, installed or just built."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from .errors import SelectorError
from .image import release_of
from .kernel import Kernel
from .version import KernelVersion


def kernel_at(path: Path, label: str) -> Kernel:
    """The kernel at a path, whichever way it lies there.

    The path is an image (a vmlinuz, a bzImage, a vmlinux), a directory with one in
    ``boot/`` or ``lib/modules/*/``, or a kernel's build tree. Raises `SelectorError`
    if there is no kernel or more than one, `ImageError` if it is not a kernel image.
    """
    path = path.absolute()
    if not path.exists():
        raise SelectorError(f"there is no {path}")
    image = _image_in(path) if path.is_dir() else path
    release = release_of(image)
    root = path if path.is_dir() else _root_of(image)
    return Kernel(
        label=label,
        release=release,
        version=_version(release, path),
        flavour=_flavour(release),
        package="",
        root=root,
        image=image,
        config=_first(
            image.with_name(f"config-{release}"),
            image.with_name("config"),
            root / ".config",
            *(home / "config" for home in _homes(root, release)),
        ),
        modules=next((home for home in _homes(root, release) if (home / "kernel").is_dir()), None),
    )


def _image_in(directory: Path) -> Path:
    patterns = (
        "boot/vmlinuz-*",
        "boot/vmlinuz",
        "lib/modules/*/vmlinuz",
        "usr/lib/modules/*/vmlinuz",
        "arch/x86/boot/bzImage",
        "vmlinuz",
    )
    for pattern in patterns:
        found = sorted(directory.glob(pattern))
        if len(found) > 1:
            names = ", ".join(str(image) for image in found)
            raise SelectorError(f"{directory} holds several kernels, name one of them: {names}")
        if found:
            return found[0]
    raise SelectorError(
        f"{directory} holds no kernel: neither boot/vmlinuz-*, lib/modules/*/vmlinuz nor a build"
    )


def _root_of(image: Path) -> Path:
    """The directory that an image's modules lie in: above boot/, or above [usr/]lib/modules/RELEASE/."""
    for parent in image.parents:
        if (parent / "lib" / "modules").is_dir() and parent.name != "usr":
            return parent
    return image.parent


def _homes(root: Path, release: str) -> Iterator[Path]:
    yield root / "lib" / "modules" / release
    yield root / "usr" / "lib" / "modules" / release


def _first(*paths: Path) -> Path | None:
    return next((path for path in paths if path.is_file()), None)


def _version(release: str, path: Path) -> KernelVersion:
    try:
        return KernelVersion.parse(release)
    except ValueError as error:
        raise SelectorError(f"{path}: its image calls itself {release!r}: {error}") from error


def _flavour(release: str) -> str:
    if release.endswith("-cloud-amd64"):
        return "cloud"
    return "generic" if release.endswith("-amd64") else "custom"
