"""The outcome file: what is written is read back, whatever cut it short."""

import io
import json
from pathlib import Path

import pytest
from bpflab.harness.outcomes import (
    BenchmarkResult,
    CheckInfo,
    CheckResult,
    GuestRecord,
    KernelInfo,
    Outcome,
    OutcomeFileError,
    OutcomeWriter,
    Run,
    SubjectInfo,
    Verdict,
)

RESULT = CheckResult("6.1", "libbpf", "maps/hash", Outcome.PASS, Verdict.EXPECTED, 0.2, detail={"log": "é\n"})
GUEST = GuestRecord(
    "6.1", "libbpf", "snapshot", "tcg", "finished", "", 3.0, 1.0, 4.0, "qemu …", notes=("9p",)
)
BENCH = BenchmarkResult("6.1", "load", "Load", "ns", {"reference": [2.0], "libbpf": [1.0]}, "snapshot")


def written(kernel: str = "6.1", finished: bool = True) -> str:
    stream = io.StringIO()
    writer = OutcomeWriter(stream)
    run = Run(started=f"2026-01-0{len(kernel)}", environment={"cores": "2"})
    run.kernels = [KernelInfo(kernel, f"{kernel}.0-9-amd64", f"{kernel}.9", "generic")]
    run.checks = [CheckInfo("maps/hash", "maps", "maps/hash", "hash")]
    writer.started(run)
    for record in (SubjectInfo("libbpf", "1.7"), RESULT, GUEST, BENCH):
        writer.add(record)
    if finished:
        writer.finished(12.5)
    return stream.getvalue()


def test_everything_written_is_read_back(tmp_path: Path) -> None:
    (tmp_path / "a").write_text(written())
    run = Run.read([tmp_path / "a"])
    assert run.results == [RESULT] and run.guests == [GUEST] and run.benchmarks == [BENCH]
    assert run.subjects == [SubjectInfo("libbpf", "1.7")] and run.environment == {"cores": "2"}
    assert run.finished and run.seconds == 12.5


def test_files_of_shards_merge(tmp_path: Path) -> None:
    (tmp_path / "a").write_text(written("6.1"))
    (tmp_path / "b").write_text(written("5.10"))
    run = Run.read([tmp_path / "a", tmp_path / "b"])
    assert [kernel.label for kernel in run.kernels] == ["6.1", "5.10"]
    assert len(run.checks) == 1 and len(run.results) == 2 and run.started == "2026-01-03"


def test_a_line_cut_short_costs_only_itself(tmp_path: Path) -> None:
    text = written(finished=False)
    (tmp_path / "a").write_text(text[:-20])
    run = Run.read([tmp_path / "a"])
    assert run.results == [RESULT] and run.benchmarks == [] and not run.finished


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "is empty"),
        ("hello\n", "not an event"),
        ('{"event":"result"}\n', "run-started"),
        ('[1]\n{"event":"x"}\n', "not an event"),
        (json.dumps({"event": "run-started", "schema": 99}) + "\n", "newer bpflab"),
        (written().replace('"pass"', '"splendid"'), "bad 'result' event"),
    ],
)
def test_a_file_that_is_no_outcome_file_is_refused_in_one_line(tmp_path: Path, text: str, said: str) -> None:
    (tmp_path / "a").write_text(text)
    with pytest.raises(OutcomeFileError, match=said) as caught:
        Run.read([tmp_path / "a"])
    assert "\n" not in str(caught.value)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(OutcomeFileError, match="absent"):
        Run.read([tmp_path / "absent"])
