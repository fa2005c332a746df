"""The package: what is installed is all of it, and its rooms keep their walls."""

from __future__ import annotations

import ast
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
from bpflab.kernels.cache import cache_dir

ROOT = Path(__file__).parents[1]
ROOMS = ("corpus", "harness", "kernels", "loader", "reports")

MAY_IMPORT = {
    "loader": set(),
    "kernels": {"loader"},
    "corpus": {"loader"},
    "harness": {"loader", "kernels", "corpus", "reports"},
    "reports": {"harness"},
}
"""The walls of the design: what each room may import of ours besides itself.

`harness` includes the command line, which hands a finished run to `reports`.
"""


CACHE = cache_dir()
"""Of the user, as nothing has run yet."""


def tracked(*suffixes: str) -> set[str]:
    shown = subprocess.run(["git", "ls-files", *ROOMS], cwd=ROOT, capture_output=True, text=True, check=True)
    return {name for name in shown.stdout.splitlines() if name.endswith(suffixes)}


def test_the_wheel_holds_every_module_and_data_file(tmp_path: Path) -> None:
    command: list[str | Path] = [
        sys.executable,
        "-m",
        "pip",
        "wheel",
        "--quiet",
        "--no-deps",
        "-w",
        tmp_path,
        ROOT,
    ]
    built = subprocess.run(command, check=True, capture_output=True, text=True)
    assert "Warning" not in built.stdout + built.stderr
    wheel = next(tmp_path.glob("*.whl"))
    inside = {name.removeprefix("bpflab/") for name in zipfile.ZipFile(wheel).namelist()}
    data = (".py", ".c", ".h", ".toml", ".json", ".md", ".html", ".css", ".js")
    assert tracked(*data) - inside == set()
    assert any(name.startswith("loader/native/_native") for name in inside), "the native module is missing"


@pytest.mark.parametrize("room", ROOMS)
def test_a_room_imports_only_what_its_walls_allow(room: str) -> None:
    strangers = {
        (path.relative_to(ROOT).as_posix(), target)
        for path in (ROOT / room).rglob("*.py")
        for target in _rooms_imported(path)
        if target != room and target not in MAY_IMPORT[room]
    }
    assert strangers == set()


def test_reports_know_nothing_of_the_harness_but_the_outcome_schema() -> None:
    for path in (ROOT / "reports").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.ImportFrom) and "harness" in (node.module or ""):
                assert node.module == "harness.outcomes", path


def test_no_test_leaves_its_cache_to_those_behind_it() -> None:
    """They would fetch every kernel and build everything once more."""
    assert cache_dir() == CACHE


def _rooms_imported(path: Path) -> set[str]:
    """The rooms that a module imports from, with relative imports resolved."""
    package = ("bpflab", *path.relative_to(ROOT).parent.parts)
    found = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ImportFrom):
            base = package[: len(package) - node.level + 1] if node.level else ()
            target = (*base, *(node.module or "").split("."))
            names = (
                [target] if len(target) > 1 and target[1] else [(*base, alias.name) for alias in node.names]
            )
        elif isinstance(node, ast.Import):
            names = [tuple(alias.name.split(".")) for alias in node.names]
        else:
            continue
        found |= {name[1] for name in names if name[0] == "bpflab" and len(name) > 1 and name[1] in ROOMS}
    return found
