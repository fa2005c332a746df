"""What each command of the command line does; every function returns the exit code."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from rich.console import Console
from rich.table import Table

from ..corpus.build import libraries as corpus_libraries
from ..corpus.build import objects as corpus_objects
from ..corpus.data import deviations
from ..kernels.cache import cache_dir
from ..kernels.catalogue import list_releases, mirror_apt
from ..kernels.kernel import Kernel
from ..kernels.lock import refresh_lock
from ..kernels.store import cached_releases, resolve
from ..reports import print_matrix, write_reports
from . import tools
from .environment import environment
from .guest import make_engine
from .guest.engine import Engine
from .guest.smoke import SmokeBooted
from .outcomes import Run, Verdict
from .plan import Plan, PlanError, parse_names, parse_patterns, parse_shard, select_checks, user_objects
from .progress import FetchProgress, RunProgress
from .runner import carry_out
from .subjects import registry
from .subjects.libbpf.build import library
from .suite.catalogue import list_checks
from .suite.fixtures import BASELINE

OUTCOMES = "outcomes.jsonl"


def run(options: argparse.Namespace) -> int:
    """``bpflab run``: the compatibility matrix of the corpus, or of the user's objects."""
    users = user_objects(options.objects)
    if users and options.checks:
        raise PlanError("--checks chooses checks of the corpus; it does not go with OBJECT")
    if users:
        return _carry_out(options, Plan(user_objects=users))
    every = list_checks()
    known = deviations((check.id for check in every), registry.names())
    chosen = select_checks(every, parse_patterns(options.checks, "--checks"))
    return _carry_out(options, Plan(checks=chosen, deviations=known))


def kernels_list(options: argparse.Namespace) -> int:
    """``bpflab kernels list``: what the mirror carries, and what of it the cache holds."""
    console = Console()
    with FetchProgress(console) as progress:
        _refresh(options, progress)
        releases = list_releases(progress, options.flavour)
    cached = {(release.release, release.package) for release in cached_releases()}
    table = Table("release", "version", "suite", "MB", "modules", "cached", box=None, header_style="bold")
    for release in releases:
        here = (release.release, release.package) in cached
        modules = "yes" if release.has_modules else "no longer"
        size = f"{release.size / 1e6:.0f}"
        table.add_row(
            release.release, str(release.version), release.suite, size, modules, "yes" if here else ""
        )
    console.print(table)
    console.print(f"{len(releases)} releases; 'bpflab kernels fetch {releases[-1].version}' fetches one.")
    return 0


def kernels_fetch(options: argparse.Namespace) -> int:
    """``bpflab kernels fetch``: fetch, verify and unpack."""
    console = Console()
    with FetchProgress(console) as progress:
        _refresh(options, progress)
        kernels = resolve(options.kernels, options.flavour, progress)
    for kernel in kernels:
        console.print(f"{kernel.label}: {kernel.release} ({kernel.package}) in {kernel.root}", soft_wrap=True)
    return 0


def kernels_lock(options: argparse.Namespace) -> int:
    """``bpflab kernels lock``: pin the default kernels to what the mirror carries now."""
    console = Console()
    with FetchProgress(console) as progress:
        changes = refresh_lock(progress)
    for change in changes or ["every pin is the newest already"]:
        console.print(change)
    return 0


def report(options: argparse.Namespace) -> int:
    """``bpflab report``: the reports of outcome files, made again or merged."""
    run = Run.read(options.outcomes)
    earlier = stored_runs(options.history, before=run.started) if options.history else ()
    return conclude(run, options.out, Console(), earlier)


def prepare(options: argparse.Namespace, what: Plan) -> Plan:
    """The plan for the kernels and subjects that were asked for; all of it is fetched and built first."""
    shard, subjects = parse_shard(options.shard), parse_names(options.subjects, "--subjects")
    selectors = parse_names(options.kernels, "--kernels")
    tools.require()
    with FetchProgress(Console()) as progress:
        kernels = resolve(selectors, options.flavour, progress)
        commands = {name: registry.command(name, progress) for name in dict.fromkeys((*subjects, BASELINE))}
        libbpf = library(progress).path
    return replace(
        what,
        kernels=tuple(kernels),
        subjects=tuple(subjects),
        commands={name: list(command.argv) for name, command in commands.items()},
        programs={name: list(command.program) for name, command in commands.items()},
        payload=tuple(path for command in commands.values() for path in command.payload),
        objects={} if what.user_objects else corpus_objects(_clang(), libbpf, cache_dir()),
        libraries={} if what.user_objects else corpus_libraries(_clang(), cache_dir()),
        shard=shard,
    )


def _carry_out(options: argparse.Namespace, what: Plan) -> int:
    console = Console()
    plan = prepare(options, what)
    engines = _engines(options.guest, plan.kernels)
    with RunProgress(console) as progress:
        run = carry_out(
            plan, engines, options.out / OUTCOMES, environment(options.guest), progress, workers=options.jobs
        )
    return conclude(run, options.out, console)


def stored_runs(folder: Path, before: str) -> list[Run]:
    """The runs in the folders of a folder that were started before that moment, oldest first.

    Raises `OutcomeFileError` for one that cannot be read.
    """
    found = [sorted(path.glob("*.jsonl")) for path in folder.glob("*") if path.is_dir()]
    runs = [Run.read(files) for files in found if files]
    return sorted((run for run in runs if run.started < before), key=lambda run: run.started)


def _engines(guest: str, kernels: Sequence[Kernel]) -> dict[str, Engine]:
    """The engine for each kernel, by label: the host's own needs no guest."""
    booting, host = SmokeBooted(make_engine(guest)), make_engine("host")
    return {kernel.label: host if kernel.is_host else booting for kernel in kernels}


def _refresh(options: argparse.Namespace, progress: FetchProgress) -> None:
    if options.refresh:
        mirror_apt(progress, max_age_s=0)


def _clang() -> str:
    clang = tools.find_clang()
    assert clang is not None, "tools.require() has found one"
    return clang


def conclude(run: Run, out: Path, console: Console, earlier: Sequence[Run] = ()) -> int:
    """Write the reports, show the matrix; the exit code says whether all is as expected.

    `earlier` are runs that the benchmarks are to be shown beside, oldest first.
    """
    paths = write_reports(run, out, earlier)
    print_matrix(run, console)
    page = next(path for path in paths if path.suffix == ".html")
    console.print(f"{run.seconds:.0f} s in all; report: {page}", soft_wrap=True)
    if run.unexpected():
        return 1
    infrastructure = any(result.verdict is Verdict.INFRA for result in run.results)
    return tools.EXIT_INFRASTRUCTURE if infrastructure else 0
