"""JUnit XML: a test suite per kernel and subject, a test case per check."""

from __future__ import annotations

from xml.etree import ElementTree
from xml.etree.ElementTree import Element, SubElement

from ..harness.outcomes import CheckResult
from .clean import one_line
from .detail import Form, sections
from .kind import Kind, kind_of
from .model import Column, Report, Row

LONGEST_TEXT = 64 << 10


def junit(report: Report) -> str:
    """Unexpected outcomes are failures, lost guests errors, what is unsupported or known is skipped."""
    top = Element("testsuites", name="bpflab")
    for index, column in enumerate(report.columns):
        results = [(row, cell) for row in report.rows if (cell := row.cells[index]) is not None]
        _suite(top, report, column, results)
    for attribute in ("tests", "failures", "errors", "skipped"):
        top.set(attribute, str(sum(int(suite.attrib[attribute]) for suite in top)))
    top.set("time", f"{sum(float(suite.attrib['time']) for suite in top):.3f}")
    ElementTree.indent(top)
    return f'<?xml version="1.0" encoding="utf-8"?>\n{ElementTree.tostring(top, encoding="unicode")}\n'


def _suite(top: Element, report: Report, column: Column, results: list[tuple[Row, CheckResult]]) -> None:
    kinds = column.tally
    suite = SubElement(
        top,
        "testsuite",
        name=column.name,
        tests=str(len(results)),
        failures=str(kinds[Kind.UNEXPECTED] + kinds[Kind.SURPRISE]),
        errors=str(kinds[Kind.INFRA]),
        skipped=str(kinds[Kind.UNSUPPORTED] + kinds[Kind.KNOWN]),
        time=f"{sum(cell.seconds for _, cell in results):.3f}",
    )
    if report.run.started:
        suite.set("timestamp", report.run.started)
    properties = {
        "kernel": ", ".join(column.releases) or column.kernel,
        "subject": " ".join((column.subject, *column.versions)),
        **{str(name): str(value) for name, value in report.run.environment.items()},
    }
    listed = SubElement(suite, "properties")
    for name, value in properties.items():
        SubElement(listed, "property", name=name, value=value)
    for row, cell in results:
        _case(suite, column, row, cell)


def _case(suite: Element, column: Column, row: Row, cell: CheckResult) -> None:
    case = SubElement(
        suite,
        "testcase",
        classname=f"{column.kernel}/{column.subject}/{row.check.area}",
        name=row.name,
        time=f"{cell.seconds:.3f}",
    )
    kind = kind_of(cell)
    message = f"{cell.outcome}: {one_line(cell.reason)}" if cell.reason else f"{cell.outcome} ({kind.title})"
    match kind:
        case Kind.UNEXPECTED | Kind.SURPRISE:
            SubElement(case, "failure", type=str(cell.outcome), message=message).text = cell.reason
        case Kind.INFRA:
            SubElement(case, "error", type=str(cell.outcome), message=message).text = cell.reason
        case Kind.UNSUPPORTED:
            SubElement(case, "skipped", message=message)
        case Kind.KNOWN:
            SubElement(case, "skipped", message=f"known deviation: {cell.detail.get('deviation', message)}")
    if kind is not Kind.PASS:
        shown = [each for each in sections(cell, row.check, LONGEST_TEXT) if each.form is not Form.TEXT]
        if shown:
            SubElement(case, "system-out").text = "\n\n".join(f"{each.label}:\n{each.text}" for each in shown)
