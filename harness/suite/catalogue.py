"""Which checks there are, without a subject and without running any."""

from __future__ import annotations

import pytest

from ..outcomes import CheckInfo
from ..subjects.registry import REFERENCE
from .fixtures import object_of
from .job import SuiteJob
from .plugin import Collection, check_id, files, needed
from .run import OPTIONS, pytest_run


class _Catalogue:
    """Collects what pytest collects."""

    def __init__(self) -> None:
        self.checks: list[CheckInfo] = []

    def pytest_collection_finish(self, session: pytest.Session) -> None:
        self.checks = [_describe(item) for item in session.items]


def list_checks() -> list[CheckInfo]:
    """Every check of the corpus, in the order of a run.

    Raises RuntimeError if the suite's own files cannot be imported.
    """
    return _collected(SuiteJob())


def list_benchmarks() -> list[str]:
    """The names of all benchmarks, without what those of several figures append. Raises RuntimeError."""
    return [check.id for check in _collected(SuiteJob(bench=True))]


def _collected(job: SuiteJob) -> list[CheckInfo]:
    catalogue = _Catalogue()
    if pytest_run(files(job), [*OPTIONS, "--collect-only"], [Collection(job), catalogue]):
        raise RuntimeError("the suite's own files cannot be collected")
    return catalogue.checks


def _describe(item: pytest.Item) -> CheckInfo:
    check, fact = check_id(item), needed(item)
    function = getattr(item, "function", None)
    title = (getattr(function, "__doc__", None) or "").strip().split("\n")[0].rstrip(".")
    subject = REFERENCE if item.get_closest_marker("reference_only") else ""
    return CheckInfo(
        check, check.split("/")[0], object_of(item), title, fact.minimum if fact else "", subject
    )
