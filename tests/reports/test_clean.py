"""Untrusted text loses what could harm, and nothing else."""

from bpflab.harness.outcomes import CheckResult, Outcome, Run, Verdict
from bpflab.reports.clean import clean, cleaned, one_line, shortened


def test_escape_sequences_go_with_their_parameters() -> None:
    assert clean("\x1b[1;31mred\x1b[0m \x1b]0;title\x07text\x1b(B\x1bM") == "red text"


def test_controls_and_direction_marks_go_but_line_ends_and_tabs_stay() -> None:
    assert clean("a\x00b\x07c\td\r\ne\rf\u202eg\ufffe") == "abc\td\ne\nfg"


def test_text_that_utf8_cannot_carry_is_marked() -> None:
    assert clean("a\ud800b") == "a\ufffdb"


def test_ordinary_text_is_kept() -> None:
    text = "R1=ctx() ünïcode 漢字 🐝 <b>&amp;</b>\n\tnext"
    assert clean(text) == text


def test_every_string_of_a_record_is_cleaned_and_its_types_stay() -> None:
    result = CheckResult(
        "6.1\x00", "libbpf", "a/b", Outcome.FAIL, Verdict.UNEXPECTED, 0.5, "\x1b[1mx",
        {"k\x07": ["\x08y", {"z": "\x01"}], "errno": 13},
    )  # fmt: skip
    (got,) = cleaned(Run(results=[result])).results
    assert (got.kernel, got.reason, got.detail) == ("6.1", "x", {"k": ["y", {"z": ""}], "errno": 13})
    assert got.outcome is Outcome.FAIL
    assert got.verdict is Verdict.UNEXPECTED


def test_a_long_text_keeps_its_beginning_and_its_end() -> None:
    text = "first line" + "x" * 1_000_000 + "last line"
    short = shortened(text, 1000)
    assert short.startswith("first line")
    assert short.endswith("last line")
    assert f"{len(text) - 1000:,} characters left out" in short
    assert len(short) < 1200
    assert shortened("short", 1000) == "short"


def test_one_line() -> None:
    assert one_line(" a\n\n b\tc ") == "a b c"
