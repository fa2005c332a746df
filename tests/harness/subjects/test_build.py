"""The libbpf subject is built once, and what is missing for it is named."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest
from bpflab.harness import tools
from bpflab.harness.subjects import registry
from bpflab.harness.subjects.libbpf import build
from bpflab.kernels.cache import cache_dir


class Notes:
    """A progress that keeps what it is told."""

    def __init__(self) -> None:
        self.told: list[str] = []

    def advance(self, what: str, done: int, total: int) -> None:
        pass

    def note(self, text: str) -> None:
        self.told.append(text)


@pytest.fixture
def cache_with_library(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty cache, but for the libbpf that is built already."""
    built = build.library()
    monkeypatch.setenv("BPFLAB_CACHE", str(tmp_path))
    (tmp_path / "libbpf").mkdir()
    (tmp_path / "libbpf" / built.version).symlink_to(built.path)
    return tmp_path


def test_the_program_runs_without_any_library() -> None:
    shown = subprocess.run(["ldd", build.binary()], capture_output=True, text=True, check=False)
    assert "not a dynamic executable" in shown.stderr + shown.stdout or "statically" in shown.stdout


def test_headers_serve_to_compile_objects() -> None:
    include = build.headers()
    for name in (
        "bpf/bpf_helpers.h",
        "bpf/bpf_core_read.h",
        "bpf/bpf_tracing.h",
        "linux/bpf.h",
        "linux/btf.h",
    ):
        assert (include / name).exists()


def test_the_program_is_built_once(cache_with_library: Path) -> None:
    first, second = Notes(), Notes()
    program = build.binary(first)
    assert first.told == ["compiling the libbpf subject"]
    assert build.binary(second) == program
    assert second.told == []
    assert program.is_relative_to(cache_with_library)


def test_an_old_libbpf_in_the_cache_is_no_baseline(tmp_path: Path) -> None:
    (tmp_path / "1.1.2").mkdir()
    assert build._newest_built(tmp_path) is None
    for version in ("1.9.0", "1.10.0", "1.5.0"):
        (tmp_path / version).mkdir()
    newest = build._newest_built(tmp_path)
    assert newest is not None
    assert newest.version == "1.10.0"


def test_missing_tools_are_named_with_their_packages(
    cache_with_library: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(cache_with_library))
    with pytest.raises(tools.MissingToolsError, match=r"libjson-c-dev") as caught:
        build.binary()
    assert "gcc" in str(caught.value)
    assert not list((cache_with_library / "subjects").glob("libbpf*/*"))


def test_a_compiler_that_fails_is_quoted(cache_with_library: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real = tools.find_program("cc")
    compiler = cache_with_library / "cc"
    compiler.write_text(
        f'#!/bin/sh\ncase "$*" in -print*) exec {real} "$@";; esac\necho no mood >&2; exit 3\n'
    )
    compiler.chmod(0o755)
    monkeypatch.setenv("PATH", f"{cache_with_library}:{os.environ['PATH']}")
    with pytest.raises(build.SubjectBuildError, match=r"(?s)cc ended with 3.*no mood"):
        build.binary()
    assert not list((cache_with_library / "subjects").glob("libbpf*/*"))


def test_unknown_subjects_are_told_from_known_ones() -> None:
    with pytest.raises(registry.UnknownSubjectError, match="there are: reference, libbpf"):
        registry.command("libpbf")


def test_what_a_guest_must_see_of_a_subject() -> None:
    assert registry.command("libbpf").payload == (build.binary(),)
    assert registry.command("reference").payload == ()
    assert build.binary().is_relative_to(cache_dir())
