"""What is inside a kernel image: vmlinux, its BTF and its configuration, without booting it.

Boot images are read as Documentation/arch/x86/boot.rst of the kernel describes them.
"""

from __future__ import annotations

import bz2
import functools
import hashlib
import lzma
import re
import struct
import zlib
from collections.abc import Callable
from pathlib import Path

import lz4.block
import zstandard
from elftools.common.exceptions import ELFError
from elftools.elf.elffile import ELFFile

from .cache import built_once, cache_dir
from .errors import ImageError
from .kernel import Kernel

_ELF = b"\x7fELF"
_SETUP_SECTS = 0x1F1
_MAGIC = 0x202
_VERSION_POINTER = 0x20E
_PAYLOAD = 0x248
_SECTOR = 512
_PAYLOAD_PROTOCOL = 0x208
_LZ4_BLOCK = 8 << 20
_IKCONFIG = b"IKCFG_ST"
_SETTING = re.compile(r"(CONFIG_\w+)=(.*)|# (CONFIG_\w+) is not set")


def vmlinux(kernel: Kernel) -> Path:
    """The kernel as the ELF file it was linked to (PVH entry included), taken out of its image once.

    Raises `ImageError` if the image cannot be read or `kernel` is the host's.
    """
    image = _image(kernel)
    with image.open("rb") as file:
        if file.read(4) == _ELF:
            return image
    return _unpacked(image) / "vmlinux"


def btf(kernel: Kernel) -> bytes:
    """The kernel's own type information, the bytes of /sys/kernel/btf/vmlinux.

    Raises `ImageError` if the kernel has none (built without CONFIG_DEBUG_INFO_BTF).
    """
    if kernel.is_host:
        return _host_btf()
    path = vmlinux(kernel)
    try:
        with path.open("rb") as file:
            section = ELFFile(file).get_section_by_name(".BTF")
            data: bytes | None = None if section is None else section.data()
    except ELFError as error:
        raise ImageError(f"{path} is not a whole ELF file: {error}") from error
    if data is None:
        raise ImageError(f"{kernel.release} carries no BTF (built without CONFIG_DEBUG_INFO_BTF)")
    return data


def config(kernel: Kernel) -> dict[str, str]:
    """The build configuration: ``{"CONFIG_BPF": "y", …}``, 'n' for what is switched off.

    From the file beside the image, else from the image itself (CONFIG_IKCONFIG).
    Raises `ImageError` if there is neither.
    """
    if kernel.config is not None:
        return parse_config(kernel.config.read_text())
    if kernel.is_host:
        return _host_config(kernel.release)
    data = vmlinux(kernel).read_bytes()
    start = data.find(_IKCONFIG)
    if start < 0:
        raise ImageError(f"the configuration of {kernel.release} is neither beside its image nor in it")
    return parse_config(zlib.decompressobj(31).decompress(data[start + len(_IKCONFIG) :]).decode())


def release_of(image: Path) -> str:
    """What ``uname -r`` will say in a bzImage or vmlinux; raises `ImageError` for anything else."""
    try:
        data = image.read_bytes()
    except OSError as error:
        raise ImageError(f"the kernel image cannot be read: {error}") from error
    if data[:4] == _ELF:
        found = re.search(rb"Linux version (\S+) ", data)
    elif _is_bzimage(data):
        (pointer,) = struct.unpack_from("<H", data, _VERSION_POINTER)
        found = re.compile(rb"([^\s\0]+)").match(data, pointer + 0x200)
    else:
        found = None
    if not found:
        raise ImageError(f"{image} is not a kernel image (neither bzImage nor vmlinux)")
    return found[1].decode(errors="replace")


def digest(kernel: Kernel) -> str:
    """A short name for exactly this image, for what is remembered about it."""
    path = _image(kernel)
    return _digest(path, path.stat().st_mtime_ns)


def parse_config(text: str) -> dict[str, str]:
    """A kernel's .config; strings lose their quotes."""
    settings = {}
    for found in _SETTING.finditer(text):
        if found[3]:
            settings[found[3]] = "n"
        else:
            settings[found[1]] = found[2].strip('"')
    return settings


def extract_vmlinux(image: bytes) -> bytes:
    """Decompress what a bzImage carries; raises `ImageError` saying what is wrong with it."""
    if not _is_bzimage(image):
        raise ImageError("not a bzImage")
    (protocol,) = struct.unpack_from("<H", image, _MAGIC + 4)
    if protocol < _PAYLOAD_PROTOCOL:
        raise ImageError(
            f"boot protocol {protocol:#x} is older than 2.08: it does not say where the payload is"
        )
    offset, length = struct.unpack_from("<II", image, _PAYLOAD)
    # A setup_sects of 0 means 4, says the protocol.
    start = ((image[_SETUP_SECTS] or 4) + 1) * _SECTOR + offset
    payload = image[start : start + length]
    if len(payload) < length:
        raise ImageError(f"truncated: the payload should have {length} bytes, {len(payload)} are there")
    decompress = next((how for magic, how in _DECOMPRESSORS.items() if payload.startswith(magic)), None)
    if decompress is None:
        raise ImageError(f"the payload's compression is unknown (it begins with {payload[:6].hex()})")
    try:
        data = decompress(payload)
    except _DAMAGE as error:
        raise ImageError(f"the payload is damaged: {error}") from error
    if not data.startswith(_ELF):
        raise ImageError("the payload is not an ELF file")
    return data


_DAMAGE = (
    OSError,
    EOFError,
    ValueError,
    zlib.error,
    lzma.LZMAError,
    lz4.block.LZ4BlockError,
    zstandard.ZstdError,
)


def _image(kernel: Kernel) -> Path:
    if kernel.image is None:
        raise ImageError("the host's kernel is running already: its image is not needed")
    return kernel.image


def _unpacked(image: Path) -> Path:
    """The directory of what was taken out of an image, by the image's content."""
    destination = cache_dir() / "images" / _digest(image, image.stat().st_mtime_ns)
    with built_once(destination) as work:
        if work is not None:
            try:
                (work / "vmlinux").write_bytes(extract_vmlinux(image.read_bytes()))
                # Guests may run as another user, whatever our umask.
                (work / "vmlinux").chmod(0o644)
            except ImageError as error:
                raise ImageError(f"{image}: {error}") from error
    return destination


@functools.lru_cache(maxsize=256)
def _digest(image: Path, modified_ns: int) -> str:
    with image.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()[:16]


def _is_bzimage(data: bytes) -> bool:
    return data[_MAGIC : _MAGIC + 4] == b"HdrS"


def _host_btf() -> bytes:
    try:
        return Path("/sys/kernel/btf/vmlinux").read_bytes()
    except OSError as error:
        raise ImageError(f"the host's kernel shows no BTF: {error}") from error


def _host_config(release: str) -> dict[str, str]:
    packed = Path("/proc/config.gz")
    if packed.exists():
        return parse_config(zlib.decompress(packed.read_bytes(), 31).decode())
    for path in (Path(f"/boot/config-{release}"), Path(f"/lib/modules/{release}/config")):
        if path.exists():
            return parse_config(path.read_text())
    raise ImageError("the host's kernel configuration is neither in /proc/config.gz nor in /boot")


def _lz4_legacy(data: bytes) -> bytes:
    """The frame that ``lz4 -l`` writes: a magic number, then blocks, each after its size."""
    blocks, position = [], 4
    # The kernel's build appends the unpacked size, which can't be told from a block by itself.
    while position + 4 < len(data):
        (size,) = struct.unpack_from("<I", data, position)
        block = data[position + 4 : position + 4 + size]
        if len(block) < size:
            raise ValueError(f"an lz4 block of {size} bytes ends after {len(block)}")
        blocks.append(lz4.block.decompress(block, uncompressed_size=_LZ4_BLOCK))
        position += 4 + size
    return b"".join(blocks)


def _zstd(data: bytes) -> bytes:
    # Such an object stops at the frame's end, before the unpacked size that the build appends.
    return zstandard.ZstdDecompressor(max_window_size=1 << 31).decompressobj().decompress(data)


_DECOMPRESSORS: dict[bytes, Callable[[bytes], bytes]] = {
    b"\x1f\x8b": lambda data: zlib.decompressobj(31).decompress(data),
    b"\xfd7zXZ\0": lambda data: lzma.LZMADecompressor(lzma.FORMAT_XZ).decompress(data),
    b"\x5d\0\0": lambda data: lzma.LZMADecompressor(lzma.FORMAT_ALONE).decompress(data),
    b"BZh": lambda data: bz2.BZ2Decompressor().decompress(data),
    b"\x02\x21\x4c\x18": _lz4_legacy,
    b"\x28\xb5\x2f\xfd": _zstd,
}
