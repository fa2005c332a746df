"""What may be said of a row, beside the noise of its run; kernels side by side; distributions; history."""

from __future__ import annotations

import io
import random
from pathlib import Path

import pytest
from bpflab.harness.outcomes import AGAIN, BenchmarkResult, DistributionResult, KernelInfo, OutcomeWriter, Run
from bpflab.harness.suite.catalogue import list_benchmarks
from bpflab.reports.aims import aims
from bpflab.reports.benchmarks import BenchmarkRow, compare
from bpflab.reports.histogram import distributions, percentile
from bpflab.reports.history import series, steps
from bpflab.reports.html import benchmarks_html
from bpflab.reports.markdown import markdown
from bpflab.reports.model import Report
from bpflab.reports.terminal import print_matrix
from rich.console import Console

KERNELS = [KernelInfo(version, f"{version}.0-1-amd64", version, "generic") for version in ("7.2", "6.1")]


def row(ours: float, again: float, spread: float = 0.0, unit: str = "ns", rounds: int = 24) -> BenchmarkRow:
    source = random.Random(7)
    base = [100.0] * rounds
    samples = {
        "reference": [100 * ours] * rounds,
        "libbpf": base,
        AGAIN: [100 * again * (1 + source.uniform(-spread, spread)) for _ in base],
    }
    result = BenchmarkResult("7.2", "lookup/hash", "look up", unit, samples, lane="host")
    return compare(Run(benchmarks=[result]))[0].rows[0]


def test_the_baseline_beside_itself_is_no_row_but_the_floor() -> None:
    one = row(1.5, 1.01)
    assert one.subject == "reference" and one.floor is not None
    assert one.floor.median == pytest.approx(1.01)
    assert one.sentence == "1.50× libbpf’s time" and not one.unstable


@pytest.mark.parametrize(("ours", "again"), [(1.08, 1.09), (0.9, 0.89)])
def test_what_the_baseline_could_say_of_itself_is_not_said(ours: float, again: float) -> None:
    assert row(ours, 1.0).sentence.startswith(f"{ours:.2f}×")
    assert row(ours, again).sentence.startswith("no difference detected")


def test_an_unstable_row_says_so() -> None:
    assert row(2.0, 1.3).sentence == "2.00× libbpf’s time; unstable: libbpf differed from itself"
    assert row(2.0, 1.0, spread=0.05).sentence == "2.00× libbpf’s time"


def test_counts_need_few_rounds() -> None:
    assert row(1.03, 1.0, unit="instructions", rounds=3).sentence == "1.03× libbpf’s instructions"
    assert row(1.01, 1.0, unit="instructions", rounds=3).sentence == "no difference detected"
    assert "too few" in row(1.5, 1.0, rounds=3).sentence
    assert row(1.5, 1.0, unit="KiB").sentence == "1.50× libbpf’s memory"


def counted(
    kernel: str, figure: float, lane: str = "instructions", subject: str = "reference"
) -> BenchmarkResult:
    samples = {subject: [figure] * 3, "libbpf": [100.0] * 3}
    return BenchmarkResult(kernel, "lookup/hash", "look up", "instructions", samples, lane=lane)


def test_lanes_are_never_mixed() -> None:
    run = Run(kernels=KERNELS, benchmarks=[counted("7.2", 200), counted("7.2", 300, lane="guest")])
    assert [(each.lane, each.rows[0].time) for each in compare(run)] == [
        ("guest", 300),
        ("instructions", 200),
    ]


def test_kernels_side_by_side_are_of_one_lane_and_oldest_first() -> None:
    run = Run(
        kernels=KERNELS,
        benchmarks=[counted("7.2", 220), counted("6.1", 200), counted("6.1", 1, lane="guest")],
    )
    (table,) = Report.of(run).side_by_side
    assert table.kernels == ("6.1", "7.2") and table.title == "Guest instructions, 6.1 → 7.2"
    ours, theirs = table.rows
    assert ours.figures == (200, 220) and ours.change == pytest.approx(0.1)
    assert theirs.subject == "libbpf" and theirs.change == 0
    for text in (benchmarks_html(Report.of(run)), markdown(Report.of(run))):
        assert "+10.0 %" in text


def test_percentiles_are_of_operations_not_of_values() -> None:
    histogram = [(100, 989), (200, 10), (5000, 1)]
    assert [percentile(histogram, share) for share in (0.5, 0.99, 0.999, 1.0)] == [100, 200, 200, 5000]


def distribution_run() -> Run:
    histograms = {
        "reference": [(400, 10), (500, 900), (40_000, 1)],
        "libbpf": [(-3, 1), (300, 1000)],
        AGAIN: [(300, 1000)],
        "broken": [(0, 4)],
    }
    one = DistributionResult("7.2", "lookup/latency", "look <up>", "ns", histograms, "host")
    return Run("2026-11-23", kernels=KERNELS, benchmarks=[counted("7.2", 1)], distributions=[one])


def test_a_distribution_is_drawn_within_its_picture_and_named() -> None:
    (one,) = distributions(distribution_run())
    assert [curve.subject for curve in one.curves] == ["reference", "libbpf"]
    assert one.curves[0].percentiles == (500, 500, 40_000, 40_000) and one.curves[0].count == 911
    numbers = one.curves[0].path.replace("M", " ").replace("L", " ").split()
    xs, ys = [float(x) for x in numbers[::2]], [float(y) for y in numbers[1::2]]
    assert xs == sorted(xs) and xs[0] >= 0 and xs[-1] <= 520 and min(ys) >= 0 and max(ys) <= 120
    page = benchmarks_html(Report.of(distribution_run()))
    assert "look &lt;up&gt;" in page and "40.0 µs" in page and "p99.9" in page
    assert "40.0 µs" in markdown(Report.of(distribution_run()))


def test_distributions_survive_their_file(tmp_path: Path) -> None:
    run = distribution_run()
    with (tmp_path / "run.jsonl").open("w") as file:
        writer = OutcomeWriter(file)
        writer.started(run)
        writer.add(run.distributions[0])
    assert Run.read([tmp_path / "run.jsonl"]).distributions == run.distributions


def noisy(level: float, number: int, seed: int) -> list[float]:
    source = random.Random(seed)
    return [level * source.uniform(0.99, 1.01) for _ in range(number)]


@pytest.mark.parametrize("seed", range(10))
def test_steps_are_found_where_they_are(seed: int) -> None:
    values = noisy(1.0, 8, seed) + noisy(1.06, 6, seed + 1) + noisy(0.8, 5, seed + 2)
    assert steps(values) == [8, 14]


@pytest.mark.parametrize("seed", range(20))
def test_noise_is_no_step(seed: int) -> None:
    assert steps(noisy(1.0, 30, seed)) == []


def test_one_outlier_and_short_series_are_no_steps() -> None:
    assert steps([1.0, 1, 1, 1, 2, 1, 1, 1, 1]) == []
    assert steps([1.0, 2.0]) == steps([]) == steps([1.0, 1, 2, 2, 2]) == []
    assert steps([100.0] * 3 + [104.0] * 3) == [3]


def test_history_is_of_one_kernel_release_and_says_what_changed() -> None:
    def at(day: int, figure: float, release: str = "7.2.0-1-amd64") -> Run:
        kernel = KernelInfo("7.2", release, "7.2", "generic")
        started = f"2026-11-{day:02}T12:00:00+00:00"
        return Run(started=started, kernels=[kernel], benchmarks=[counted("7.2", figure)])

    runs = [at(1, 9.0, release="7.1.9")] + [at(day, 100 if day < 6 else 110) for day in range(2, 10)]
    (one,) = series(runs)
    assert len(one.points) == 8
    assert one.sentence == "+10.0 % since 2026-11-06"
    page = benchmarks_html(Report.of(runs[-1], runs[:-1]))
    assert "+10.0 % since 2026-11-06" in page
    assert "+10.0 % on 2026-11-06" in markdown(Report.of(runs[-1], runs[:-1]))
    assert 'id="history"' not in benchmarks_html(Report.of(runs[-1]))


def aimed(benchmark: str, ours: float, lane: str = "host", subject: str = "reference") -> Run:
    samples = {subject: [100 * ours] * 24, "libbpf": [100.0] * 24}
    return Run(benchmarks=[BenchmarkResult("host", benchmark, "a title", "ns", samples, lane=lane)])


def test_a_row_says_whether_it_reaches_its_aim() -> None:
    within, beyond = (compare(aimed("load/core", ours))[0] for ours in (0.3, 0.31))
    assert within.rows[0].reached and within.rows[0].aim_text == "≤ 0.30× ✓"
    assert within.aims == "1 of 1 aims reached"
    assert beyond.rows[0].reached is False and beyond.aims == "0 of 1 aims reached; missed: load/core"


@pytest.mark.parametrize(
    "run",
    [
        aimed("load/core", 9, lane="instructions"),
        aimed("load/core", 9, subject="other"),
        aimed("load/open", 9),
    ],
)
def test_aims_are_for_our_loader_on_the_host_kernel(run: Run) -> None:
    found = compare(run)[0]
    assert found.rows[0].reached is None and not found.rows[0].aim_text and not found.aims


def test_the_reports_say_why_an_aim_is_missed() -> None:
    report = Report.of(aimed("load/xdp", 9))
    (missed,) = report.benchmarks[0].missed
    assert missed.aim is not None and missed.aim.missed in markdown(report)
    assert "misses its aim" in benchmarks_html(report)
    assert "misses its aim" not in benchmarks_html(Report.of(aimed("load/xdp", 1)))


def test_every_aim_is_for_a_benchmark_that_there_is() -> None:
    assert {name.removesuffix("_rss") for name in aims()} <= {*list_benchmarks()}


@pytest.mark.parametrize("width", [80, 200])
def test_a_terminal_of_any_width_names_the_benchmark_and_its_ratio(width: int) -> None:
    console = Console(width=width, record=True, file=io.StringIO())
    print_matrix(aimed("load/core", 0.25), console)
    text = console.export_text()
    assert ("load/core" if width == 80 else "a title") in text
    assert "0.25×" in text and "≤ 0.30× ✓" in text and "1 of 1 aims reached." in text
