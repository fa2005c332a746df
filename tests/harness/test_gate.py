"""The gate on guest instructions: what it compares, lets pass and refuses to compare."""

from __future__ import annotations

from pathlib import Path

import pytest
from bpflab.harness import gate
from bpflab.harness.outcomes import BenchmarkResult, KernelInfo, Run

RELEASE = "7.2.0-1-amd64"


def run_of(
    python: str = "CPython 3.11.7", lane: str = "instructions", release: str = RELEASE, **rows: float
) -> Run:
    """`rows` as ``lookup__hash=100``."""
    return Run(
        environment={"Python": python},
        kernels=[KernelInfo("7.2", release, "7.2", "generic")],
        benchmarks=[
            BenchmarkResult(
                "7.2",
                name.replace("__", "/"),
                "it",
                "instructions",
                {"reference": [figure * 1.5, figure, figure * 1.01], "libbpf": [1.0] * 3},
                lane=lane,
            )
            for name, figure in rows.items()
        ],
    )


@pytest.fixture
def baseline(tmp_path: Path) -> Path:
    path = tmp_path / "results" / "baseline.json"
    gate.store(run_of(lookup__hash=1000, events__ring=100, load__xdp=10_000), path)
    return path


@pytest.mark.parametrize(
    ("row", "figure", "caught"),
    [
        ("lookup__hash", 1019, False),
        ("lookup__hash", 1021, True),
        ("events__ring", 101.9, False),
        ("events__ring", 102.1, True),
        ("load__xdp", 10_490, False),
        ("load__xdp", 10_510, True),
        ("load__xdp", 1, False),
    ],
)
def test_a_regression_beyond_the_tolerance_is_caught(
    baseline: Path, row: str, figure: float, caught: bool
) -> None:
    comparison = gate.compare(run_of(**{row: figure}), baseline)  # type: ignore[arg-type]  # keywords of several types
    assert [change.benchmark for change in comparison.regressions] == [row.replace("__", "/")] * caught
    assert len(comparison.changes) == 1 and comparison.left_out == ()


def test_a_regression_is_told_with_its_figures(baseline: Path) -> None:
    (change,) = gate.compare(run_of(lookup__hash=1050), baseline).regressions
    assert str(change) == (
        f"lookup/hash on {RELEASE}: 1,000.0 → 1,050.0 instructions, +5.00%; at most +2% is let pass"
    )


def test_time_is_no_matter_of_the_gate(baseline: Path) -> None:
    assert gate.compare(run_of(lane="host", lookup__hash=1e6), baseline).changes == ()


@pytest.mark.parametrize(
    ("options", "word"), [({"python": "CPython 3.12.1"}, "CPython 3.11.7"), ({"release": "6.1"}, "nothing")]
)
def test_what_does_not_compare_is_left_out_with_a_word(
    baseline: Path, options: dict[str, str], word: str
) -> None:
    comparison = gate.compare(run_of(**options, lookup__hash=1e6), baseline)  # type: ignore[arg-type]  # keywords of several types
    assert comparison.changes == () and word in comparison.left_out[0]


def test_new_rows_are_no_regressions(baseline: Path) -> None:
    comparison = gate.compare(run_of(lookup__new=5), baseline)
    assert comparison.changes == () and "lookup/new is new" in comparison.left_out[0]


def test_storing_keeps_other_rows_and_other_kernels(baseline: Path) -> None:
    gate.store(run_of(lookup__hash=900), baseline)
    gate.store(run_of(release="6.1.0-1-amd64", lookup__hash=5000), baseline)
    again = gate.compare(run_of(lookup__hash=1000, events__ring=100), baseline)
    assert [change.benchmark for change in again.regressions] == ["lookup/hash"]
    assert len(again.changes) == 2


def test_storing_with_another_interpreter_starts_anew(baseline: Path) -> None:
    gate.store(run_of(python="CPython 3.12.1", lookup__hash=900), baseline)
    comparison = gate.compare(run_of(python="CPython 3.12.1", events__ring=1000), baseline)
    assert comparison.changes == ()


@pytest.mark.parametrize(
    ("content", "word"),
    [
        (None, "--store-baseline"),
        ("{", "is no baseline"),
        ("[]", "is no baseline"),
        ('{"schema": 2}', "schema 2"),
        ('{"schema": 1, "kernels": {"7.2": {}}}', "is no baseline"),
    ],
)
def test_a_baseline_that_is_none(tmp_path: Path, content: str | None, word: str) -> None:
    path = tmp_path / "baseline.json"
    if content is not None:
        path.write_text(content)
    with pytest.raises(gate.BaselineError, match=word):
        gate.compare(run_of(lookup__hash=1), path)
