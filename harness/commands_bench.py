"""What ``bpflab bench`` does: lane after lane, the report with what earlier runs said, the gate."""

from __future__ import annotations

import argparse
import datetime
import os
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from rich.console import Console
from rich.text import Text

from ..kernels.kernel import Kernel
from . import gate
from .commands import conclude, prepare, stored_runs
from .environment import environment, load_of_machine
from .guest import make_engine
from .guest.engine import Engine, Limit, Limits
from .guest.smoke import SmokeBooted
from .outcomes import Run
from .plan import Plan, PlanError, parse_names, parse_patterns, select_benchmarks
from .progress import RunProgress
from .runner import carry_out
from .suite.catalogue import list_benchmarks
from .suite.lanes import LANES

RUNS = "runs"
"""Folder, in that of the reports, of the outcome files of every run: one folder per run."""

LIMITS = Limits(silence=Limit(300, 900))
"""A benchmark may take long until its one line, above all where it fills a map of a million."""

HOST, GUEST, INSTRUCTIONS = "host", "guest", "instructions"


def bench(options: argparse.Namespace) -> int:
    """Run the benchmarks; with ``--gate``, exit code 1 tells of more guest instructions than before."""
    started = datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds")
    patterns = select_benchmarks(list_benchmarks(), parse_patterns(options.benchmarks, "--benchmarks"))
    plan = prepare(options, Plan(bench=True, benchmarks=patterns))
    lanes = lanes_of(options, plan.kernels)
    folder = options.out / RUNS / started.partition("+")[0].replace(":", "")
    console = Console()
    facts = environment(", ".join(_engine_name(lane, options.guest) for lane in lanes)) | load_of_machine()
    for lane in lanes:
        kernels = tuple(kernel for kernel in plan.kernels if kernel.is_host is (lane == HOST))
        part = replace(plan, kernels=kernels, lane=lane)
        engines = _engines(lane, options.guest, kernels)
        # What is timed has the machine to itself; instructions do not care.
        workers = options.jobs if lane == INSTRUCTIONS else 1
        console.print(f"{lane}: {', '.join(kernel.label for kernel in kernels)}")
        with RunProgress(console) as progress:
            carry_out(part, engines, folder / f"{lane}.jsonl", facts, progress, LIMITS, workers)
    files = sorted(folder.glob("*.jsonl"))
    earlier = stored_runs(options.out / RUNS, before=started)
    code = conclude(Run.read(files), options.out, console, earlier)
    return max(code, _gate(options, folder, console))


def lanes_of(options: argparse.Namespace, kernels: Sequence[Kernel]) -> list[str]:
    """The lanes that were asked for, or that these kernels can be measured in. Raises `PlanError`."""
    if options.lanes:
        lanes = parse_names(options.lanes, "--lanes")
        if unknown := set(lanes) - LANES.keys():
            raise PlanError(f"--lanes: there is no '{min(unknown)}'; there are {', '.join(LANES)}")
    else:
        on_host = [HOST] if any(kernel.is_host for kernel in kernels) else []
        in_guests = [INSTRUCTIONS] if any(not kernel.is_host for kernel in kernels) else []
        lanes = [INSTRUCTIONS] if _gates(options) else [*on_host, *in_guests]
    if _gates(options) and INSTRUCTIONS not in lanes:
        raise PlanError(f"--gate and --store-baseline need the lane '{INSTRUCTIONS}' among --lanes")
    for lane in lanes:
        if not any(kernel.is_host is (lane == HOST) for kernel in kernels):
            what = "the kernel 'host'" if lane == HOST else "a kernel to boot"
            raise PlanError(f"the lane '{lane}' needs {what} in --kernels")
    return lanes


def default_kernels() -> str:
    """The host's own where it may be measured, and the newest to count instructions on."""
    return "host,7.2" if os.geteuid() == 0 else "7.2"


def _engines(lane: str, guest: str, kernels: Sequence[Kernel]) -> dict[str, Engine]:
    name = _engine_name(lane, guest)
    engine = make_engine(name) if lane == HOST else SmokeBooted(make_engine(name))
    return {kernel.label: engine for kernel in kernels}


def _engine_name(lane: str, guest: str) -> str:
    return {HOST: "host", INSTRUCTIONS: "icount"}.get(lane, guest)


def _gates(options: argparse.Namespace) -> bool:
    return bool(options.gate or options.store_baseline)


def _gate(options: argparse.Namespace, folder: Path, console: Console) -> int:
    """Compare with the baseline and store this run as one, if asked to."""
    if not _gates(options):
        return 0
    path = options.baseline or options.out / "baseline.json"
    run = Run.read([folder / f"{INSTRUCTIONS}.jsonl"])
    regressions: list[gate.Change] = []
    if options.gate:
        comparison = gate.compare(run, path)
        regressions = comparison.regressions
        for text in comparison.left_out:
            console.print(Text(f"not compared: {text}", "yellow"))
        for change in regressions:
            console.print(Text(f"regression: {change}", "bold red"))
        console.print(f"{len(comparison.changes)} rows compared with {path}, {len(regressions)} regressions")
    if options.store_baseline:
        gate.store(run, path)
        console.print(f"the baseline is stored in {path}")
    return 1 if regressions else 0
