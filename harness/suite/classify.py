"""What an exception in a check means: an outcome, a line that says why, and the evidence."""

from __future__ import annotations

from typing import Any

from ...corpus.data import Fact
from ...loader.errors import BpflabError
from ..outcomes import Outcome
from ..subjects.errors import ErrorClass, SubjectDied, SubjectError, SubjectLost, SubjectTimeout
from ..subjects.reference.refusals import describe


class CheckTimeout(Exception):
    """A check is over its limit. An Exception, as pytest does not clean up fixtures after anything else."""


class Unavailable(Exception):
    """This kernel or machine lacks what a check needs around the subject: it cannot be run here."""


def classify(error: BaseException, needed: Fact | None) -> tuple[Outcome, str, dict[str, Any]]:
    """Outcome, reason (one line) and detail of a check that ended with `error`.

    `needed` is the feature that the check is about; being refused in one of its
    classes is `unsupported`, and whether that is right depends on the kernel's version.
    """
    if isinstance(error, BpflabError):  # of a check that uses the reference loader itself
        said = describe(error)
        error = SubjectError(ErrorClass(said["class"]), said["errno"], said["message"], said["log"])
    if isinstance(error, SubjectError):
        detail = {"class": str(error.cls), "errno": error.errno, "log": error.log}
        return _refusal(error, needed), _line(str(error)), detail
    if isinstance(error, CheckTimeout):
        return Outcome.TIME_OUT, str(error), {}
    if isinstance(error, SubjectTimeout):
        return Outcome.TIME_OUT, _line(str(error)), {"stderr": error.stderr}
    if isinstance(error, SubjectLost):
        status = error.status if isinstance(error, SubjectDied) else None
        return Outcome.ERROR, _line(str(error)), {"stderr": error.stderr, "status": status}
    if isinstance(error, Unavailable):
        return Outcome.NOT_RUN, _line(str(error)), {}
    if isinstance(error, AssertionError):
        return Outcome.FAIL, _line(str(error)) or "assertion failed", {}
    return Outcome.ERROR, _line(f"{type(error).__name__}: {error}"), {}


def _refusal(error: SubjectError, needed: Fact | None) -> Outcome:
    if error.cls is ErrorClass.UNSUPPORTED or (needed and error.cls in needed.refusal):
        return Outcome.UNSUPPORTED
    return Outcome.FAIL


def _line(text: str) -> str:
    """The first line, for a table's cell."""
    return text.strip().split("\n", 1)[0][:300]
