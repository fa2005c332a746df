"""The whole path, as a user walks it: one command, real kernels, both subjects, a page at the end."""

from __future__ import annotations

import json
import subprocess
import sys
import warnings
from pathlib import Path

import pytest
from bpflab.corpus.build import objects
from bpflab.harness import tools
from bpflab.harness.outcomes import AGAIN, FIRST_TRY, CheckResult, Outcome, Run, Verdict
from bpflab.harness.plan import Plan
from bpflab.harness.subjects.libbpf.build import library
from bpflab.harness.suite.catalogue import list_checks
from bpflab.kernels.cache import cache_dir

KERNELS = ("5.10", "7.2")
"""The oldest and the newest of the default matrix."""


def bpflab(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "bpflab", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, check=False)


@pytest.fixture(scope="module")
def corpus() -> dict[str, Path]:
    clang = tools.find_clang()
    assert clang
    return objects(clang, library().path, cache_dir())


def test_the_corpus_on_the_oldest_and_the_newest_kernel(tmp_path: Path) -> None:
    done = bpflab("run", "--kernels", ",".join(KERNELS), "--guest", "snapshot", "--out", tmp_path)
    assert done.returncode == 0, done.stdout[-6000:] + done.stderr
    run = Run.read([tmp_path / "outcomes.jsonl"])
    cells = {(result.kernel, result.subject) for result in run.results}
    assert cells == {(kernel, subject) for kernel in KERNELS for subject in ("reference", "libbpf")}
    plan = Plan(checks=tuple(list_checks()))
    assert len(run.results) == sum(len(plan.checks_of(subject)) for _, subject in cells)
    assert {result.verdict for result in run.results} <= {Verdict.EXPECTED, Verdict.DEVIATION}
    for result in run.results:
        if FIRST_TRY in result.detail:  # for whoever looks after this: pytest shows it at its end
            warnings.warn(f"{result.check} on {result.kernel}: {result.detail}", stacklevel=1)
    assert (tmp_path / "matrix.html").stat().st_size > 100_000
    assert json.loads((tmp_path / "summary.json").read_text())["schema"] == 1


def test_virtme_ng_gives_the_same_outcomes(tmp_path: Path) -> None:
    common = ("--kernels", "6.12", "--subjects", "reference", "--checks", "maps", "--checks", "attach")
    outcomes = {}
    for guest in ("virtme-ng", "snapshot"):
        done = bpflab("run", *common, "--guest", guest, "--out", tmp_path / guest)
        assert done.returncode == 0, done.stdout[-6000:] + done.stderr
        run = Run.read([tmp_path / guest / "outcomes.jsonl"])
        assert {record.engine for record in run.guests} == {guest}
        outcomes[guest] = {result.check: result.outcome for result in run.results}
    assert outcomes["virtme-ng"] == outcomes["snapshot"]


def test_a_users_objects_are_judged_program_by_program(tmp_path: Path, corpus: dict[str, Path]) -> None:
    mine = [tmp_path / name for name in ("good.bpf.o", "bad.bpf.o")]
    for path, name in zip(mine, ("programs/xdp", "hostile/unbounded"), strict=True):
        path.write_bytes(corpus[name].read_bytes())
    out = tmp_path / "out"
    done = bpflab("run", *mine, "--kernels", "6.1,7.2", "--guest", "snapshot", "--out", out)
    assert done.returncode == 1, done.stderr
    results = Run.read([out / "outcomes.jsonl"]).results
    assert {(result.kernel, result.subject) for result in results} == {
        (kernel, subject) for kernel in ("6.1", "7.2") for subject in ("reference", "libbpf")
    }
    for cell in _by_cell(results).values():
        good = {check: each.outcome for check, each in cell.items() if "good" in check}
        assert len(good) == 3 and set(good.values()) == {Outcome.PASS}, "open, load, attach"
        assert cell["object/bad.bpf.o/open"].outcome is Outcome.PASS
        refused = cell["object/bad.bpf.o/read_past_end/load"]
        assert refused.outcome is Outcome.FAIL and refused.detail["class"] == "verifier"
        assert "read_past_end" in refused.reason and refused.detail["log"]


def _by_cell(results: list[CheckResult]) -> dict[tuple[str, str], dict[str, CheckResult]]:
    cells: dict[tuple[str, str], dict[str, CheckResult]] = {}
    for result in results:
        cells.setdefault((result.kernel, result.subject), {})[result.check] = result
    return cells


def test_benchmarks_run_in_a_guest_and_on_one_page(tmp_path: Path) -> None:
    done = bpflab(
        *("bench", "--kernels", "6.12", "--lanes", "guest", "--guest", "snapshot", "--out", tmp_path),
        *("--benchmarks", "load/xdp", "--benchmarks", "lookup/hash_1k"),
    )
    assert done.returncode == 0, done.stdout[-6000:] + done.stderr
    run = Run.read(tmp_path.glob("runs/*/guest.jsonl"))
    assert [each.benchmark for each in run.benchmarks] == ["load/xdp", "lookup/hash_1k"]
    for each in run.benchmarks:
        assert each.lane == "guest" and set(each.samples) == {"reference", "libbpf", AGAIN}
        assert all(len(samples) >= 20 and min(samples) > 0 for samples in each.samples.values())
    assert (tmp_path / "benchmarks.html").exists()
