"""The kernels that an object is held against: their types, from a cached image or from a BTF file."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path

from ...kernels import image
from ...kernels.errors import ImageError
from ...kernels.kernel import Kernel
from ...kernels.module_types import ModuleTypes
from ...kernels.progress import Progress, Silent
from ...kernels.store import cached_kernels, resolve
from ...loader.btf.kernel import KernelBtf
from ...loader.errors import BtfError
from ..plan import PlanError


@dataclass(frozen=True)
class TypeSource:
    """One kernel's types. `label` is what the user asked for, `release` what is known of the kernel."""

    label: str
    release: str
    kernel: Kernel | None
    path: Path | None = None
    progress: Progress = field(default_factory=Silent, compare=False)

    @property
    def has_modules(self) -> bool:
        """Whether types of modules are found too: of the running kernel those loaded, of others all."""
        return self.kernel is not None and (self.kernel.is_host or self.kernel.modules is not None)

    @cached_property
    def btf(self) -> KernelBtf:
        """Read when first asked for. Raises BtfError, ImageError."""
        if self.path is not None:
            return _from_file(self.path)
        assert self.kernel is not None, "it is either a file's or a kernel's"
        if self.kernel.is_host:
            return KernelBtf.running()
        return _from_image(self.kernel, self.progress)


def type_sources(
    kernels: Iterable[str], files: Iterable[Path], flavour: str, progress: Progress
) -> list[TypeSource]:
    """What selectors and BTF files stand for; ``cached`` is every kernel in the cache, of every flavour.

    Raises PlanError for a file that is not there, and what `resolve` raises.
    """
    found = []
    for path in files:
        if not path.is_file():
            raise PlanError(f"{path}: {'is a directory' if path.is_dir() else 'no such file'}")
        found.append(TypeSource(path.name, str(path), None, path))
    for selector in kernels:
        if selector == "cached":
            found += [
                TypeSource(_short(kernel), kernel.release, kernel, progress=progress)
                for kernel in cached_kernels()
            ]
        else:
            several = resolve([selector], flavour, progress)
            found += [
                TypeSource(_label(kernel), kernel.release, kernel, progress=progress) for kernel in several
            ]
    return _distinct(found)


def _distinct(found: list[TypeSource]) -> list[TypeSource]:
    """Each kernel once; where two would be called the same, both by what they are."""
    each = list({source.release: source for source in found}.values())
    labels = [source.label for source in each]
    return [
        replace(source, label=source.release) if labels.count(source.label) > 1 else source for source in each
    ]


def _from_file(path: Path) -> KernelBtf:
    try:
        return KernelBtf.from_file(path)
    except BtfError as error:
        raise BtfError(f"{path}: {error}") from error
    except OSError as error:
        raise PlanError(f"{path}: {error.strerror}") from error


def _from_image(kernel: Kernel, progress: Progress) -> KernelBtf:
    path = image.vmlinux(kernel)
    try:
        if kernel.modules is None:
            return KernelBtf.from_file(path)
        modules = ModuleTypes(kernel.modules, progress)
        return KernelBtf.from_file(path, modules.continuing, modules.having)
    except BtfError as error:
        raise ImageError(f"{kernel.release}: {error}") from error


def _label(kernel: Kernel) -> str:
    return kernel.label if len(kernel.label) <= len(kernel.release) else kernel.release


def _short(kernel: Kernel) -> str:
    """A column's head: 6.1.192, or 6.1.192 cloud."""
    return str(kernel.version) if kernel.flavour == "generic" else f"{kernel.version} {kernel.flavour}"
