from __future__ import annotations

from pathlib import Path

import pytest
from bpflab.kernels.errors import ArchiveError
from bpflab.kernels.mirror import Mirror, configured_mirror


def etc(tmp_path: Path, **files: str) -> Path:
    parts = tmp_path / "sources.list.d"
    parts.mkdir()
    for name, text in files.items():
        if name == "sources_list":
            (tmp_path / "sources.list").write_text(text)
        else:
            (parts / name.replace("_", ".")).write_text(text)
    return tmp_path


def test_one_line_entries(tmp_path: Path) -> None:
    text = """
    # deb http://commented.example/debian bookworm main
    deb cdrom:[Debian]/ bookworm main
    deb-src http://source.example/debian bookworm main
    deb [arch=amd64 signed-by=/a b] http://one.example/debian/ bookworm main contrib
    deb http://security.example/debian-security bookworm-security main
    """
    found = configured_mirror(etc(tmp_path, sources_list=text), {})
    assert found == Mirror("http://one.example/debian", "http://security.example/debian-security")


def test_deb822_entries(tmp_path: Path) -> None:
    text = """\
Types: deb
URIs: http://off.example/debian
Suites: trixie
Enabled: no

Types: deb deb-src
# a comment
URIs: mirror+file:/etc/apt/mirrors/debian.list
Suites: trixie
 trixie-updates
Components: main

Types: deb
URIs: mirror+file:/etc/apt/mirrors/debian-security.list
Suites: trixie-security
"""
    found = configured_mirror(etc(tmp_path, debian_sources=text), {})
    assert found.uri("sid") == "mirror+file:/etc/apt/mirrors/debian.list"
    assert found.uri("bullseye-security") == "mirror+file:/etc/apt/mirrors/debian-security.list"


def test_security_lies_beside_the_archive_unless_configured(tmp_path: Path) -> None:
    found = configured_mirror(etc(tmp_path, sources_list="deb http://one.example/debian stable main"), {})
    assert found.security == "http://one.example/debian-security"


def test_other_distributions_do_not_count(tmp_path: Path) -> None:
    files = etc(tmp_path, sources_list="deb http://u.example/ubuntu noble-security main")
    with pytest.raises(ArchiveError, match="BPFLAB_DEBIAN_MIRROR"):
        configured_mirror(files, {})


def test_the_environment_names_a_mirror(tmp_path: Path) -> None:
    files = etc(tmp_path, sources_list="deb http://u.example/ubuntu noble main")
    found = configured_mirror(files, {"BPFLAB_DEBIAN_MIRROR": "http://d.example/debian/"})
    assert found == Mirror("http://d.example/debian", "http://d.example/debian-security")
