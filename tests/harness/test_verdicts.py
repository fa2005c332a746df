"""Verdicts: what is expected where, and what a deviation changes."""

import pytest
from bpflab.corpus.data import Deviation
from bpflab.harness.outcomes import CheckInfo, KernelInfo, Outcome, Verdict
from bpflab.harness.verdicts import judge


def kernel(version: str) -> KernelInfo:
    return KernelInfo(version, version, version, "generic")


NEW = CheckInfo("maps/new", "maps", "maps/new", "", minimum="5.13")
OLD = CheckInfo("maps/old", "maps", "maps/old", "")


@pytest.mark.parametrize(
    ("check", "version", "outcome", "verdict"),
    [
        (OLD, "5.10.1", Outcome.PASS, Verdict.EXPECTED),
        (OLD, "5.10.1", Outcome.UNSUPPORTED, Verdict.UNEXPECTED),
        (OLD, "5.10.1", Outcome.CRASH, Verdict.UNEXPECTED),
        (OLD, "5.10.1", Outcome.NOT_RUN, Verdict.INFRA),
        (OLD, "5.10.1", Outcome.INFRA, Verdict.INFRA),
        (NEW, "5.10.1", Outcome.UNSUPPORTED, Verdict.EXPECTED),
        (NEW, "5.10.1", Outcome.PASS, Verdict.UNEXPECTED_PASS),
        (NEW, "5.10.1", Outcome.FAIL, Verdict.UNEXPECTED),
        (NEW, "5.13", Outcome.PASS, Verdict.EXPECTED),
        (NEW, "7.2.3", Outcome.UNSUPPORTED, Verdict.UNEXPECTED),
    ],
)
def test_the_minimum_divides_pass_from_unsupported(
    check: CheckInfo, version: str, outcome: Outcome, verdict: Verdict
) -> None:
    assert judge(outcome, check, kernel(version), "libbpf", [])[0] is verdict


def deviation() -> Deviation:
    return Deviation(
        id="D1",
        subject="libbpf",
        checks="maps/o*",
        kernels=(("5.10", "5.15"),),
        outcome=Outcome.FAIL,
        reason="known",
        link="",
        added="2026-11-23",
        versions="",
    )


@pytest.mark.parametrize(
    ("subject", "version", "outcome", "verdict"),
    [
        ("libbpf", "5.10.1", Outcome.FAIL, Verdict.DEVIATION),
        ("libbpf", "5.10.1", Outcome.PASS, Verdict.UNEXPECTED_PASS),
        ("libbpf", "5.10.1", Outcome.CRASH, Verdict.UNEXPECTED),
        ("libbpf", "5.15", Outcome.FAIL, Verdict.UNEXPECTED),
        ("reference", "5.10.1", Outcome.FAIL, Verdict.UNEXPECTED),
    ],
)
def test_a_deviation_holds_for_its_subject_and_kernels_only(
    subject: str, version: str, outcome: Outcome, verdict: Verdict
) -> None:
    assert judge(outcome, OLD, kernel(version), subject, [deviation()])[0] is verdict
