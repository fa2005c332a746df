"""Boot images built here, in every compression that a kernel may have, and read back."""

from __future__ import annotations

import bz2
import gzip
import lzma
import struct
from collections.abc import Callable
from pathlib import Path

import lz4.block
import pytest
import zstandard
from bpflab.kernels.errors import ImageError
from bpflab.kernels.image import extract_vmlinux, parse_config, release_of

ELF = b"\x7fELF" + bytes(range(256)) * 40_000


def lz4_legacy(data: bytes) -> bytes:
    blocks = [data[start : start + (8 << 20)] for start in range(0, len(data), 8 << 20)]
    packed = [lz4.block.compress(block, store_size=False) for block in blocks]
    return b"\x02\x21\x4c\x18" + b"".join(struct.pack("<I", len(block)) + block for block in packed)


def sized(compress: Callable[[bytes], bytes]) -> Callable[[bytes], bytes]:
    """As the kernel's build does for all but gzip: the unpacked size comes after the data."""
    return lambda data: compress(data) + struct.pack("<I", len(data))


COMPRESSIONS = {
    "gzip": gzip.compress,
    "bzip2": sized(bz2.compress),
    "xz": sized(lzma.compress),
    "lzma": sized(lambda data: lzma.compress(data, lzma.FORMAT_ALONE)),
    "lz4": sized(lz4_legacy),
    "zstd": sized(zstandard.compress),
}


def bzimage(payload: bytes, release: str = "6.1.0-test", protocol: int = 0x20F) -> bytes:
    setup = bytearray(4 * 512)
    setup[0x1F1] = 3
    setup[0x202:0x206] = b"HdrS"
    struct.pack_into("<H", setup, 0x206, protocol)
    struct.pack_into("<H", setup, 0x20E, 0x400)
    struct.pack_into("<II", setup, 0x248, 16, len(payload))
    text = f"{release} (somebody@somewhere) #1 SMP".encode() + b"\0"
    setup[0x600 : 0x600 + len(text)] = text
    return bytes(setup) + bytes(16) + payload + b"what follows the payload"


def elf_for(compression: str) -> bytes:
    """Large where that matters: lz4 packs in blocks of 8 MiB."""
    return ELF if compression == "lz4" else ELF[:100_000]


@pytest.mark.parametrize("compression", COMPRESSIONS)
def test_payloads(compression: str) -> None:
    assert extract_vmlinux(bzimage(COMPRESSIONS[compression](elf_for(compression)))) == elf_for(compression)


@pytest.mark.parametrize("compression", COMPRESSIONS)
def test_damaged_payloads(compression: str) -> None:
    payload = COMPRESSIONS[compression](elf_for(compression))
    broken = payload[:20] + bytes(len(payload) - 20)
    with pytest.raises(ImageError):
        extract_vmlinux(bzimage(broken))


@pytest.mark.parametrize(
    ("image", "why"),
    [
        (b"", "not a bzImage"),
        (b"text " * 1000, "not a bzImage"),
        (bzimage(gzip.compress(ELF))[:3000], "truncated"),
        (bzimage(b"????????"), "unknown"),
        (bzimage(gzip.compress(b"no ELF")), "not an ELF"),
        (bzimage(gzip.compress(ELF), protocol=0x204), "older than 2.08"),
    ],
)
def test_what_is_no_image(image: bytes, why: str) -> None:
    with pytest.raises(ImageError, match=why):
        extract_vmlinux(image)


def test_release_of_images(tmp_path: Path) -> None:
    image = tmp_path / "vmlinuz"
    image.write_bytes(bzimage(gzip.compress(ELF), release="6.12.117+deb13-amd64"))
    assert release_of(image) == "6.12.117+deb13-amd64"
    image.write_bytes(ELF + b"Linux version 7.2.12-test (a@b) (gcc)")
    assert release_of(image) == "7.2.12-test"


@pytest.mark.parametrize("content", [b"", b"HdrS", b"plain text", ELF])
def test_release_of_other_files(tmp_path: Path, content: bytes) -> None:
    image = tmp_path / "vmlinuz"
    image.write_bytes(content)
    with pytest.raises(ImageError, match="not a kernel image"):
        release_of(image)


def test_config() -> None:
    text = (
        '# A comment\nCONFIG_BPF=y\nCONFIG_VETH=m\n# CONFIG_IKCONFIG is not set\nCONFIG_LSM="lockdown,bpf"\n'
    )
    assert parse_config(text) == {
        "CONFIG_BPF": "y",
        "CONFIG_VETH": "m",
        "CONFIG_IKCONFIG": "n",
        "CONFIG_LSM": "lockdown,bpf",
    }
