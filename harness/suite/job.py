"""What a run of the suite is asked to do: the job file."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any


class JobError(ValueError):
    """The job file cannot be read or lacks something."""


@dataclass(frozen=True)
class SuiteJob:
    """One job: a subject over checks, or all subjects over the benchmarks.

    `checks` is None for the whole corpus; `skip` holds checks that are done already.
    `commands` has what starts each of the subjects, and those that a check compares them with.
    Of benchmarks, `benchmarks` has patterns of those that are wanted, `lane` says what is counted
    (see lanes.py), and `programs` has each subject's program that loads one object.
    """

    subjects: tuple[str, ...] = ()
    commands: dict[str, list[str]] = field(default_factory=dict)
    objects: dict[str, Path] = field(default_factory=dict)
    libraries: dict[str, Path] = field(default_factory=dict)
    checks: frozenset[str] | None = None
    skip: frozenset[str] = frozenset()
    user_objects: dict[str, Path] = field(default_factory=dict)
    check_limit_s: float = 30.0
    bench: bool = False
    benchmarks: tuple[str, ...] = ("*",)
    lane: str = "host"
    programs: dict[str, list[str]] = field(default_factory=dict)

    @classmethod
    def read(cls, path: Path) -> SuiteJob:
        """Read a job file. Raises `JobError`."""
        try:
            job = json.loads(path.read_text(encoding="utf-8"))
            return cls._from(job)
        except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
            raise JobError(f"{path}: is no job of the suite: {error!r}") from error

    @classmethod
    def _from(cls, job: dict[str, Any]) -> SuiteJob:
        bench = bool(job.get("bench", False))
        subjects = tuple(job["subjects"]) if bench else (str(job["subject"]),)
        commands = {str(name): list(argv) for name, argv in job["commands"].items()}
        if missing := set(subjects) - commands.keys():
            raise KeyError(min(missing))
        checks = job.get("checks")
        return cls(
            subjects=subjects,
            commands=commands,
            objects={name: Path(object_path) for name, object_path in job.get("objects", {}).items()},
            libraries={name: Path(path) for name, path in job.get("libraries", {}).items()},
            checks=None if checks is None else frozenset(checks),
            skip=frozenset(job.get("skip", ())),
            user_objects={each["name"]: Path(each["path"]) for each in job.get("user_objects", ())},
            check_limit_s=float(job.get("check_limit_s", 30.0)),
            bench=bench,
            benchmarks=tuple(job.get("benchmarks", ("*",))),
            lane=str(job.get("lane", "host")),
            programs={str(name): list(argv) for name, argv in job.get("programs", {}).items()},
        )

    def wants(self, check: str) -> bool:
        """Whether a check of the corpus or of a user's object, or a benchmark, is to be run."""
        if check in self.skip:
            return False
        if self.bench:
            return any(fnmatchcase(check, pattern) for pattern in self.benchmarks)
        return check.startswith("object/") or self.checks is None or check in self.checks

    def areas(self) -> set[str] | None:
        """The areas of the corpus that are wanted; None for all. Saves importing the rest."""
        return None if self.checks is None else {check.split("/")[0] for check in self.checks - self.skip}


def in_guest() -> bool:
    """Whether the kernel is ours alone: its faults, and what is left in it, are this suite's doing."""
    return os.environ.get("BPFLAB_GUEST", "host") != "host"
