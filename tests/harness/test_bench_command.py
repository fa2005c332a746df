"""``bpflab bench``: which lanes run on which kernels, and which earlier runs are its history."""

from __future__ import annotations

import argparse
from pathlib import Path

import pytest
from bpflab.harness.cli import parser
from bpflab.harness.commands import stored_runs
from bpflab.harness.commands_bench import lanes_of
from bpflab.harness.outcomes import OutcomeFileError, OutcomeWriter, Run
from bpflab.harness.plan import PlanError
from bpflab.kernels.kernel import Kernel
from bpflab.kernels.store import host_kernel
from bpflab.kernels.version import KernelVersion


def kernel(label: str) -> Kernel:
    if label == "host":
        return host_kernel()
    version, image = KernelVersion.parse(label), Path("vmlinuz")
    return Kernel(label, f"{label}.0-1-amd64", version, "generic", "linux-image", Path(), image, None, None)


def lanes(*arguments: str, kernels: str) -> list[str]:
    options: argparse.Namespace = parser().parse_args(["bench", *arguments])
    return lanes_of(options, [kernel(label) for label in kernels.split(",")])


@pytest.mark.parametrize(
    ("arguments", "kernels", "expected"),
    [
        ((), "host", ["host"]),
        ((), "7.2", ["instructions"]),
        ((), "host,6.1,7.2", ["host", "instructions"]),
        (("--lanes", "guest,host"), "host,7.2", ["guest", "host"]),
        (("--gate",), "host,7.2", ["instructions"]),
        (("--store-baseline",), "7.2", ["instructions"]),
    ],
)
def test_lanes_follow_the_kernels_or_what_was_asked_for(
    arguments: tuple[str, ...], kernels: str, expected: list[str]
) -> None:
    assert lanes(*arguments, kernels=kernels) == expected


@pytest.mark.parametrize(
    ("arguments", "kernels", "word"),
    [
        (("--lanes", "cycles"), "7.2", "there is no 'cycles'"),
        (("--lanes", "host"), "7.2", "needs the kernel 'host'"),
        (("--lanes", "instructions"), "host", "needs a kernel to boot"),
        (("--gate",), "host", "needs a kernel to boot"),
        (("--gate", "--lanes", "guest"), "7.2", "--gate"),
    ],
)
def test_lanes_that_cannot_be(arguments: tuple[str, ...], kernels: str, word: str) -> None:
    with pytest.raises(PlanError, match=word):
        lanes(*arguments, kernels=kernels)


def test_earlier_runs_come_in_order_and_alone(tmp_path: Path) -> None:
    for day in (3, 1, 2):
        folder = tmp_path / f"any-name-{9 - day}"
        folder.mkdir()
        with (folder / "host.jsonl").open("w") as file:
            OutcomeWriter(file).started(Run(started=f"2026-11-0{day}T00:00:00+00:00"))
    (tmp_path / "empty").mkdir()
    runs = stored_runs(tmp_path, before="2026-11-03T00:00:00+00:00")
    assert [run.started[9:10] for run in runs] == ["1", "2"]
    assert stored_runs(tmp_path / "nowhere", before="2027") == []
    (tmp_path / "empty" / "broken.jsonl").write_text("{")
    with pytest.raises(OutcomeFileError):
        stored_runs(tmp_path, before="2027")
