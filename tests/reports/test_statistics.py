"""Ratios claim what the samples carry, and no more."""

import random
import time

import pytest
from bpflab.harness.outcomes import BenchmarkResult, KernelInfo, Run
from bpflab.reports.benchmarks import compare, duration, times
from bpflab.reports.statistics import Claim, Ratio, bootstrap_interval, paired_ratios, ratio


def noisy(factor: float, rounds: int = 40) -> list[float]:
    source = random.Random(7)
    return [factor * source.lognormvariate(0, 0.05) for _ in range(rounds)]


def claim(factor: float, rounds: int = 40) -> Claim:
    compared = ratio(noisy(factor, rounds))
    assert compared is not None
    return compared.claim


def test_rounds_are_paired_and_unusable_ones_left_out() -> None:
    samples = [2.0, float("nan"), 3.0, 0.0, 9.0, 1.0]
    baseline = [1.0, 1.0, -1.0, 1.0, 3.0]
    assert paired_ratios(samples, baseline) == [2.0, 3.0]


def test_pairing_takes_out_what_both_suffered() -> None:
    slow_and_fast = [1.0, 50.0] * 15
    ratios = paired_ratios([2 * time for time in slow_and_fast], slow_and_fast)
    assert bootstrap_interval(ratios) == (2.0, 2.0)


def test_claims() -> None:
    assert claim(1.4) is Claim.SLOWER
    assert claim(0.4) is Claim.FASTER
    assert claim(1.0) is Claim.NO_DIFFERENCE
    assert claim(1.4, rounds=19) is Claim.TOO_FEW


def test_a_difference_within_the_threshold_is_not_claimed() -> None:
    assert Ratio(1.045, 1.04, 1.049, (1.045,) * 30).claim is Claim.NO_DIFFERENCE
    assert Ratio(1.08, 1.04, 1.12, (1.08,) * 30).claim is Claim.NO_DIFFERENCE
    assert Ratio(1.08, 1.06, 1.12, (1.08,) * 30).claim is Claim.SLOWER


def test_the_interval_covers_the_true_median_about_as_often_as_it_says() -> None:
    source = random.Random(3)
    covered = 0
    for _ in range(60):
        low, high = bootstrap_interval([source.lognormvariate(0, 0.2) for _ in range(30)])
        covered += low <= 1 <= high
    assert covered >= 51


def test_the_same_values_give_the_same_interval_whatever_ran_before() -> None:
    values = noisy(1.0)
    first = bootstrap_interval(values)
    random.random()
    assert bootstrap_interval(values) == first


def test_an_interval_of_a_hundred_samples_takes_little_time() -> None:
    values = noisy(1.0, 100)
    begun = time.process_time()
    bootstrap_interval(values)
    assert time.process_time() - begun < 1


def test_nothing_to_compare() -> None:
    assert ratio([]) is None


def test_rows_by_kernel_with_a_sentence() -> None:
    run = Run(
        kernels=[KernelInfo("7.2", "7.2.0-1-amd64", "7.2", "generic")],
        benchmarks=[
            BenchmarkResult(
                "7.2", "load", "load it", "ns", {"reference": [1400.0] * 20, "libbpf": [1000.0] * 20}
            ),
            BenchmarkResult("6.1", "load", "load it", "ns", {"reference": [1400.0] * 20}),
        ],
    )
    newer, older = compare(run)
    assert (newer.kernel, newer.release) == ("7.2", "7.2.0-1-amd64")
    assert newer.rows[0].sentence == "1.40× libbpf’s time"
    assert (newer.rows[0].time, newer.rows[0].baseline) == (1400, 1000)
    assert "not compared" in older.rows[0].sentence


def test_merged_runs_are_paired_run_by_run() -> None:
    """A run without the baseline must not shift the rounds of the next."""
    alone = BenchmarkResult("7.2", "load", "load it", "ns", {"reference": [7.0]})
    both = BenchmarkResult("7.2", "load", "load it", "ns", {"reference": [2.0, 6.0], "libbpf": [1.0, 3.0]})
    (kernel,) = compare(Run(benchmarks=[alone, both]))
    (row,) = kernel.rows
    assert row.ratio is not None
    assert row.ratio.ratios == (2.0, 2.0)


@pytest.mark.parametrize(
    ("value", "unit", "text"),
    [
        (86_600, "ns", "86.6 µs"),
        (17, "ns", "17.0 ns"),
        (0.5, "ns", "0.500 ns"),
        (2.5, "ms", "2.50 ms"),
        (1500, "ms", "1.50 s"),
        (1234, "instructions", "1,234 instructions"),
        (None, "ns", "—"),
    ],
)
def test_duration(value: float | None, unit: str, text: str) -> None:
    assert duration(value, unit) == text


def test_times() -> None:
    assert [times(value) for value in (0.0123, 0.35, 1.384, 12.34, 1234)] == [
        "0.0123×", "0.35×", "1.38×", "12.3×", "1,234×",
    ]  # fmt: skip
