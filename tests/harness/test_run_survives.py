"""What happens to one guest costs nobody else's results: real guests, really brought down."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from bpflab.corpus.build import objects
from bpflab.harness import tools
from bpflab.harness.guest import make_engine
from bpflab.harness.guest.engine import Limit, Limits
from bpflab.harness.outcomes import CheckResult, Outcome, Run
from bpflab.harness.plan import Plan, select_checks
from bpflab.harness.runner import carry_out
from bpflab.harness.subjects import registry
from bpflab.harness.subjects.libbpf.build import library
from bpflab.harness.suite.catalogue import list_checks
from bpflab.kernels.cache import cache_dir
from bpflab.kernels.progress import Silent
from bpflab.kernels.store import resolve

FATAL_OBJECT = "lru_hash"
FATAL_CHECK = "maps/lru_hash"

SABOTEUR = """\
'''A subject that hands everything on to the reference until an object is opened that it does not like.'''
import os, signal, subprocess, sys
real = subprocess.Popen([sys.executable, "-m", "bpflab.harness.subjects.reference"],
                        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1)
for line in sys.stdin:
    if '"open"' in line and "{object}" in line:
        {act}
    real.stdin.write(line)
    sys.stdout.write(real.stdout.readline())
    sys.stdout.flush()
"""

PATIENCE = Limit(cpu_s=30, wall_s=400)
"""Without a line. Starting the saboteur and the reference takes some 5 CPU seconds under TCG."""

PANIC = "open('/proc/sysrq-trigger', 'w').write('c')"
HANG = "os.kill(os.getppid(), signal.SIGSTOP); exec('while True: pass')"


@pytest.fixture
def plan(tmp_path: Path) -> Plan:
    """The map checks on one kernel, without subjects."""
    clang = tools.find_clang()
    assert clang
    return Plan(
        kernels=tuple(resolve(["6.12"], "generic", Silent())),
        objects=objects(clang, library().path, cache_dir()),
        checks=select_checks(list_checks(), ["maps"]),
        check_limit_s=120,
    )


class Watcher:
    """Progress that notes what is running, and can end a guest's QEMU the hard way when a check begins."""

    def __init__(self, deadly: str = "", times: int = 0) -> None:
        self._deadly, self._left = deadly, times

    def cell_started(self, cell: str, checks: int) -> None: ...
    def check_finished(self, cell: str, result: CheckResult) -> None: ...
    def cell_finished(self, cell: str, error: BaseException | None) -> None: ...

    def check_started(self, cell: str, check: str) -> None:
        if check == self._deadly and self._left:
            self._left -= 1
            (qemu,) = children("qemu-system")
            os.kill(qemu, signal.SIGKILL)


def children(name: str, of: int | None = None) -> list[int]:
    """Process ids of a process's descendants (this one's) whose program's name starts so."""
    root = of or os.getpid()
    parents = {}
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            pid, _, rest = stat.read_text().partition(" (")
        except (FileNotFoundError, ProcessLookupError):
            continue
        program, _, fields = rest.rpartition(") ")
        parents[int(pid)] = (int(fields.split()[1]), program)

    def ours(pid: int) -> bool:
        return pid == root or (pid in parents and ours(parents[pid][0]))

    return [pid for pid, (parent, program) in parents.items() if program.startswith(name) and ours(parent)]


def saboteur(folder: Path, act: str) -> tuple[list[str], Path]:
    script = folder / "saboteur.py"
    script.write_text(textwrap.dedent(SABOTEUR).replace("{object}", FATAL_OBJECT).replace("{act}", act))
    return [sys.executable, str(script)], script


def with_libbpf(plan: Plan) -> Plan:
    libbpf = registry.command("libbpf")
    return replace(plan, subjects=("libbpf",), commands={"libbpf": list(libbpf.argv)}, payload=libbpf.payload)


def go(plan: Plan, folder: Path, watcher: Watcher, silence: Limit) -> tuple[dict[str, CheckResult], Run]:
    limits = Limits(silence=silence)
    engines = {kernel.label: make_engine("snapshot") for kernel in plan.kernels}
    run = carry_out(plan, engines, folder / "outcomes.jsonl", {}, watcher, limits, workers=1)
    assert run.finished
    assert not children("qemu-system"), "a guest was left behind"
    return {result.check: result for result in run.results}, run


@pytest.fixture
def out(tmp_path: Path) -> Iterator[Path]:
    yield tmp_path / "out"


@pytest.mark.parametrize(
    ("act", "outcome", "why"),
    [(PANIC, Outcome.CRASH, "sysrq"), (HANG, Outcome.TIME_OUT, "no line within")],
    ids=["panic", "hang"],
)
def test_a_guest_that_dies_costs_one_check(
    plan: Plan, tmp_path: Path, out: Path, act: str, outcome: Outcome, why: str
) -> None:
    command, script = saboteur(tmp_path, act)
    sabotaged = replace(plan, subjects=("reference",), commands={"reference": command}, payload=(script,))
    results, run = go(sabotaged, out, Watcher(), PATIENCE)
    others = {check: each.outcome for check, each in results.items() if FATAL_CHECK not in check}
    assert others == {check.id: Outcome.PASS for check in plan.checks if FATAL_CHECK not in check.id}
    fatal = [each for check, each in results.items() if FATAL_CHECK in check]
    assert fatal and {each.outcome for each in fatal} == {outcome}
    assert why in fatal[0].reason and "qemu" in fatal[0].detail["command"]
    # What hangs is tried twice. A guest that dies between checks, as QEMU's restored ones have done, too.
    deaths = len(fatal) * (2 if outcome is Outcome.TIME_OUT else 1)
    assert deaths < len(run.guests) <= 2 + deaths


def test_a_guest_that_is_killed_is_started_again(plan: Plan, out: Path) -> None:
    results, run = go(with_libbpf(plan), out, Watcher(deadly=FATAL_CHECK, times=1), PATIENCE)
    assert {each.outcome for each in results.values()} == {Outcome.PASS}
    assert [guest.end for guest in run.guests] == ["lost", "finished"]


def test_a_check_whose_guest_is_killed_each_time_is_infrastructure(plan: Plan, out: Path) -> None:
    results, _ = go(with_libbpf(plan), out, Watcher(deadly=FATAL_CHECK, times=2), PATIENCE)
    assert results.pop(FATAL_CHECK).outcome is Outcome.INFRA
    assert {each.outcome for each in results.values()} == {Outcome.PASS}


@pytest.mark.parametrize("ending", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupted_run_leaves_no_guest_and_keeps_what_it_has(out: Path, ending: signal.Signals) -> None:
    command = [sys.executable, "-m", "bpflab", "run", "--kernels", "6.12", "--guest", "snapshot"]
    with subprocess.Popen(
        [*command, "--out", str(out)],
        stderr=subprocess.PIPE,
        text=True,
        # Shells start background jobs with SIGINT ignored, and whoever they start inherits that.
        preexec_fn=lambda: signal.signal(ending, signal.SIG_DFL),
    ) as running:
        assert running.stderr
        while not (guests := children("qemu-system", running.pid)) or not (out / "outcomes.jsonl").exists():
            assert running.poll() is None, running.stderr.read()
            time.sleep(0.1)
        running.send_signal(ending)
        said = running.stderr.read()
        assert running.wait(60) == 130 and "interrupted; what was complete is kept" in said
    assert not [guest for guest in guests if Path(f"/proc/{guest}").exists()]
    assert not Run.read([out / "outcomes.jsonl"]).finished
