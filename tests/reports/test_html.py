"""The pages: well-formed, offline, complete, and not to be broken by a guest."""

import json
import re
from html.parser import HTMLParser

import pytest
from bpflab.harness.outcomes import Run
from bpflab.reports.html import benchmarks_html, matrix_html
from bpflab.reports.kind import Kind, kind_of
from bpflab.reports.model import Report

VOID = {"meta", "link", "input", "br", "hr", "img"}


class Page(HTMLParser):
    """Checks that elements nest, and keeps what the tests ask about."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.elements: list[tuple[str, dict[str, str]]] = []
        self.texts: dict[str, list[str]] = {}
        self.feed(html)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, {name: value or "" for name, value in attrs}))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, {name: value or "" for name, value in attrs}))

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.texts.setdefault(self.open[-1] if self.open else "", []).append(data)

    def all(self, tag: str) -> list[dict[str, str]]:
        return [attributes for name, attributes in self.elements if name == tag]


@pytest.fixture
def page(mixed: Run) -> Page:
    return Page(matrix_html(Report.of(mixed)))


def data_of(html: str) -> dict[str, dict[str, object]]:
    found = re.search(r'<script type="application/json" id="data">(.*?)</script>', html, re.S)
    assert found is not None
    return dict(json.loads(found[1]))


def test_every_result_has_a_cell_that_says_it_in_words(mixed: Run) -> None:
    report = Report.of(mixed)
    page = Page(matrix_html(report))
    cells = [attributes for attributes in page.all("td") if "data-kernel" in attributes]
    assert len(cells) == len(list(report.results()))
    for kind, number in report.tally.items():
        assert sum(cell["class"].split()[0] == f"k-{kind.slug}" for cell in cells) == number
    assert sum(each.strip() == "pass" for each in page.texts["td"]) == report.tally[Kind.PASS]


def test_every_cell_leads_to_its_details(mixed: Run) -> None:
    report = Report.of(mixed)
    html = matrix_html(report)
    page, data = Page(html), data_of(html)
    ids = {attributes["id"] for _, attributes in page.elements if "id" in attributes}
    assert {link["href"] for link in page.all("a")} <= {f"#{each}" for each in ids}
    for row, column, cell in report.results():
        details = data["cells"]["\n".join((row.check.id, *column.key))]
        if kind_of(cell) is Kind.PASS:
            assert "Reproduce this cell" in json.dumps(details) or "reproduce" not in cell.detail
        else:
            assert details in ids
    assert data["guests"].keys() == {"\n".join(column.key) for column in report.columns}


def test_details_show_the_evidence(mixed: Run) -> None:
    html = matrix_html(Report.of(mixed))
    for text in (
        "processed 4 insns",
        "Oops: 0000 [#1]",
        "errno 13 EACCES",
        "bpflab run --checks &#39;attach/fentry&#39; --kernels 6.12 --subjects libbpf --guest virtme-ng",
        "virtme-ng --run vmlinuz-6.12.0-1-amd64",
        "libbpf-1: libbpf poisons the instruction",
        "unsupported: this needs Linux 5.17",
        "KVM did not boot the probe guest",
        "clang",
    ):
        assert text in html


def test_a_long_log_is_cut_and_keeps_its_end(mixed: Run) -> None:
    html = matrix_html(Report.of(mixed))
    assert "xxxthe last line" in html
    assert "characters left out" in html
    assert len(html) < 500_000


def test_the_page_asks_nothing_of_the_network(page: Page) -> None:
    for tag, attributes in page.elements:
        for name in ("src", "href", "action", "data", "poster", "srcset"):
            value = attributes.get(name, "")
            assert value.startswith(("#", "data:")) or not value, (tag, name, value)
    assert not any("url(" in text or "@import" in text for text in page.texts["style"])


def test_nothing_a_guest_said_becomes_markup_or_script(mixed: Run) -> None:
    html = matrix_html(Report.of(mixed))
    page = Page(html)
    assert len(page.all("script")) == 2
    assert "<script>alert" not in html
    assert "7 * 7" in html
    assert not any(name.startswith("on") for _, attributes in page.elements for name in attributes)
    assert re.search("[\x00-\x08\x0b-\x1f\x7f\u202e]", html) is None
    policy = next(each["content"] for each in page.all("meta") if each.get("http-equiv"))
    assert "script-src 'sha256-" in policy


def test_the_data_cannot_end_its_script_element(mixed: Run) -> None:
    html = matrix_html(Report.of(mixed))
    raw = html.split('id="data">')[1].split("</script>")[0]
    assert "<" not in raw
    assert any("</pre>" in key for key in json.loads(raw)["cells"])


def test_without_javascript_the_details_are_in_the_page(page: Page, mixed: Run) -> None:
    noteworthy = [cell for *_, cell in Report.of(mixed).results() if kind_of(cell) is not Kind.PASS]
    findings = [each for each in page.all("details") if each.get("id")]
    assert len(findings) == len(noteworthy)


def test_the_same_run_gives_the_same_bytes(mixed: Run) -> None:
    assert matrix_html(Report.of(mixed)) == matrix_html(Report.of(mixed))


def test_a_large_matrix_stays_light(large: Run) -> None:
    html = matrix_html(Report.of(large))
    assert len(html) < 3_000_000
    assert sum("data-kernel" in cell for cell in Page(html).all("td")) == 4000


def test_an_empty_run_is_a_page() -> None:
    html = matrix_html(Report.of(Run()))
    assert "No check has a result" in html
    assert Page(html).all("td") == []


def test_benchmarks_have_a_plot_and_a_sentence_each(mixed: Run) -> None:
    report = Report.of(mixed)
    for html in (matrix_html(report), benchmarks_html(report)):
        page = Page(html)
        plots = [each for each in page.all("svg") if each.get("role") == "img"]
        assert len(plots) == 7
        assert "24 rounds from" in plots[0]["aria-label"]
        assert len(page.all("circle")) == 3 * 24 + 3 * 60 + 5
        assert "no difference detected" in html
        assert "too few rounds to say (5 of 20)" in html
        assert "<script>alert" not in html


def test_marks_of_a_plot_lie_within_it(mixed: Run) -> None:
    page = Page(benchmarks_html(Report.of(mixed)))
    assert all(0 <= float(dot["cx"]) <= 260 and 0 <= float(dot["cy"]) <= 30 for dot in page.all("circle"))
    assert all(0 <= float(line["x1"]) <= float(line["x2"]) <= 260 for line in page.all("line"))
