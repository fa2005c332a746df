"""Source packages: the real libbpf of the mirror, and archives made here."""

from __future__ import annotations

import io
import re
import tarfile
from pathlib import Path

import pytest
from bpflab.kernels import source
from bpflab.kernels.apt import AptDirectory
from bpflab.kernels.errors import ArchiveError, FetchError

from .conftest import Recorder


def test_libbpf(tmp_path: Path, recorder: Recorder, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(source, "cache_dir", lambda: tmp_path)
    tree = source.download_source("libbpf", "1.5", recorder)
    assert re.fullmatch(r"libbpf_1\.\d+\.\d+", tree.name)
    assert (tree / "src/libbpf.c").is_file()
    assert [path.name for path in tree.parent.iterdir() if path.is_dir()] == [tree.name]
    monkeypatch.setattr(AptDirectory, "sources", None)
    assert source.download_source("libbpf", "1.5", recorder) == tree, "what is there was fetched again"


def test_too_new_a_minimum(tmp_path: Path, recorder: Recorder, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(source, "cache_dir", lambda: tmp_path)
    with pytest.raises(ArchiveError, match="no source of libbpf 99 or newer"):
        source.download_source("libbpf", "99", recorder)


def test_links_follow_the_directory_that_is_taken_away(tmp_path: Path) -> None:
    tarball = tmp_path / "x_1.orig.tar.gz"
    with tarfile.open(tarball, "w:gz") as archive:
        member = tarfile.TarInfo("x-1/a/file")
        member.size = 3
        archive.addfile(member, io.BytesIO(b"abc"))
        hard = tarfile.TarInfo("x-1/hard")
        hard.type, hard.linkname = tarfile.LNKTYPE, "x-1/a/file"
        archive.addfile(hard)
        soft = tarfile.TarInfo("x-1/a/soft")
        soft.type, soft.linkname = tarfile.SYMTYPE, "file"
        archive.addfile(soft)
    source._unpack(tarball, tmp_path / "tree")
    for name in ("a/file", "hard", "a/soft"):
        assert (tmp_path / "tree" / name).read_bytes() == b"abc"


def test_a_damaged_archive(tmp_path: Path) -> None:
    tarball = tmp_path / "x_1.orig.tar.gz"
    tarball.write_bytes(b"not gzip")
    with pytest.raises(FetchError, match="is damaged"):
        source._unpack(tarball, tmp_path / "tree")
