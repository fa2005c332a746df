"""What a small program costs that loads an object: its whole life, and its memory while it waits."""

from __future__ import annotations

import os
import subprocess
import time
from collections.abc import Sequence
from pathlib import Path

import pytest

from ..outcomes import AGAIN
from .fixtures import BASELINE
from .job import SuiteJob
from .paired import Paired

OBJECTS = (
    pytest.param("programs/xdp", "a simple XDP object", id="xdp"),
    pytest.param("bench/core", "20 CO-RE relocations", id="core"),
    pytest.param("bench/large", "60 programs and 30 maps", id="large"),
)
FIGURES = {"rss": "resident", "pss": "its share", "uss": "its own", "peak": "resident at most"}

Environment = dict[str, str]

WALL = pytest.mark.lanes("host", "guest")


@pytest.fixture
def installed(tmp_path: Path) -> Environment:
    """The environment of programs whose Python modules are compiled already, as those of any package are."""
    given = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    return given | {"PYTHONPYCACHEPREFIX": str(tmp_path)}


@WALL
@pytest.mark.parametrize(("name", "title"), OBJECTS)
def bench_life(paired: Paired, job: SuiteJob, installed: Environment, name: str, title: str) -> None:
    """From the start of the program to its end."""
    for subject in paired.subjects:
        life_ns(_program(job, subject, name), installed)
    paired.rounds(
        f"Start a program that loads {title}, until it has ended",
        paired.lane.spawns,
        lambda subject: {"": life_ns(_program(job, subject, name), installed)},
    )


@WALL
@pytest.mark.parametrize(
    ("name", "title"), [pytest.param(*each.values, id=f"memory_{each.id}") for each in OBJECTS]
)
def bench_memory(paired: Paired, job: SuiteJob, installed: Environment, name: str, title: str) -> None:
    """After loading."""
    for subject in paired.subjects:
        memory_kib(_program(job, subject, name), installed)
    paired.rounds(
        f"Memory of a program that has loaded {title}",
        paired.lane.spawns,
        lambda subject: memory_kib(_program(job, subject, name), installed),
        unit="KiB",
        titles=FIGURES,
    )


def life_ns(argv: Sequence[str], environment: Environment) -> float:
    """How long a process lives, without the work of starting it that is ours. Raises AssertionError."""
    quiet = [
        (os.POSIX_SPAWN_OPEN, descriptor, os.devnull, flags, 0)
        for descriptor, flags in ((0, os.O_RDONLY), (1, os.O_WRONLY))
    ]
    begun = time.monotonic_ns()
    _, status = os.waitpid(os.posix_spawn(argv[0], list(argv), environment, file_actions=quiet), 0)
    taken = time.monotonic_ns() - begun
    assert status == 0, f"{argv[0]} ended with status {status}"
    return taken


def memory_kib(argv: Sequence[str], environment: Environment) -> dict[str, float]:
    """What a process takes once it has said that it has loaded. Raises AssertionError."""
    with subprocess.Popen(argv, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdin and process.stdout
        assert process.stdout.readline() == b"loaded\n"
        place = Path(f"/proc/{process.pid}")
        maps = _fields(place / "smaps_rollup")
        peak = _fields(place / "status")["VmHWM"]
        process.stdin.close()
        assert process.wait() == 0
    own = maps["Private_Clean"] + maps["Private_Dirty"]
    return {"rss": maps["Rss"], "pss": maps["Pss"], "uss": own, "peak": peak}


def _fields(path: Path) -> dict[str, float]:
    """The fields in kB of a file of /proc."""
    lines = (line.split() for line in path.read_text().splitlines())
    return {words[0].rstrip(":"): float(words[1]) for words in lines if len(words) == 3 and words[2] == "kB"}


def _program(job: SuiteJob, subject: str, name: str) -> list[str]:
    return [*job.programs[BASELINE if subject == AGAIN else subject], str(job.objects[name])]
