"""The plan of a run: which checks of which subjects on which kernels."""

from __future__ import annotations

import fnmatch
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from ..corpus.data import Deviation
from ..kernels.kernel import Kernel
from .outcomes import CheckInfo, KernelInfo


class PlanError(ValueError):
    """The user asked for something that does not exist or does not go together (exit code 2)."""


@dataclass(frozen=True)
class UserObject:
    """An object that is not of the corpus; `name` is its file's name, made unique."""

    name: str
    path: Path


@dataclass(frozen=True)
class Plan:
    """Kernels × subjects, each a *cell*, over the same checks or benchmarks.

    For benchmarks see `suite.job`: patterns of them, the lane, and the program of each subject.
    """

    kernels: tuple[Kernel, ...] = ()
    subjects: tuple[str, ...] = ()
    commands: dict[str, list[str]] = field(default_factory=dict)
    payload: tuple[Path, ...] = ()
    objects: dict[str, Path] = field(default_factory=dict)
    libraries: dict[str, Path] = field(default_factory=dict)
    checks: tuple[CheckInfo, ...] = ()
    user_objects: tuple[UserObject, ...] = ()
    deviations: tuple[Deviation, ...] = ()
    shard: tuple[int, int] = (1, 1)
    check_limit_s: float = 30.0
    bench: bool = False
    benchmarks: tuple[str, ...] = ("*",)
    lane: str = ""
    programs: dict[str, list[str]] = field(default_factory=dict)

    def cells(self) -> list[tuple[Kernel, str]]:
        """The cells of this shard, kernel by kernel; a benchmark's cell holds all subjects."""
        subjects = ("+".join(self.subjects),) if self.bench else self.subjects
        every = [(kernel, subject) for kernel in self.kernels for subject in subjects]
        index, count = self.shard
        return every[index - 1 :: count]

    def checks_of(self, subject: str) -> list[CheckInfo]:
        """The checks that a subject's cells hold."""
        return [check for check in self.checks if check.subject in ("", subject)]


def describe(kernel: Kernel) -> KernelInfo:
    """The kernel as reports know it."""
    return KernelInfo(kernel.label, kernel.release, str(kernel.version), kernel.flavour, kernel.package)


def select_checks(checks: Iterable[CheckInfo], patterns: Iterable[str]) -> tuple[CheckInfo, ...]:
    """The checks whose id, area or object fits a shell pattern; all if there is none.

    Raises `PlanError` for a pattern that fits nothing.
    """
    have, wanted = tuple(checks), tuple(patterns)
    chosen: list[CheckInfo] = []
    for pattern in wanted:
        fits = [check for check in have if _fits(check, pattern)]
        if not fits:
            areas = ", ".join(sorted({check.area for check in have}))
            raise PlanError(f"no check fits '{pattern}'; areas are: {areas}")
        chosen += fits
    return tuple(check for check in have if check in chosen) if wanted else have


def select_benchmarks(names: Iterable[str], patterns: Sequence[str]) -> tuple[str, ...]:
    """The patterns, of which each fits a name; "*" if there is none. Raises `PlanError`."""
    have = tuple(names)
    for pattern in patterns:
        if not any(fnmatch.fnmatchcase(name, pattern) for name in have):
            kinds = ", ".join(sorted({f"{name.split('/')[0]}/*" for name in have}))
            raise PlanError(f"no benchmark fits '{pattern}'; there are {kinds}")
    return tuple(patterns) or ("*",)


def _fits(check: CheckInfo, pattern: str) -> bool:
    return any(fnmatch.fnmatchcase(name, pattern) for name in (check.id, check.area, check.object) if name)


def user_objects(paths: Iterable[Path]) -> tuple[UserObject, ...]:
    """The user's object files; raises `PlanError` for one that is not a readable file."""
    objects: list[UserObject] = []
    for path in paths:
        if not path.is_file():
            raise PlanError(f"{path}: {'is a directory' if path.is_dir() else 'no such file'}")
        objects.append(UserObject(path.name, path.resolve()))
    names = [each.name for each in objects]
    return tuple(
        replace(each, name=f"{names[: index + 1].count(each.name)}-{each.name}")
        if names.count(each.name) > 1
        else each
        for index, each in enumerate(objects)
    )


def parse_names(text: str, option: str) -> list[str]:
    """Comma-separated names, each once. Raises `PlanError` if there is none."""
    names = list(dict.fromkeys(name.strip() for name in text.split(",") if name.strip()))
    if not names:
        raise PlanError(f"{option} '{text}': expected at least one name")
    return names


def parse_patterns(texts: Iterable[str], option: str) -> list[str]:
    """Those of a repeatable option, each of which may be several, comma-separated. Raises `PlanError`."""
    return [name for text in texts for name in parse_names(text, option)]


def parse_shard(text: str) -> tuple[int, int]:
    """``i/n`` with 1 ≤ i ≤ n. Raises `PlanError`."""
    try:
        index, count = map(int, text.split("/"))
    except ValueError:
        index = count = 0
    if not 1 <= index <= count:
        raise PlanError(f"--shard {text}: expected I/N with 1 ≤ I ≤ N, such as 1/3")
    return index, count
