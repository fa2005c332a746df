"""A run in one plain sentence."""

from __future__ import annotations

from collections import Counter

from ..harness.outcomes import FIRST_TRY
from .clean import one_line
from .kind import Kind, as_expected
from .model import Report


def sentence(report: Report) -> str:
    """Such as ``78 of 80 as expected on 5 kernels with reference and libbpf; 2 unexpected (2 fail)``."""
    return "; ".join(filter(None, (headline(report), exceptions(report))))


def headline(report: Report) -> str:
    """The sentence's first half."""
    total = report.tally.total()
    if not total:
        return benchmarks_sentence(report) if report.benchmarks else "No check has a result"
    return f"{as_expected(report.tally):,} of {total:,} as expected on {_where(report)}"


def exceptions(report: Report) -> str:
    """The sentence's second half: what is not as expected, or ''."""
    counts = report.tally
    outcomes = Counter(
        str(cell.outcome)
        for row in report.rows
        for cell, kind in zip(row.cells, row.kinds, strict=True)
        if cell and kind is Kind.UNEXPECTED
    )
    what = ", ".join(f"{number} {outcome}" for outcome, number in sorted(outcomes.items()))
    clauses = {
        f"{counts[Kind.UNEXPECTED]:,} unexpected ({what})": counts[Kind.UNEXPECTED],
        _count(counts[Kind.SURPRISE], "unexpected pass", "es"): counts[Kind.SURPRISE],
        _count(counts[Kind.KNOWN], "known deviation"): counts[Kind.KNOWN],
        f"{counts[Kind.INFRA]:,} without a result (infrastructure)": counts[Kind.INFRA],
    }
    return "; ".join(clause for clause, number in clauses.items() if number)


def benchmarks_sentence(report: Report) -> str:
    """Such as ``3 benchmarks on 2 kernels``."""
    names = {row.benchmark for kernel in report.benchmarks for row in kernel.rows}
    kernels = {kernel.kernel for kernel in report.benchmarks}
    return f"{_count(len(names), 'benchmark')} on {_count(len(kernels), 'kernel')}"


def warnings(report: Report) -> list[str]:
    """What a reader of the run should know before its results."""
    return [text for text in (cut_short(report), mixed(report), tried_again(report)) if text]


def cut_short(report: Report) -> str:
    """What is missing from a run that did not get to its end, or ''."""
    missing = (
        f"{_count(report.missing, 'cell')} of the matrix {'has' if report.missing == 1 else 'have'} no result"
    )
    if not report.run.finished:
        return f"The run was cut short{f': {missing}' if report.missing else ''}."
    return f"{missing}." if report.missing else ""


def mixed(report: Report) -> str:
    """What merged runs hold under one name though it is not one thing, or ''."""
    versions: dict[str, dict[str, None]] = {}
    for kernel in report.run.kernels:
        versions.setdefault(kernel.label, {})[kernel.release] = None
    for subject in report.run.subjects:
        versions.setdefault(subject.name, {})[subject.version] = None
    several = [f"{name} is {' and '.join(each)}" for name, each in versions.items() if len(each) > 1]
    return f"Merged runs differ: {'; '.join(several)}." if several else ""


def tried_again(report: Report) -> str:
    """Which checks came to no end at their first try, or ''; what they did at the second is their result."""
    again = [
        f"{row.check.id} on {column.name}: {one_line(str(cell.detail[FIRST_TRY]))}"
        for row, column, cell in report.results()
        if FIRST_TRY in cell.detail
    ]
    return f"Tried again in a fresh guest: {'; '.join(again)}." if again else ""


def _where(report: Report) -> str:
    kernels = report.kernels
    where = f"the kernel {kernels[0].label}" if len(kernels) == 1 else f"{len(kernels)} kernels"
    return f"{where} with {_and(report.subjects)}"


def _count(number: int, noun: str, plural: str = "s") -> str:
    return f"{number:,} {noun}{'' if number == 1 else plural}"


def _and(names: tuple[str, ...]) -> str:
    return " and ".join(filter(None, (", ".join(names[:-1]), *names[-1:])))
