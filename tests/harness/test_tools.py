"""What the machine lacks is found, and said in one command that can be copied."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from bpflab.harness import tools

TOOLS_FILE = Path(tools.__file__)


def test_this_machine_has_everything() -> None:
    assert [tool.name for tool in tools.missing()] == []


def test_a_missing_tool_is_named_with_the_package_that_brings_it(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    lost = tools.Tool("qemu", "to boot guests", ("qemu-system-x86",), tools.on_path("qemu-system-x86_64"))
    with pytest.raises(
        tools.MissingToolsError, match=r"qemu \(to boot guests\)(.|\n)*apt-get install .*qemu-system-x86$"
    ):
        tools.require([lost])


def test_without_a_package_manager_it_ends_with_the_command_and_69(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, TOOLS_FILE], env={"PATH": str(tmp_path)}, capture_output=True, text=True, check=False
    )
    assert done.returncode == tools.EXIT_INFRASTRUCTURE
    assert "apt-get install --no-install-recommends" in done.stderr and "Traceback" not in done.stderr


def test_root_installs_what_is_missing_and_looks_again(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """apt-get is a script of ours that does what an installation does: the program is there after it."""
    brought = tmp_path / "bin" / "brought"
    apt = tmp_path / "bin" / "apt-get"
    apt.parent.mkdir()
    apt.write_text(
        f'#!/bin/sh\necho "$@" >> {tmp_path}/asked\n'
        f'case "$*" in *install*) touch {brought}; chmod +x {brought};; esac\n'
    )
    apt.chmod(0o755)
    monkeypatch.setenv("PATH", f"{apt.parent}:{os.environ['PATH']}")
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    tool = tools.Tool("brought", "to be tested", ("the-package",), tools.on_path("brought"))
    monkeypatch.setattr(
        tools, "missing", lambda wanted=(tool,): [each for each in wanted if not each.present()]
    )
    tools.install_missing()
    asked = (tmp_path / "asked").read_text().splitlines()
    assert asked[0].endswith("update") and asked[1].endswith("--no-install-recommends the-package")
