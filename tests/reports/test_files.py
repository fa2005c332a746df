"""JUnit, Markdown, JSON, CSV and the badge; and all of them written."""

import csv
import io
import json
from collections import Counter
from dataclasses import replace
from pathlib import Path
from xml.etree import ElementTree

from bpflab.harness.outcomes import Outcome, OutcomeWriter, Run, Verdict
from bpflab.reports import write_reports
from bpflab.reports.badge import badge_json
from bpflab.reports.junit import junit
from bpflab.reports.kind import Kind
from bpflab.reports.markdown import markdown
from bpflab.reports.model import Report
from bpflab.reports.spreadsheet import results_csv
from bpflab.reports.summary import summary_json

NAMES = (
    "matrix.html",
    "benchmarks.html",
    "summary.md",
    "summary.json",
    "junit.xml",
    "results.csv",
    "badge.json",
)


def test_junit_counts_add_up(mixed: Run) -> None:
    report = Report.of(mixed)
    top = ElementTree.fromstring(junit(report))
    assert [suite.get("name") for suite in top] == [column.name for column in report.columns]
    tags = {"failures": "failure", "errors": "error", "skipped": "skipped", "tests": "testcase"}
    for attribute, tag in tags.items():
        for suite in top:
            assert int(suite.attrib[attribute]) == len(list(suite.iter(tag)))
        assert int(top.attrib[attribute]) == len(list(top.iter(tag)))
    assert int(top.attrib["tests"]) == len(mixed.results)
    assert int(top.attrib["failures"]) == report.tally[Kind.UNEXPECTED] + report.tally[Kind.SURPRISE]
    assert int(top.attrib["errors"]) == report.tally[Kind.INFRA]


def test_junit_says_why(mixed: Run) -> None:
    top = ElementTree.fromstring(junit(Report.of(mixed)))
    case = next(top.iterfind("testsuite[@name='6.1 · reference']/testcase[@name='unbounded_access']"))
    assert case.find("failure").get("message", "").startswith("fail: the verifier accepted it")  # type: ignore[union-attr]  # None would fail too
    assert "processed 4 insns" in (case.findtext("system-out") or "")
    skipped = next(top.iterfind("testsuite[@name='5.10 · reference']/testcase[@name='loop']/skipped"))
    assert "needs Linux 5.17" in skipped.attrib["message"]
    known = next(top.iterfind("testsuite[@name='6.18 · libbpf']/testcase[@name='missing_field']/skipped"))
    assert known.attrib["message"].startswith("known deviation: libbpf-1")


def test_markdown_fits_a_comment_and_cannot_be_broken(mixed: Run) -> None:
    text = markdown(Report.of(mixed))
    assert text.startswith("### 342 of 351 as expected")
    assert "| 6.12 | libbpf 1.7.0 1.6.2 | 34 of 35 |" in text
    assert "`attach/fentry` on 6.12 · libbpf: **crash**" in text
    assert "1.35× libbpf’s time" in text
    outside_code = "".join(text.replace("`` ", "\x01").replace(" ``", "\x01").split("\x01")[::2])
    assert "<script>" not in outside_code.replace("\\<script\\>", "")
    rows = [line for line in text.splitlines() if line.startswith("|")]
    assert all(line.replace("\\|", "").count("|") in (6, 9, 10) for line in rows)


def test_markdown_of_a_disaster_still_fits_a_comment(large: Run) -> None:
    large.results = [
        replace(each, outcome=Outcome.FAIL, verdict=Verdict.UNEXPECTED, reason="why " * 1000)
        for each in large.results
    ]
    text = markdown(Report.of(large))
    assert len(text) < 65_536
    assert "… and 3,960 more" in text


def test_summary_json_has_the_results_and_the_raw_samples(mixed: Run) -> None:
    document = json.loads(summary_json(Report.of(mixed)), parse_constant=lambda name: 1 / 0)
    assert document["schema"] == 1
    assert document["counts"]["results"] == len(document["results"]) == len(mixed.results)
    verdicts = Counter(str(each.verdict) for each in mixed.results)
    assert document["counts"]["verdicts"] == verdicts
    assert document["benchmarks"][0]["samples"] == mixed.benchmarks[0].samples
    assert document["benchmarks"][-1]["samples"] == {"reference": [None, 0.0]}
    assert document["comparisons"][0]["sentence"] == "1.35× libbpf’s time"
    crash = next(each for each in document["results"] if each["outcome"] == "crash")
    assert crash["detail"].keys() == {"reproduce", "command"}


def test_csv_has_a_line_per_result_and_no_formula(mixed: Run) -> None:
    mixed.results[0] = replace(mixed.results[0], reason='=HYPERLINK("x")\nsecond')
    rows = list(csv.DictReader(io.StringIO(results_csv(Report.of(mixed)))))
    assert len(rows) == len(mixed.results)
    assert Counter(row["outcome"] for row in rows) == Counter(str(each.outcome) for each in mixed.results)
    assert any(row["reason"] == '\'=HYPERLINK("x") second' for row in rows)


def test_badge(calm: Run, mixed: Run) -> None:
    assert json.loads(badge_json(Report.of(calm))) == {
        "schemaVersion": 1, "label": "bpflab", "message": "350/350 as expected", "color": "brightgreen",
    }  # fmt: skip
    assert json.loads(badge_json(Report.of(mixed)))["color"] == "red"
    calm.finished = False
    assert json.loads(badge_json(Report.of(calm)))["color"] == "lightgrey"
    assert json.loads(badge_json(Report.of(Run())))["message"] == "no results"


def test_write_reports_writes_all_twice_the_same(mixed: Run, tmp_path: Path) -> None:
    first = write_reports(mixed, tmp_path / "a" / "first")
    second = write_reports(mixed, tmp_path / "second")
    assert [path.name for path in first] == list(NAMES)
    assert [path.read_bytes() for path in first] == [path.read_bytes() for path in second]


def test_pages_follow_what_the_run_has(calm: Run, mixed: Run, tmp_path: Path) -> None:
    assert "benchmarks.html" not in [path.name for path in write_reports(calm, tmp_path)]
    bench = Run(benchmarks=mixed.benchmarks, guests=mixed.guests)
    assert write_reports(bench, tmp_path)[0].name == "benchmarks.html"
    assert write_reports(Run(), tmp_path)[0].name == "matrix.html"


def test_merged_outcome_files_give_one_report(mixed: Run, tmp_path: Path) -> None:
    """Two shards, written and read as the harness does it, hostile text and all."""
    paths = []
    for index in range(2):
        path = tmp_path / f"{index}.jsonl"
        with path.open("w", encoding="utf-8") as stream:
            writer = OutcomeWriter(stream)
            writer.started(mixed)
            for each in mixed.results[index::2]:
                writer.add(each)
            writer.finished(1.0)
        paths.append(path)
    merged, whole = Report.of(Run.read(paths)), Report.of(mixed)
    assert [cell for *_, cell in merged.results()] == [cell for *_, cell in whole.results()]
