"""Subjects on this machine's kernel, and the objects to give to them.

Each subject runs in a network namespace of its own, where the one device is the
loopback, and takes it along when it ends.
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from bpflab.harness import tools
from bpflab.harness.subjects import registry
from bpflab.harness.subjects.client import ErrorClass, Subject, SubjectError, SubjectObject
from bpflab.harness.subjects.libbpf.build import headers

SOURCES = Path(__file__).parent / "objects"
CORPUS_INCLUDE = Path(__file__).parents[3] / "corpus" / "include"


@pytest.fixture(scope="session")
def objects(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The directory of compiled objects: NAME.bpf.o for each objects/NAME.bpf.c."""
    folder = tmp_path_factory.mktemp("objects")
    clang = tools.find_clang()
    assert clang, "no clang with the BPF target"
    include = [f"-I{headers()}", f"-I{CORPUS_INCLUDE}"]
    for source in SOURCES.glob("*.bpf.c"):
        target = folder / f"{source.name.removesuffix('.bpf.c')}.bpf.o"
        flags = ["-target", "bpf", "-g", "-O2", "-mcpu=v3", "-Wall", "-Werror", "-nostdlibinc"]
        subprocess.run([clang, *flags, *include, "-c", str(source), "-o", str(target)], check=True)
    return folder


@pytest.fixture(scope="session")
def bpf(objects: Path) -> None:
    """Skips where the kernel refuses bpf() itself to us."""
    with Subject(registry.command("libbpf").argv) as subject, subject.open(objects / "all.bpf.o") as opened:
        try:
            opened.load(["landing"])
        except SubjectError as error:
            if error.cls is ErrorClass.KERNEL and error.errno == 1:
                pytest.skip(f"bpf() is refused here: {error}")
            raise


@pytest.fixture(scope="session", params=registry.names())
def command(request: pytest.FixtureRequest, bpf: None) -> tuple[str, ...]:
    """The command of each subject, in a network namespace with the loopback up."""
    argv = registry.command(request.param).argv
    return ("unshare", "--net", "sh", "-c", 'ip link set lo up && exec "$@"', "sh", *argv)


@pytest.fixture(scope="session")
def subject(command: tuple[str, ...]) -> Iterator[Subject]:
    """A running subject."""
    with Subject(command) as running:
        yield running


@pytest.fixture
def loaded(subject: Subject, objects: Path) -> Iterator[SubjectObject]:
    """The object all.bpf.o, loaded by the subject."""
    with subject.open(objects / "all.bpf.o") as opened:
        opened.load()
        yield opened


@pytest.fixture
def in_network(subject: Subject) -> Callable[[str], None]:
    """Runs a line of Python in the subject's network namespace."""

    def run(code: str) -> None:
        prefix = ["nsenter", f"--net=/proc/{subject.pid}/ns/net"]
        subprocess.run([*prefix, sys.executable, "-c", code], check=True)

    return run
