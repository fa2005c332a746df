from __future__ import annotations

from pathlib import Path

import pytest
from bpflab.kernels.cache import built_once, cache_dir


def test_built_once(tmp_path: Path) -> None:
    with built_once(tmp_path / "made") as work:
        assert work is not None
        (work / "file").write_text("x")
        assert not (tmp_path / "made").exists()
    assert (tmp_path / "made/file").read_text() == "x"
    with built_once(tmp_path / "made") as work:
        assert work is None


def test_a_failed_build_leaves_nothing(tmp_path: Path) -> None:
    with pytest.raises(RuntimeError), built_once(tmp_path / "made") as work:
        assert work is not None
        (work / "half").write_text("x")
        raise RuntimeError
    assert [path.name for path in tmp_path.iterdir()] == ["made.lock"]


def test_what_a_killed_process_left_is_removed(tmp_path: Path) -> None:
    (tmp_path / ".made.abc").mkdir()
    (tmp_path / ".madeira.abc").mkdir()
    with built_once(tmp_path / "made"):
        assert not (tmp_path / ".made.abc").exists()
    assert (tmp_path / ".madeira.abc").exists()


def test_cache_dir_follows_the_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "xdg"))
    monkeypatch.delenv("BPFLAB_CACHE", raising=False)
    assert cache_dir() == tmp_path / "xdg/bpflab"
    monkeypatch.setenv("BPFLAB_CACHE", str(tmp_path / "own"))
    assert cache_dir() == tmp_path / "own"
    assert cache_dir().is_dir()
