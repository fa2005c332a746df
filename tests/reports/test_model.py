"""A run becomes a table: order, cells, tallies and sentences."""

from dataclasses import replace

from bpflab.harness.outcomes import (
    FIRST_TRY,
    CheckInfo,
    CheckResult,
    KernelInfo,
    Outcome,
    Run,
    SubjectInfo,
    Verdict,
)
from bpflab.reports.kind import Kind, kind_of
from bpflab.reports.model import Report
from bpflab.reports.sentence import cut_short, mixed, sentence, tried_again


def result(verdict: Verdict, outcome: Outcome = Outcome.FAIL, kernel: str = "6.1") -> CheckResult:
    return CheckResult(kernel, "libbpf", "maps/hash", outcome, verdict, 0.1)


def shown(*results: CheckResult) -> Verdict:
    (row,) = Report.of(Run(results=list(results))).rows
    (cell,) = row.cells
    assert cell is not None
    return cell.verdict


def test_columns_go_by_kernel_version_and_our_subject_comes_first(calm: Run) -> None:
    calm.kernels.reverse()
    columns = [column.key for column in Report.of(calm).columns]
    kernels = ("5.10", "6.1", "6.12", "6.18", "7.2")
    assert columns == [(kernel, subject) for kernel in kernels for subject in ("reference", "libbpf")]


def test_rows_are_grouped_by_area_in_the_order_of_the_plan(calm: Run) -> None:
    report = Report.of(calm)
    assert [area.name for area in report.areas] == list(dict.fromkeys(check.area for check in calm.checks))
    assert [row.check for row in report.rows] == calm.checks
    assert sum(report.tally.values()) == len(calm.results)


def test_results_of_unknown_checks_kernels_and_subjects_have_their_cell() -> None:
    report = Report.of(Run(results=[result(Verdict.EXPECTED, Outcome.PASS)]))
    assert [row.check.id for row in report.rows] == ["maps/hash"]
    assert [column.key for column in report.columns] == [("6.1", "libbpf")]


def test_kinds() -> None:
    assert kind_of(result(Verdict.EXPECTED, Outcome.PASS)) is Kind.PASS
    assert kind_of(result(Verdict.EXPECTED, Outcome.UNSUPPORTED)) is Kind.UNSUPPORTED
    assert kind_of(result(Verdict.DEVIATION)) is Kind.KNOWN
    assert kind_of(result(Verdict.UNEXPECTED_PASS, Outcome.PASS)) is Kind.SURPRISE
    assert kind_of(result(Verdict.UNEXPECTED)) is Kind.UNEXPECTED
    assert kind_of(result(Verdict.INFRA, Outcome.INFRA)) is Kind.INFRA


def test_merging_never_hides_an_unexpected_result_and_prefers_a_result_to_none() -> None:
    bad, good = result(Verdict.UNEXPECTED), result(Verdict.EXPECTED, Outcome.PASS)
    lost = result(Verdict.INFRA, Outcome.INFRA)
    assert shown(bad, good) is Verdict.UNEXPECTED
    assert shown(good, bad) is Verdict.UNEXPECTED
    assert shown(lost, good) is Verdict.EXPECTED
    assert shown(good, lost) is Verdict.EXPECTED


def test_differences_and_alarms(mixed: Run) -> None:
    rows = {row.check.id: row for row in Report.of(mixed).rows}
    assert not rows["maps/hash"].differs
    assert not rows["maps/hash"].alarming
    assert rows["programs/loop"].differs
    assert not rows["programs/loop"].alarming
    assert rows["core/missing_field"].differs
    assert not rows["core/missing_field"].alarming
    assert rows["events/perf_buffer"].alarming


def test_sentence_of_a_calm_run(calm: Run) -> None:
    report = Report.of(calm)
    assert sentence(report) == "350 of 350 as expected on 5 kernels with reference and libbpf"
    assert cut_short(report) == ""


def test_sentence_names_what_is_not_as_expected(mixed: Run) -> None:
    assert sentence(Report.of(mixed)) == (
        "342 of 351 as expected on 5 kernels with reference and libbpf; "
        "5 unexpected (1 crash, 1 error, 2 fail, 1 time-out); 1 unexpected pass; 1 known deviation; "
        "2 without a result (infrastructure)"
    )


def test_sentence_of_one_kernel_and_of_nothing() -> None:
    one = Report.of(Run(results=[result(Verdict.EXPECTED, Outcome.PASS)]))
    assert sentence(one) == "1 of 1 as expected on the kernel 6.1 with libbpf"
    assert sentence(Report.of(Run())) == "No check has a result"


def test_a_run_that_was_cut_short_says_what_is_missing(calm: Run) -> None:
    calm.results.pop()
    assert cut_short(Report.of(calm)) == "1 cell of the matrix has no result."
    calm.finished = False
    assert cut_short(Report.of(calm)) == "The run was cut short: 1 cell of the matrix has no result."


def test_a_check_of_one_subject_is_missing_nowhere_else(calm: Run) -> None:
    own = CheckInfo("api/decode", "api", "", "decode", subject="reference")
    calm.checks.append(own)
    kernels = {each.kernel for each in calm.results}
    calm.results += [
        replace(calm.results[0], kernel=each, subject="reference", check=own.id) for each in kernels
    ]
    report = Report.of(calm)
    assert cut_short(report) == ""
    assert not next(row for row in report.rows if row.check.id == own.id).differs


def test_merged_runs_of_different_kernels_or_subjects_say_so(calm: Run) -> None:
    assert mixed(Report.of(calm)) == ""
    calm.subjects.append(SubjectInfo("libbpf", "1.6.2"))
    calm.kernels.append(replace(calm.kernels[1], release="6.1.0-2-amd64"))
    text = mixed(Report.of(calm))
    assert "libbpf is 1.7.0 and 1.6.2" in text
    assert "6.1 is 6.1.0-1-amd64 and 6.1.0-2-amd64" in text


def test_a_check_that_was_tried_twice_is_named(calm: Run) -> None:
    assert tried_again(Report.of(calm)) == ""
    twice = calm.results[0]
    calm.results[0] = replace(twice, detail=twice.detail | {FIRST_TRY: "the check took\nmore than 30 s"})
    text = tried_again(Report.of(calm))
    assert f"{twice.check} on {twice.kernel}" in text and "the check took more than 30 s" in text


def test_a_run_of_benchmarks_alone_has_no_columns(mixed: Run) -> None:
    alone = Run(
        benchmarks=mixed.benchmarks, guests=mixed.guests, kernels=[KernelInfo("7.2", "7.2", "7.2", "")]
    )
    report = Report.of(alone)
    assert report.columns == ()
    assert sentence(report) == "5 benchmarks on 2 kernels"
