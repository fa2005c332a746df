"""Makes pytest a suite: which checks run, within which limit, and what of it goes into the stream."""

from __future__ import annotations

import importlib
import sys
import time
from collections.abc import Generator
from pathlib import Path
from typing import Any

import pytest

from ...corpus.data import Fact, facts
from ..outcomes import Outcome
from ..subjects.errors import SubjectError
from . import fixtures
from .classify import CheckTimeout, classify
from .job import SuiteJob, in_guest
from .keeper import SubjectKeeper
from .kmsg import KernelLog, splat
from .limit import time_limit
from .stream import Stream

HERE = Path(__file__).parent

BENCHMARK_LIMIT = 10
"""A benchmark has this many times the limit of a check."""

MARKS = (
    "obj(name): the object of the corpus that the check is about; the `obj` fixture loads it",
    "needs(feature): the feature of facts.toml without which the check must be refused",
    "reference_only: the check is of our loader's Python interface, which it uses in the suite's own process",
    "id(text): the check's id where its file and name do not tell it",
    "lanes(name, ...): the lanes that a benchmark means something in; without it, all",
)


class Collection:
    """Finds the checks: shared by a run and by the catalogue of what there is."""

    def __init__(self, job: SuiteJob) -> None:
        self._job = job
        self._files = files(job)

    def pytest_configure(self, config: pytest.Config) -> None:
        for mark in MARKS:
            config.addinivalue_line("markers", mark)
        config.stash[fixtures.JOB] = self._job

    def pytest_ignore_collect(self, collection_path: Path) -> bool | None:
        """Leave our other files alone: pytest looks at the whole folder whatever it is asked for."""
        return True if collection_path.parent == HERE and collection_path not in self._files else None

    def pytest_pycollect_makemodule(
        self, module_path: Path, parent: pytest.Collector
    ) -> pytest.Module | None:
        """Import our own files under their real names: pytest would make the names up from the path."""
        if module_path.parent != HERE:
            return None
        module = pytest.Module.from_parent(parent, path=module_path)
        module.obj = importlib.import_module(f"{__package__}.{module_path.stem}")
        marks = getattr(module.obj, "pytestmark", [])  # pytest looks at modules that it imports itself
        for mark in marks if isinstance(marks, list) else [marks]:
            module.add_marker(mark)
        return module

    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        # pytest makes one item, so named, of a check over an empty set: an object without programs.
        real = (item for item in items if not item.name.endswith("[NOTSET]"))
        items[:] = [item for item in real if self._job.wants(check_id(item)) and self._in_lane(item)]

    def _in_lane(self, item: pytest.Item) -> bool:
        mark = item.get_closest_marker("lanes")
        return mark is None or self._job.lane in mark.args

    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        if report.failed:
            print(report.longreprtext, file=sys.stderr)


class Recorder:
    """Runs checks under their limit and streams what becomes of each."""

    def __init__(self, job: SuiteJob, stream: Stream) -> None:
        self._stream = stream
        self._limit_s = job.check_limit_s * (BENCHMARK_LIMIT if job.bench else 1)
        commands = {name: job.commands[name] for name in job.subjects}
        self._keeper = SubjectKeeper(commands, stream)
        self._kernel_log = KernelLog() if in_guest() else None
        self._failure: tuple[BaseException, str] | None = None

    def pytest_configure(self, config: pytest.Config) -> None:
        config.stash[fixtures.KEEPER] = self._keeper
        config.stash[fixtures.STREAM] = self._stream

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_protocol(self, item: pytest.Item) -> Generator[None, object, object]:
        check = check_id(item)
        self._failure = None
        self._keeper.start()
        self._stream.check_started(check)
        begun = time.monotonic()
        result = yield
        seconds = time.monotonic() - begun
        outcome, reason, detail = self._judge(item)
        self._stream.check_finished(check, outcome, seconds, reason, detail)
        return result

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_setup(self, item: pytest.Item) -> Generator[None, None, None]:
        with time_limit(self._limit_s, "setting up"):
            return (yield)

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_call(self, item: pytest.Item) -> Generator[None, None, None]:
        with time_limit(self._limit_s, "the check"):
            return (yield)

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_teardown(self, item: pytest.Item) -> Generator[None, None, None]:
        with time_limit(self._limit_s, "tearing down"):
            return (yield)

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_makereport(
        self, item: pytest.Item, call: pytest.CallInfo[None]
    ) -> Generator[None, pytest.TestReport, pytest.TestReport]:
        report = yield
        if call.excinfo is not None and self._failure is None:
            # The first failure counts; what follows while tearing down is its consequence.
            self._failure = call.excinfo.value, report.longreprtext
            if isinstance(call.excinfo.value, CheckTimeout):
                self._keeper.discard()
        return report

    def pytest_sessionfinish(self) -> None:
        self._keeper.discard()
        if self._kernel_log is not None:
            self._kernel_log.close()

    def _judge(self, item: pytest.Item) -> tuple[Outcome, str, dict[str, Any]]:
        if self._failure is None:
            outcome, reason = Outcome.PASS, ""
            detail: dict[str, Any] = {}
        else:
            error, traceback = self._failure
            outcome, reason, detail = classify(error, needed(item))
            if not isinstance(error, SubjectError):
                detail["traceback"] = traceback
        fault = splat(self._kernel_log.lines()) if self._kernel_log is not None else []
        if fault:
            return Outcome.CRASH, f"kernel: {fault[0]}", detail | {"dmesg": "\n".join(fault)}
        return outcome, reason, detail


def files(job: SuiteJob) -> list[Path]:
    """The suite's files that hold what a job wants."""
    if job.bench:
        return sorted(HERE.glob("bench_*.py"))
    areas, users = job.areas(), HERE / "check_object.py"
    paths = [
        path
        for path in sorted(HERE.glob("check_*.py"))
        if path != users and (areas is None or path.stem.removeprefix("check_") in areas)
    ]
    return [*paths, users] if job.user_objects else paths


def check_id(item: pytest.Item) -> str:
    """``area/name``: the file's and the function's name without their prefixes, or what a mark says.

    A parametrized benchmark is named after its parameters alone: each is a row of its own.
    """
    mark = item.get_closest_marker("id")
    if mark:
        return str(mark.args[0])
    prefix, _, area = item.path.stem.partition("_")
    case = getattr(item, "callspec", None) if prefix == "bench" else None
    return f"{area}/{case.id if case else item.name.partition('_')[2]}"


def needed(item: pytest.Item) -> Fact | None:
    """The feature that a check's ``needs`` mark names; None if it has none."""
    mark = item.get_closest_marker("needs")
    return facts()[mark.args[0]] if mark else None
