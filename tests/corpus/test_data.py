"""The corpus's data files: what is there reads well, what is wrong is told in one clear line."""

from __future__ import annotations

from pathlib import Path

import pytest
from bpflab.corpus.data import DataError, deviations, facts

GOOD = """
[[deviation]]
id = "d1"
subject = "libbpf"
versions = "1.5 and later"
kernels = [["5.10", "5.13"], ["6.1", ""]]
checks = "maps/*"
outcome = "fail"
reason = "known"
link = ""
added = 2026-11-23
"""

CHECKS = ("maps/hash", "elf/autoload")
SUBJECTS = ("reference", "libbpf")


def test_the_shipped_facts_are_valid_and_dated() -> None:
    assert facts()["bpf_loop"].minimum == "5.17"
    assert all(fact.refusal and fact.commit for fact in facts().values())


@pytest.mark.parametrize(
    ("check", "subject", "kernel", "covered"),
    [
        ("maps/hash", "libbpf", "5.10", True),
        ("maps/hash", "libbpf", "5.12.19", True),
        ("maps/hash", "libbpf", "5.13-rc1", True),
        ("maps/hash", "libbpf", "5.13", False),
        ("maps/hash", "libbpf", "6.1.192", True),
        ("maps/hash", "libbpf", "7.3-rc2", True),
        ("maps/hash", "reference", "5.10", False),
        ("elf/autoload", "libbpf", "5.10", False),
    ],
)
def test_a_deviation_covers_half_open_ranges(
    tmp_path: Path, check: str, subject: str, kernel: str, covered: bool
) -> None:
    path = tmp_path / "deviations.toml"
    path.write_text(GOOD)
    (deviation,) = deviations(CHECKS, SUBJECTS, path)
    assert deviation.covers(check, subject, kernel) is covered


@pytest.mark.parametrize(
    ("before", "after", "message"),
    [
        ('"libbpf"', '"nobody"', "no subject 'nobody'; there are: libbpf, reference"),
        ('"maps/*"', '"maps/hsah"', "no check fits 'maps/hsah'"),
        ('"fail"', '"flop"', "outcome 'flop' is none of"),
        ('"fail"', "5", "'outcome' must be a str, not 5"),
        ('reason = "known"\n', "", "'reason' is missing"),
        ('reason = "known"', 'reason = ""', "must say something"),
        ('link = ""', 'links = ""', "'link' is missing"),
        ('link = ""', 'link = ""\nowner = "me"', "unknown field 'owner'"),
        ('["5.10", "5.13"]', '["5.13", "5.10"]', "no version is from 5.13 on and before 5.10"),
        ('["5.10", "5.13"]', '["5.10"]', "expected pairs"),
        ('["5.10", "5.13"]', '["old", "5.13"]', "'old' is not a kernel version"),
        ("2026-11-23", '"soon"', "'added' must be a date"),
        ("[[deviation]]", "[[deviation", "cannot be read"),
    ],
)
def test_a_wrong_deviation_is_named(tmp_path: Path, before: str, after: str, message: str) -> None:
    path = tmp_path / "deviations.toml"
    path.write_text(GOOD.replace(before, after, 1))
    with pytest.raises(DataError, match=r"deviations\.toml") as error:
        deviations(CHECKS, SUBJECTS, path)
    assert message in str(error.value)


def test_an_id_is_there_once(tmp_path: Path) -> None:
    path = tmp_path / "deviations.toml"
    path.write_text(GOOD * 2)
    with pytest.raises(DataError, match="'d1' is there more than once"):
        deviations(CHECKS, SUBJECTS, path)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('[f]\nminimum = "5.x"\ncommit = "1"\nrefusal = []', "'5.x' is not a kernel version"),
        ('[f]\nminimum = "5.1"\nrefusal = []', "'commit' is missing"),
        ("f = 1", "expected a table"),
    ],
)
def test_a_wrong_fact_is_named(tmp_path: Path, text: str, message: str) -> None:
    path = tmp_path / "facts.toml"
    path.write_text(text)
    with pytest.raises(DataError) as error:
        facts(path)
    assert message in str(error.value)
