"""Objects and kernels' types, compiled from a few lines of C."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from bpflab.harness import tools
from bpflab.harness.subjects.libbpf.build import headers
from bpflab.loader.errors import KernelError
from bpflab.loader.syscall import map_create

INCLUDE = Path(__file__).parents[2] / "corpus" / "include"

PRELUDE = """
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_core_read.h>
#define core __attribute__((preserve_access_index))
"""
LICENSE = 'char LICENSE[] SEC("license") = "GPL";'


@pytest.fixture(scope="session")
def compile_bpf(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Path]:
    """Compile C to NAME.bpf.o; libbpf's headers are included already."""
    clang = tools.find_clang()
    assert clang, "no clang with the BPF target"
    made: dict[tuple[str, ...], Path] = {}

    def compile(source: str, *flags: str, name: str = "test") -> Path:
        key = (source, name, *flags)
        if key not in made:
            folder = tmp_path_factory.mktemp("bpf")
            (folder / f"{name}.bpf.c").write_text(
                PRELUDE + source + (LICENSE if "LICENSE[]" not in source else "")
            )
            command = [clang, "-target", "bpf", "-g", "-O2", "-mcpu=v3", "-nostdlibinc", f"-I{INCLUDE}"]
            command += [f"-I{headers()}", *flags, "-c", f"{name}.bpf.c", "-o", f"{name}.bpf.o"]
            subprocess.run(command, cwd=folder, check=True)
            made[key] = folder / f"{name}.bpf.o"
        return made[key]

    return compile


@pytest.fixture(scope="session")
def bpf() -> None:
    """Skips where this process may not use bpf(2), as measured by making a map."""
    try:
        os.close(map_create(2, 4, 4, 1, name="probe"))
    except KernelError as error:
        pytest.skip(f"bpf(2) is refused here: {error}")
