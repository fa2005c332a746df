"""The corpus's data files, read and validated: facts about kernels, deviations of subjects."""

from __future__ import annotations

import datetime
import fnmatch
import re
import tomllib
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent

OUTCOMES = frozenset({"pass", "fail", "unsupported", "error", "time-out", "crash"})
"""What a deviation can say happens; the rest of the outcomes is no property of a subject."""

_VERSION = re.compile(r"(\d+)\.(\d+)(?:\.(\d+))?(?:-rc(\d+))?")


class DataError(ValueError):
    """A data file is wrong; names the file, the entry and what is expected there."""


@dataclass(frozen=True)
class Fact:
    """A feature of upstream kernels: the first release with it, the commit, and how older ones refuse.

    `refusal` holds the subject protocol's error classes in which a refusal may show.
    """

    feature: str
    minimum: str
    commit: str
    refusal: tuple[str, ...]


@dataclass(frozen=True)
class Deviation:
    """A known exception of one subject on ranges of kernels, half-open, '' being open.

    `checks` is a shell pattern over check ids. `versions` says in words at which
    versions of the subject it was seen; `link` is '' if nobody has reported it yet.
    """

    id: str
    subject: str
    versions: str
    kernels: tuple[tuple[str, str], ...]
    checks: str
    outcome: str
    reason: str
    link: str
    added: str

    def covers(self, check: str, subject: str, kernel: str) -> bool:
        """Whether it speaks of this check of this subject on this kernel version."""
        return (
            subject == self.subject
            and fnmatch.fnmatchcase(check, self.checks)
            and any(_within(kernel, start, end) for start, end in self.kernels)
        )


def facts(path: Path = HERE / "facts.toml") -> dict[str, Fact]:
    """Every fact by its feature's name. Raises `DataError`."""
    return {feature: _fact(path, feature, entry) for feature, entry in read_toml(path).items()}


def deviations(
    checks: Iterable[str], subjects: Iterable[str], path: Path = HERE / "deviations.toml"
) -> tuple[Deviation, ...]:
    """Every deviation. Raises `DataError`, also for one of an unknown check or subject."""
    known_checks, known_subjects = list(checks), set(subjects)
    entries = read_toml(path).get("deviation", [])
    found = tuple(_deviation(path, number, entry) for number, entry in enumerate(entries, 1))
    for each in found:
        if [other.id for other in found].count(each.id) > 1:
            raise DataError(f"{path.name}: deviation '{each.id}' is there more than once")
        if each.subject not in known_subjects:
            have = ", ".join(sorted(known_subjects))
            raise DataError(
                f"{path.name}: deviation '{each.id}': no subject '{each.subject}'; there are: {have}"
            )
        if not fnmatch.filter(known_checks, each.checks):
            raise DataError(f"{path.name}: deviation '{each.id}': no check fits '{each.checks}'")
    return found


def _fact(path: Path, feature: str, entry: Any) -> Fact:
    where = f"{path.name}: [{feature}]"
    values = fields_of(where, entry, {"minimum": str, "commit": str, "refusal": list})
    version_order(where, values["minimum"])
    return Fact(feature, values["minimum"], values["commit"], tuple(map(str, values["refusal"])))


def _deviation(path: Path, number: int, entry: dict[str, Any]) -> Deviation:
    where = f"{path.name}: deviation '{entry.get('id', number)}'"
    texts = ("id", "subject", "versions", "checks", "outcome", "reason", "link")
    kinds: dict[str, type] = dict.fromkeys(texts, str) | {"kernels": list, "added": datetime.date}
    values = fields_of(where, entry, kinds)
    if values["outcome"] not in OUTCOMES:
        raise DataError(f"{where}: outcome '{values['outcome']}' is none of {', '.join(sorted(OUTCOMES))}")
    if not values["id"] or not values["reason"]:
        raise DataError(f"{where}: id and reason must say something")
    ranges = tuple(_range(where, each) for each in values["kernels"])
    return Deviation(**values | {"kernels": ranges, "added": values["added"].isoformat()})


def _range(where: str, pair: Any) -> tuple[str, str]:
    if not isinstance(pair, list) or len(pair) != 2 or not all(isinstance(end, str) for end in pair):
        raise DataError(f'{where}: kernels: expected pairs such as ["5.10", "5.15.3"], not {pair!r}')
    start, end = pair
    if start and end and version_order(where, start) >= version_order(where, end):
        raise DataError(f"{where}: kernels: no version is from {start} on and before {end}")
    for version in filter(None, pair):
        version_order(where, version)
    return start, end


def fields_of(where: str, entry: Any, kinds: dict[str, type]) -> dict[str, Any]:
    """The entry, if it is a table of exactly these fields, of these kinds. Raises `DataError`."""
    if not isinstance(entry, dict):
        raise DataError(f"{where}: expected a table with {', '.join(sorted(kinds))}")
    for name in sorted(kinds.keys() | entry.keys()):
        if name not in kinds:
            raise DataError(f"{where}: unknown field '{name}'; there are: {', '.join(sorted(kinds))}")
        if name not in entry:
            raise DataError(f"{where}: '{name}' is missing")
        if not isinstance(entry[name], kinds[name]):
            raise DataError(f"{where}: '{name}' must be a {kinds[name].__name__}, not {entry[name]!r}")
    return entry


def _within(version: str, start: str, end: str) -> bool:
    order = version_order("kernel", version)
    return (not start or version_order("kernel", start) <= order) and (
        not end or order < version_order("kernel", end)
    )


def version_order(where: str, version: str) -> tuple[float, ...]:
    """What an upstream version sorts by; a release candidate before its release. Raises `DataError`."""
    found = _VERSION.match(version)
    if not found:
        raise DataError(f"{where}: '{version}' is not a kernel version such as 6.1, 6.1.192 or 7.3-rc2")
    major, minor, patch, candidate = found.groups()
    return int(major), int(minor), int(patch or 0), float(candidate or "inf")


def read_toml(path: Path) -> dict[str, Any]:
    """A data file's content. Raises `DataError`."""
    try:
        with path.open("rb") as file:
            return tomllib.load(file)
    except (OSError, tomllib.TOMLDecodeError) as error:
        raise DataError(f"{path}: cannot be read: {error}") from error
