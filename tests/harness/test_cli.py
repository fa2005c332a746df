"""Bad input gets one clear line and the documented exit code."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from bpflab.harness.outcomes import Run

CLI = (sys.executable, "-m", "bpflab")


def bpflab(*arguments: str | Path, **environment: str) -> subprocess.CompletedProcess[str]:
    command = [*CLI, *map(str, arguments)]
    return subprocess.run(
        command, env=os.environ | environment, capture_output=True, text=True, check=False, timeout=300
    )


@pytest.fixture
def text_file(tmp_path: Path) -> Path:
    path = tmp_path / "notes.txt"
    path.write_text("not an object\n")
    return path


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["run", "--kernels", "6.99"], "no kernel '6.99'"),
        (["run", "--kernels", "sixpointone"], "no kernel 'sixpointone'"),
        (["run", "--kernels", ""], "--kernels '': expected at least one name"),
        (["run", "--kernels", "/nowhere"], "/nowhere"),
        (["run", "--kernels", "host", "--subjects", "libpbf"], "no subject 'libpbf'"),
        (["run", "--kernels", "host", "--checks", "mapz"], "no check fits 'mapz'"),
        (["run", "--kernels", "host", "--checks", "maps/*,mapz"], "no check fits 'mapz'"),
        (["run", "--kernels", "host", "--checks", ","], "--checks ',': expected at least one name"),
        (["bench", "--kernels", "host", "--benchmarks", "load/xdp,lookap/*"], "no benchmark fits 'lookap/*'"),
        (["run", "--kernels", "host", "--shard", "3/2"], "--shard 3/2"),
        (["run", "--kernels", "host", "absent.bpf.o"], "absent.bpf.o: no such file"),
        (["run", "--kernels", "host", "x.o", "--checks", "maps"], "x.o: no such file"),
        (["report", "absent.jsonl"], "absent.jsonl: cannot be read"),
        (["kernels", "fetch", "1.0"], "no kernel '1.0'"),
        (["features", "--kernel", "6.99"], "no kernel '6.99'"),
        (["features", "--helpers", "xpd"], "no program type 'xpd'; there are: unspec, socket_filter"),
    ],
)
def test_what_does_not_exist_is_named_in_one_line(arguments: list[str], said: str, tmp_path: Path) -> None:
    done = bpflab(*arguments)
    assert done.returncode == 2
    assert said in done.stderr
    assert len(done.stderr.splitlines()) == 1 and done.stderr.startswith("bpflab: ")


@pytest.mark.parametrize("arguments", [[], ["fly"], ["run", "--jobs", "0"], ["run", "--guest", "docker"]])
def test_wrong_usage_is_shown_the_right_one(arguments: list[str]) -> None:
    done = bpflab(*arguments)
    assert done.returncode == 2 and done.stderr.startswith("usage: bpflab")


def test_a_report_of_something_else_is_refused(text_file: Path) -> None:
    done = bpflab("report", text_file)
    assert done.returncode == 2 and "notes.txt:1: is not an event" in done.stderr


def test_a_missing_tool_ends_with_the_command_that_brings_it(tmp_path: Path) -> None:
    for program in ("cc", "make", "file", "clang-19", "busybox", "udevadm", "apt-cache"):
        found = shutil.which(program)
        if found:
            (tmp_path / program).symlink_to(found)
    done = bpflab("run", "--kernels", "host", PATH=str(tmp_path))
    assert done.returncode == 69
    assert "this machine lacks qemu (to boot guests)" in done.stderr
    assert "apt-get install --no-install-recommends qemu-system-x86" in done.stderr


needs_bpf = pytest.mark.skipif(
    os.geteuid() != 0, reason="the engine 'host' takes root alone: unshare(2) gives others EPERM"
)


@needs_bpf
@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "empty"),
        (b"not an object\n", "ELF"),
        (b"\x7fELF\x02\x01\x01" + bytes(20), "cut off"),
    ],
    ids=["empty", "text", "truncated"],
)
def test_an_object_that_is_none_fails_to_open_and_says_why(tmp_path: Path, content: bytes, said: str) -> None:
    path = tmp_path / "x.bpf.o"
    path.write_bytes(content)
    done = bpflab("run", path, "--kernels", "host", "--subjects", "reference", "--out", tmp_path / "out")
    assert done.returncode == 1, done.stderr
    (result,) = Run.read([tmp_path / "out/outcomes.jsonl"]).results
    assert result.check == "object/x.bpf.o/open" and said in result.reason


@needs_bpf
def test_a_full_disk_keeps_what_was_complete(tmp_path: Path) -> None:
    arguments = (
        "run",
        "--kernels",
        "host",
        "--subjects",
        "libbpf",
        "--checks",
        "maps",
        "--checks",
        "hostile",
    )
    bpflab(*arguments, "--out", tmp_path / "whole")
    whole = (tmp_path / "whole/outcomes.jsonl").read_bytes()
    head = len(whole.splitlines()[0])
    room = head + (len(whole) - head) // 2
    small = tmp_path / "small"
    small.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={room // 4096 * 4096}", "bpflab", small], check=True)
    try:
        done = bpflab(*arguments, "--out", small)
        assert done.returncode == 69
        assert "the disk is full" in done.stderr and "Traceback" not in done.stderr
        run = Run.read([small / "outcomes.jsonl"])
        assert run.results and not run.finished
    finally:
        subprocess.run(["umount", small], check=True)
