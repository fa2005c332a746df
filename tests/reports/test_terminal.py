"""The matrix on a terminal."""

import io

from bpflab.harness.outcomes import CheckInfo, CheckResult, Outcome, Run, Verdict
from bpflab.reports import print_matrix
from rich.console import Console


def printed(run: Run, width: int = 140) -> str:
    stream = io.StringIO()
    print_matrix(run, Console(file=stream, width=width))
    return stream.getvalue()


def test_a_calm_run_is_short_and_ends_with_the_sentence(calm: Run) -> None:
    lines = printed(calm).splitlines()
    assert lines[-1] == "350 of 350 as expected on 5 kernels with reference and libbpf."
    assert len(lines) < 20
    assert any("for_each" in line and "○ unsup." in line for line in lines)
    assert not any("lpm_trie" in line for line in lines)


def test_what_is_unexpected_comes_with_its_reason_and_command(mixed: Run) -> None:
    text = printed(mixed)
    assert "✕ attach/fentry on 6.12 · libbpf: crash, Kernel panic - not syncing" in text
    assert "bpflab run --checks 'attach/fentry' --kernels 6.12 --subjects libbpf" in text
    assert "≈ core/missing_field on 6.18 · libbpf: fail, libbpf-1" in text
    assert "1.35× libbpf’s time" in text


def test_guest_text_is_neither_markup_nor_control(mixed: Run) -> None:
    text = printed(mixed)
    assert "[bold]x[/bold]" in text
    assert "\x1b" not in text
    assert max(map(len, text.splitlines())) < 1000


def test_a_narrow_terminal_gets_a_column_per_kernel_with_symbols(calm: Run) -> None:
    lines = printed(calm, 80).splitlines()
    assert max(map(len, lines)) <= 80
    assert any("columns: reference, libbpf" in line for line in lines)
    assert next(line for line in lines if "for_each" in line).split() == ["for_each", "○", "○", *["✓"] * 8]
    assert next(line for line in lines if line.strip().startswith("maps")).split() == ["maps", *["16/16"] * 5]


def test_an_object_of_the_user_has_a_line_per_program() -> None:
    checks = [
        CheckInfo(f"object/x.bpf.o/{name}", "object", "x.bpf.o", name) for name in ("open", "drop/load")
    ]
    run = Run(finished=True, checks=checks)
    run.results = [
        CheckResult("6.1", "libbpf", checks[0].id, Outcome.PASS, Verdict.EXPECTED, 0.1),
        CheckResult("6.1", "libbpf", checks[1].id, Outcome.FAIL, Verdict.UNEXPECTED, 0.1, "invalid access"),
    ]
    text = printed(run, 80)
    assert "x.bpf.o/open" in text
    assert "✓ pass" in text
    assert "✕ object/x.bpf.o/drop/load on 6.1 · libbpf: fail, invalid access" in text
    assert text.endswith("1 of 2 as expected on the kernel 6.1 with libbpf; 1 unexpected (1 fail).\n")


def test_an_empty_run() -> None:
    assert printed(Run(finished=True)) == "No check has a result.\n"
