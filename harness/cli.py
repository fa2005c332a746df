"""The command line: a thin shell over `commands`; says what went wrong in one line.

Exit codes: 0 as expected, 1 an unexpected outcome, 2 wrong usage or bad input,
69 this machine lacks something or the infrastructure failed.
"""

from __future__ import annotations

import argparse
import errno
import signal
import sys
from collections.abc import Sequence
from pathlib import Path

from .. import __version__
from ..corpus.build import CompileError
from ..corpus.data import DataError
from ..kernels.errors import KernelsError, SelectorError
from ..loader.errors import BpflabError
from . import commands, commands_bench, commands_features, commands_object
from .gate import BaselineError
from .guest.engine import GuestSetupError
from .outcomes import OutcomeFileError
from .plan import PlanError
from .subjects.libbpf.build import SubjectBuildError
from .subjects.registry import UnknownSubjectError
from .tools import EXIT_INFRASTRUCTURE, MissingToolsError

DEFAULT_KERNELS = "5.10,6.1,6.12,6.18,7.2"
DEFAULT_SUBJECTS = "reference,libbpf"

BAD_INPUT = (
    PlanError,
    UnknownSubjectError,
    SelectorError,
    OutcomeFileError,
    BaselineError,
    DataError,
    BpflabError,
)
INFRASTRUCTURE = (MissingToolsError, GuestSetupError, KernelsError, CompileError, SubjectBuildError)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code; never a traceback for what a user can cause."""
    options = parser().parse_args(arguments)
    # Guests live in process groups of their own: whoever ends us the polite way ends them, too.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        return int(options.command(options))
    except BAD_INPUT as error:
        return _say(error, 2)
    except INFRASTRUCTURE as error:
        return _say(error, EXIT_INFRASTRUCTURE)
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            return _say(f"the disk is full: {error}; what was complete is kept", EXIT_INFRASTRUCTURE)
        return _say(error, EXIT_INFRASTRUCTURE)
    except KeyboardInterrupt:
        return _say("interrupted; what was complete is kept", 130)


def _say(error: BaseException | str, code: int) -> int:
    print(f"bpflab: {error}", file=sys.stderr)
    return code


def parser() -> argparse.ArgumentParser:
    """The whole command line."""
    top = argparse.ArgumentParser(
        prog="bpflab", description="The conformance and benchmark lab for eBPF loaders."
    )
    top.add_argument("--version", action="version", version=f"bpflab {__version__}")
    verbs = top.add_subparsers(required=True, metavar="COMMAND")
    _add_run(verbs)
    _add_bench(verbs)
    _add_kernels(verbs)
    _add_report(verbs)
    _add_inspect(verbs)
    _add_relocate(verbs)
    _add_features(verbs)
    _add_skeleton(verbs)
    return top


def _add_run(verbs: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    run = verbs.add_parser("run", help="which loader loads which object on which kernel")
    run.add_argument(
        "objects", nargs="*", type=Path, metavar="OBJECT", help="BPF object files; none: the whole corpus"
    )
    run.add_argument(
        "--checks",
        action="append",
        default=[],
        metavar="PATTERN",
        help="only the corpus checks whose id, area or object fits (comma-separated, repeatable)",
    )
    _add_plan(run)
    run.add_argument(
        "--out", type=Path, default=Path("results/run"), help="folder of the reports (%(default)s)"
    )
    run.set_defaults(command=commands.run)


def _add_bench(verbs: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    bench = verbs.add_parser("bench", help="what the reference loader costs next to libbpf")
    _add_plan(bench, kernels=commands_bench.default_kernels())
    bench.add_argument(
        "--lanes",
        metavar="LIST",
        help="host (time on the running kernel), guest (time in guests), instructions (counted in guests); "
        "never mixed (host and instructions, as the kernels allow)",
    )
    bench.add_argument(
        "--benchmarks",
        action="append",
        default=[],
        metavar="PATTERN",
        help="only the benchmarks whose name fits, such as 'lookup/*' (comma-separated, repeatable)",
    )
    bench.add_argument(
        "--gate",
        action="store_true",
        help="exit code 1 if guest instructions grew: look-ups and events by over 2 %%, loads by over 5 %%",
    )
    bench.add_argument("--store-baseline", action="store_true", help="make this run the gate's baseline")
    bench.add_argument("--baseline", type=Path, metavar="FILE", help="(baseline.json in --out)")
    bench.add_argument(
        "--out", type=Path, default=Path("results/bench"), help="folder of the reports (%(default)s)"
    )
    bench.set_defaults(command=commands_bench.bench)


def _add_plan(verb: argparse.ArgumentParser, kernels: str = DEFAULT_KERNELS) -> None:
    verb.add_argument(
        "--kernels",
        default=kernels,
        metavar="LIST",
        help="series, release, lts, latest, all, a path, or host; comma-separated (%(default)s)",
    )
    verb.add_argument(
        "--subjects", default=DEFAULT_SUBJECTS, metavar="LIST", help="loaders under test (%(default)s)"
    )
    verb.add_argument(
        "--guest",
        choices=("virtme-ng", "snapshot"),
        default="virtme-ng",
        help="how guests are made (%(default)s); the kernel 'host' needs none",
    )
    verb.add_argument("--flavour", choices=("generic", "cloud"), default="generic", help="(%(default)s)")
    verb.add_argument("--jobs", type=_positive, metavar="N", help="guests side by side (cores and memory)")
    verb.add_argument("--shard", default="1/1", metavar="I/N", help="only every N-th cell, from the I-th")


def _add_kernels(verbs: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    kernels = verbs.add_parser("kernels", help="the kernels that can be booted")
    actions = kernels.add_subparsers(required=True, metavar="ACTION")
    listing = actions.add_parser("list", help="what the mirror carries and the cache holds")
    listing.add_argument("kernels", nargs="*", default=["all"], metavar="KERNEL")
    fetch = actions.add_parser("fetch", help="fetch, verify and unpack kernels")
    fetch.add_argument("kernels", nargs="*", default=DEFAULT_KERNELS.split(","), metavar="KERNEL")
    for action in (listing, fetch):
        action.add_argument("--flavour", choices=("generic", "cloud"), default="generic")
        action.add_argument("--refresh", action="store_true", help="ask the mirror again first")
    listing.set_defaults(command=commands.kernels_list)
    fetch.set_defaults(command=commands.kernels_fetch)
    lock = actions.add_parser("lock", help="pin the default kernels to what the mirror carries now")
    lock.set_defaults(command=commands.kernels_lock)


def _add_report(verbs: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    report = verbs.add_parser("report", help="make the reports of outcome files again, merged")
    report.add_argument("outcomes", nargs="+", type=Path, metavar="FILE", help="outcomes.jsonl of runs")
    report.add_argument("--out", type=Path, default=Path("results/report"), help="(%(default)s)")
    report.add_argument(
        "--history", type=Path, metavar="DIR", help="folder of earlier runs: 'runs' of 'bpflab bench'"
    )
    report.set_defaults(command=commands.report)


def _add_inspect(verbs: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    inspect = verbs.add_parser("inspect", help="what an object file says, and the lowest kernel for it")
    inspect.add_argument(
        "--kernel", metavar="KERNEL", help="show each CO-RE relocation as this kernel resolves it"
    )
    _add_object(inspect)
    inspect.set_defaults(command=commands_object.inspect)


def _add_relocate(verbs: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    relocate = verbs.add_parser(
        "relocate", help="what becomes of an object's CO-RE relocations on many kernels; boots none"
    )
    relocate.add_argument(
        "--kernels",
        metavar="LIST",
        help="cached, series, release, lts, latest, all, a path, or host; comma-separated (cached)",
    )
    _add_object(relocate)
    relocate.set_defaults(command=commands_object.relocate)


def _add_skeleton(verbs: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    skeleton = verbs.add_parser("skeleton", help="write a typed Python module for an object")
    skeleton.add_argument("object", type=Path, metavar="OBJECT", help="a BPF object file")
    skeleton.add_argument("--out", type=Path, metavar="FILE", help="(NAME_skeleton.py beside the object)")
    skeleton.add_argument(
        "--type",
        action="append",
        default=[],
        metavar="STRUCT",
        help="a struct to have a class besides those of maps and variables, such as an event (repeatable)",
    )
    skeleton.set_defaults(command=commands_object.make_skeleton)


def _add_features(verbs: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    features = verbs.add_parser("features", help="what a kernel can do for BPF programs, found out by trying")
    features.add_argument("--kernel", metavar="KERNEL", help="boot this one; without it the running one")
    features.add_argument(
        "--helpers", metavar="TYPE", help="also which helpers programs of a type may call (xdp, kprobe …)"
    )
    features.add_argument(
        "--guest", choices=("virtme-ng", "snapshot"), default="snapshot", help="(%(default)s)"
    )
    features.add_argument("--flavour", choices=("generic", "cloud"), default="generic", help="(%(default)s)")
    features.add_argument("--json", action="store_true", help="for machines")
    features.set_defaults(command=commands_features.features)


def _add_object(verb: argparse.ArgumentParser) -> None:
    verb.add_argument("object", type=Path, metavar="OBJECT", help="a BPF object file")
    verb.add_argument(
        "--btf",
        action="append",
        default=[],
        type=Path,
        metavar="FILE",
        help="a kernel's BTF, raw or in an ELF file (repeatable)",
    )
    verb.add_argument("--flavour", choices=("generic", "cloud"), default="generic", help="(%(default)s)")
    verb.add_argument("--json", action="store_true", help="for machines")


def _positive(text: str) -> int:
    try:
        number = int(text)
    except ValueError:
        number = 0
    if number < 1:
        raise argparse.ArgumentTypeError(f"expected a number from 1, not '{text}'")
    return number


if __name__ == "__main__":
    sys.exit(main())
