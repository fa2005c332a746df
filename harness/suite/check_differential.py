"""The subject beside libbpf in the same guest: the same instructions, or the same refusal, of every object.

Next to libbpf itself this shows that its answers do not change from process to process.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from ...corpus.build import names
from ..subjects.answers import LoadedProgram
from ..subjects.client import Subject
from ..subjects.errors import ErrorClass, SubjectError
from .fixtures import JOB
from .instructions import difference
from .job import SuiteJob

KERNELS_WORD = (ErrorClass.KERNEL, ErrorClass.VERIFIER)
"""Refusals whose error number is the kernel's; that of the others is the loader's own affair."""


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """A check per object: of the job, as guests have no sources; of the corpus where there is no job."""
    objects = metafunc.config.stash[JOB].objects or names()
    cases = [
        pytest.param(name, marks=(pytest.mark.id(f"differential/{name}"), pytest.mark.obj(name)))
        for name in objects
    ]
    metafunc.parametrize("name", cases)


@pytest.mark.usefixtures("unpinned")
def check_same(name: str, subject: Subject, baseline: Subject, job: SuiteJob) -> None:
    """Gives the kernel the same instructions as libbpf, or refuses the object like it."""
    ours, theirs = (_load(each, job.objects[name]) for each in (subject, baseline))
    if isinstance(ours, SubjectError) or isinstance(theirs, SubjectError):
        assert _refusal(ours) == _refusal(theirs), f"{_words(ours)}; libbpf: {_words(theirs)}"
    else:
        unequal = difference(ours, theirs)
        assert not unequal, unequal


def _load(subject: Subject, path: Path) -> dict[str, LoadedProgram] | SubjectError:
    try:
        with subject.open(path) as candidate:
            return candidate.load()
    except SubjectError as error:
        return error


def _refusal(answer: dict[str, LoadedProgram] | SubjectError) -> tuple[str, int]:
    if not isinstance(answer, SubjectError):
        return "loaded", 0
    return str(answer.cls), answer.errno if answer.cls in KERNELS_WORD else 0


def _words(answer: dict[str, LoadedProgram] | SubjectError) -> str:
    return str(answer) if isinstance(answer, SubjectError) else "loads it"
