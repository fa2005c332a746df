"""Counted instructions: the same in every boot, whatever the host does, and the gate that rests on them."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest
from bpflab.corpus.build import objects
from bpflab.harness import gate
from bpflab.harness.guest import make_engine
from bpflab.harness.outcomes import CheckResult, Run
from bpflab.harness.plan import Plan
from bpflab.harness.runner import carry_out
from bpflab.harness.subjects import registry
from bpflab.harness.subjects.libbpf.build import library
from bpflab.harness.tools import find_clang
from bpflab.kernels.cache import cache_dir
from bpflab.kernels.progress import Silent
from bpflab.kernels.store import resolve

BENCHMARKS = ("lookup/hash_1k", "lookup/walk", "events/ring_64_object", "events/perf_64_object")

EXTRA_SYSTEM_CALL = """
import os
from bpflab.loader.native import native

look_up = native.lookup_int

def slower(*arguments):
    os.getppid()
    return look_up(*arguments)

native.lookup_int = slower
"""

EXTRA_COPY = """
from bpflab.loader.readers.ringbuf import RingBuffer

read = RingBuffer.read
RingBuffer.read = lambda *arguments: [bytes(bytearray(sample)) for sample in read(*arguments)]
"""

Count = Callable[..., Run]


class Unwatched:
    """Nobody looks on."""

    def cell_started(self, cell: str, checks: int) -> None: ...
    def check_started(self, cell: str, check: str) -> None: ...
    def check_finished(self, cell: str, result: CheckResult) -> None: ...
    def cell_finished(self, cell: str, error: BaseException | None) -> None: ...


@pytest.fixture(scope="module")
def plan() -> Plan:
    clang = find_clang()
    assert clang, "no clang with the BPF target: run harness/tools.py"
    commands = {name: registry.command(name) for name in registry.names()}
    return Plan(
        kernels=tuple(resolve(["6.12"], "generic", Silent())),
        subjects=("reference", "libbpf"),
        commands={name: list(command.argv) for name, command in commands.items()},
        payload=tuple(path for command in commands.values() for path in command.payload),
        objects=objects(clang, library().path, cache_dir()),
        bench=True,
        benchmarks=BENCHMARKS,
        lane=gate.LANE,
    )


@pytest.fixture(scope="module")
def count(plan: Plan, tmp_path_factory: pytest.TempPathFactory) -> Count:
    """Boots a guest and counts; what is planted runs in the reference's process before it begins."""

    def run(planted: str = "") -> Run:
        if planted:
            start = "from bpflab.harness.subjects.reference.__main__ import main\nmain()\n"
            plan.commands["reference"] = [sys.executable, "-c", planted + start]
        else:
            plan.commands["reference"] = list(registry.command("reference").argv)
        engines = {kernel.label: make_engine("icount") for kernel in plan.kernels}
        outcomes = tmp_path_factory.mktemp("run") / "instructions.jsonl"
        result = carry_out(plan, engines, outcomes, {}, Unwatched())
        assert not result.results, [(each.check, each.reason) for each in result.results]
        return result

    return run


@pytest.fixture(scope="module")
def quiet(count: Count) -> Run:
    """A first boot."""
    return count()


@pytest.fixture
def baseline(quiet: Run, tmp_path: Path) -> Path:
    path = tmp_path / "baseline.json"
    gate.store(quiet, path)
    return path


@contextmanager
def hogs(number: int) -> Iterator[None]:
    """Processes that take all the CPU they can get."""
    with ExitStack() as stack:
        for _ in range(number):
            hog = stack.enter_context(subprocess.Popen([sys.executable, "-c", "while True: pass"]))
            stack.callback(hog.kill)
        yield


def test_two_boots_give_the_same_bytes_also_beside_a_cpu_hog(
    quiet: Run, count: Count, baseline: Path
) -> None:
    with hogs(2):
        loaded = count()
    assert {each.benchmark for each in quiet.benchmarks} == set(BENCHMARKS)
    assert loaded.benchmarks == quiet.benchmarks
    assert all(len(samples) == 3 for each in quiet.benchmarks for samples in each.samples.values())
    comparison = gate.compare(loaded, baseline)
    assert len(comparison.changes) == len(BENCHMARKS) and not comparison.regressions


@pytest.mark.parametrize(
    ("planted", "slower"),
    [(EXTRA_SYSTEM_CALL, "lookup/hash_1k"), (EXTRA_COPY, "events/ring_64_object")],
    ids=["an extra system call per look-up", "an extra copy per event"],
)
def test_a_planted_slow_down_is_caught_and_nothing_else(
    count: Count, baseline: Path, planted: str, slower: str
) -> None:
    comparison = gate.compare(count(planted), baseline)
    assert [change.benchmark for change in comparison.regressions] == [slower]
