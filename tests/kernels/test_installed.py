from __future__ import annotations

from pathlib import Path

import pytest
from bpflab.kernels.errors import ImageError, SelectorError
from bpflab.kernels.installed import kernel_at
from bpflab.kernels.version import KernelVersion

from .conftest import boot_image

RELEASE = "6.12.117+deb13-amd64"


def put(path: Path, content: bytes = b"") -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    return path


def test_an_installed_image_finds_its_config_and_modules(tmp_path: Path) -> None:
    image = put(tmp_path / f"boot/vmlinuz-{RELEASE}", boot_image(RELEASE))
    config = put(tmp_path / f"boot/config-{RELEASE}")
    put(tmp_path / f"usr/lib/modules/{RELEASE}/kernel/x.ko")
    (tmp_path / "lib").symlink_to("usr/lib")
    kernel = kernel_at(image, "mine")
    assert (kernel.label, kernel.release, kernel.flavour) == ("mine", RELEASE, "generic")
    assert kernel.version == KernelVersion(6, 12, 117)
    assert (kernel.root, kernel.image, kernel.config) == (tmp_path, image, config)
    assert kernel.modules == tmp_path / "lib/modules" / RELEASE


def test_an_unpacked_directory_with_the_image_among_its_modules(tmp_path: Path) -> None:
    image = put(tmp_path / f"usr/lib/modules/{RELEASE}/vmlinuz", boot_image(RELEASE))
    config = put(tmp_path / f"usr/lib/modules/{RELEASE}/config")
    kernel = kernel_at(tmp_path, "dir")
    assert (kernel.image, kernel.config, kernel.modules) == (image, config, None)


def test_a_build_tree(tmp_path: Path) -> None:
    image = put(tmp_path / "arch/x86/boot/bzImage", boot_image("7.3.0-rc2+"))
    config = put(tmp_path / ".config")
    kernel = kernel_at(tmp_path, "tree")
    assert (kernel.image, kernel.config, kernel.flavour) == (image, config, "custom")
    assert kernel.version == KernelVersion(7, 3, 0, 2)


def test_several_kernels_in_a_directory(tmp_path: Path) -> None:
    put(tmp_path / "boot/vmlinuz-1", boot_image(RELEASE))
    put(tmp_path / "boot/vmlinuz-2", boot_image(RELEASE))
    with pytest.raises(SelectorError, match=r"name one of them: .*vmlinuz-1, .*vmlinuz-2"):
        kernel_at(tmp_path, "dir")


def test_what_holds_no_kernel(tmp_path: Path) -> None:
    with pytest.raises(SelectorError, match="there is no"):
        kernel_at(tmp_path / "missing", "x")
    with pytest.raises(SelectorError, match="holds no kernel"):
        kernel_at(tmp_path, "x")
    with pytest.raises(ImageError, match="not a kernel image"):
        kernel_at(put(tmp_path / "notes.txt", b"hello"), "x")
