"""Archives are checked by a reader that is not ours: cpio of busybox."""

from __future__ import annotations

import io
import os
import subprocess
from pathlib import Path

import pytest
from bpflab.kernels import cpio


def archive(*entries: cpio.Entry) -> bytes:
    out = io.BytesIO()
    cpio.write_cpio(out, entries)
    return out.getvalue()


def unpack(data: bytes, directory: Path) -> None:
    subprocess.run(["busybox", "cpio", "-i", "-d", "-m"], input=data, cwd=directory, check=True)


def test_members_arrive_with_content_and_mode(tmp_path: Path) -> None:
    source = tmp_path / "source"
    source.write_bytes(b"streamed" * 1000)
    source.chmod(0o750)
    into = tmp_path / "into"
    into.mkdir()
    unpack(
        archive(
            cpio.directory("etc", 0o711),
            cpio.file("/etc/odd", b"abc", 0o600),
            cpio.file("etc/empty", b""),
            cpio.file_from("etc/streamed", source),
            cpio.symlink("etc/link", "odd"),
        ),
        into,
    )
    assert (into / "etc").stat().st_mode & 0o7777 == 0o711
    assert (into / "etc/odd").read_bytes() == b"abc"
    assert (into / "etc/odd").stat().st_mode & 0o7777 == 0o600
    assert (into / "etc/empty").read_bytes() == b""
    assert (into / "etc/streamed").read_bytes() == b"streamed" * 1000
    assert (into / "etc/streamed").stat().st_mode & 0o7777 == 0o750
    assert (into / "etc/link").readlink() == Path("odd")


def test_device_nodes_carry_their_numbers() -> None:
    data = archive(cpio.character_device("dev/ttyS1", 4, 65))
    listing = subprocess.run(["busybox", "cpio", "-tv"], input=data, capture_output=True, check=True)
    assert listing.stdout.decode().startswith("crw-------")
    assert data[0x5E - 16 : 0x5E] == b"0000000400000041"


def test_archives_are_padded_for_concatenation() -> None:
    assert len(archive(cpio.file("a", b"x"))) % 512 == 0
    assert len(archive()) % 512 == 0


def test_same_entries_same_bytes(tmp_path: Path) -> None:
    source = tmp_path / "source"
    source.write_bytes(b"x")
    first = archive(cpio.file_from("x", source))
    os.utime(source, (1, 1))
    assert archive(cpio.file_from("x", source)) == first


def test_a_name_twice_is_refused() -> None:
    with pytest.raises(ValueError, match=r"'a' occurs twice"):
        archive(cpio.file("a", b""), cpio.directory("/a"))


def test_a_source_that_shrinks_is_an_error(tmp_path: Path) -> None:
    class Shrinking(type(tmp_path)):  # type: ignore[misc]  # a base that depends on the system
        def stat(self, *, follow_symlinks: bool = True) -> os.stat_result:
            found = list(super().stat(follow_symlinks=follow_symlinks))
            found[6] += 1
            return os.stat_result(found)

    source = Shrinking(tmp_path / "source")
    source.write_bytes(b"abc")
    with pytest.raises(OSError, match="ended 1 bytes early"):
        archive(cpio.file_from("x", source))
