"""The suite against real subjects on the running kernel: the corpus, a user's objects, the benchmarks."""

from __future__ import annotations

import ctypes
import json
import os
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest
from bpflab.corpus.build import objects
from bpflab.corpus.data import deviations
from bpflab.harness.outcomes import AGAIN
from bpflab.harness.subjects import registry
from bpflab.harness.subjects.libbpf.build import library
from bpflab.harness.suite.catalogue import list_checks
from bpflab.harness.tools import find_clang
from bpflab.kernels.cache import cache_dir
from bpflab.kernels.version import KernelVersion

SYS_BPF = {"x86_64": 321, "aarch64": 280}


def bpf_is_refused() -> bool:
    """Whether this process may not make the simplest map there is."""
    libc = ctypes.CDLL(None, use_errno=True)
    array_of_one = (ctypes.c_uint32 * 20)(2, 4, 4, 1)
    size = ctypes.sizeof(array_of_one)
    fd = libc.syscall(SYS_BPF[os.uname().machine], 0, ctypes.byref(array_of_one), size)
    if fd >= 0:
        os.close(fd)
    return bool(fd < 0)


pytestmark = pytest.mark.skipif(bpf_is_refused(), reason="bpf(2) is refused here")

ANYWHERE = {"elf", "hostile", "maps", "events", "programs"}
"""Areas that need nothing of a kernel but bpf(2); what attaches needs tracefs, kprobes, veth."""


@pytest.fixture(scope="module")
def corpus() -> dict[str, Path]:
    clang = find_clang()
    assert clang, "no clang with the BPF target: run harness/tools.py"
    return objects(clang, library().path, cache_dir())


def run_suite(
    folder: Path, corpus: dict[str, Path], subjects: Iterable[str], **job: Any
) -> list[dict[str, Any]]:
    """Run a job in network and mount namespaces of its own."""
    subjects = list(subjects)
    whole = {
        "subject": subjects[0],
        "subjects": subjects,
        "commands": {name: list(registry.command(name).argv) for name in subjects},
        "objects": {name: str(path) for name, path in corpus.items()},
        "checks": [],
        **job,
    }
    (folder / "job.json").write_text(json.dumps(whole))
    mount = 'mount -t bpf bpf /sys/fs/bpf && exec "$0" "$@"'
    command = ["unshare", "--net", "--mount", "sh", "-c", mount, sys.executable, "-m", "bpflab.harness.suite"]
    env = {**os.environ, "BPFLAB_STREAM": str(folder / "stream")}
    subprocess.run([*command, "--job", "job.json"], cwd=folder, env=env, check=True, timeout=120)
    return [json.loads(line) for line in (folder / "stream").read_text().splitlines()]


def outcomes(events: Iterable[dict[str, Any]]) -> dict[str, str]:
    return {
        event["check"]: event["outcome"]
        if event["outcome"] == "pass"
        else f"{event['outcome']}: {event['reason']}"
        for event in events
        if event["event"] == "check-finished"
    }


@pytest.mark.parametrize("subject", registry.names())
def test_a_subject_passes_what_needs_only_bpf(tmp_path: Path, corpus: dict[str, Path], subject: str) -> None:
    every = list_checks()
    checks = [check.id for check in every if check.area in ANYWHERE]
    known = deviations((check.id for check in every), registry.names())
    running = KernelVersion.parse(os.uname().release)
    newer = {check.id for check in every if check.minimum and KernelVersion.parse(check.minimum) > running}
    expected = {check: "unsupported" if check in newer else "pass" for check in checks}
    for deviation in known:
        covered = [check for check in checks if deviation.covers(check, subject, os.uname().release)]
        expected |= dict.fromkeys(covered, deviation.outcome)
    events = run_suite(tmp_path, corpus, [subject], checks=checks)
    assert events[0]["event"] == "subject" and events[0]["name"] == subject
    found = outcomes(events)
    assert list(found) == checks
    assert {check: says for check, says in found.items() if says.split(":")[0] != expected[check]} == {}


CALLBACKS = ("count_init", "constant_threshold", "keep_window", "old_window")
"""Programs of struct_ops/congestion."""


@pytest.mark.parametrize("subject", registry.names())
def test_a_users_objects_are_told_apart(tmp_path: Path, corpus: dict[str, Path], subject: str) -> None:
    users = [
        {"name": "good.bpf.o", "path": str(corpus["programs/xdp"])},
        {"name": "partly.bpf.o", "path": str(corpus["elf/autoload"])},
        {"name": "struct.o", "path": str(corpus["struct_ops/congestion"])},
        {"name": "text.o", "path": str(corpus["hostile/text"])},
    ]
    events = run_suite(tmp_path, {}, [subject], user_objects=users)
    found = outcomes(events)
    assert {check: outcome.split(":")[0] for check, outcome in found.items()} == {
        "object/good.bpf.o/open": "pass",
        "object/good.bpf.o/sort/load": "pass",
        "object/good.bpf.o/sort/attach": "pass",
        "object/partly.bpf.o/open": "pass",
        "object/partly.bpf.o/wanted/load": "pass",
        "object/partly.bpf.o/also_wanted/load": "pass",
        "object/partly.bpf.o/refused_if_loaded/load": "fail",
        "object/partly.bpf.o/wanted/attach": "pass",
        "object/partly.bpf.o/also_wanted/attach": "pass",
        "object/partly.bpf.o/refused_if_loaded/attach": "fail",
        "object/struct.o/open": "pass",
        **dict.fromkeys((f"object/struct.o/{name}/load" for name in CALLBACKS), "pass"),
        "object/struct.o/control/attach": "pass",
        "object/text.o/open": "fail",
    }
    assert "verifier" in found["object/partly.bpf.o/refused_if_loaded/load"]
    assert "object error" in found["object/text.o/open"]


def test_benchmarks_give_paired_samples_of_every_subject(tmp_path: Path, corpus: dict[str, Path]) -> None:
    wanted = ["load/xdp", "load/core_first", "lookup/hash_1k", "events/ring_64_object", "process/memory_xdp"]
    programs = {name: list(registry.command(name).program) for name in registry.names()}
    events = run_suite(
        tmp_path, corpus, registry.names(), bench=True, benchmarks=wanted, lane="host", programs=programs
    )
    benchmarks = {event["benchmark"]: event for event in events if event["event"] == "benchmark"}
    memory = {f"process/memory_xdp_{figure}" for figure in ("rss", "pss", "uss", "peak")}
    assert set(benchmarks) == {*wanted[:-1], *memory}
    for name, benchmark in benchmarks.items():
        assert benchmark["unit"] == ("KiB" if name in memory else "ns") and benchmark["title"]
        assert set(benchmark["samples"]) == {*registry.names(), AGAIN}
        lengths = {len(samples) for samples in benchmark["samples"].values()}
        assert len(lengths) == 1 and lengths.pop() >= 20
        assert all(sample > 0 for samples in benchmark["samples"].values() for sample in samples)


def test_a_lane_has_the_benchmarks_that_mean_something_in_it(tmp_path: Path, corpus: dict[str, Path]) -> None:
    """Here the lane's clock is the host's: only which benchmarks run, and how often, is looked at."""
    wanted = ["events/ring_16_object", "events/stream_ring_batch", "process/*"]
    events = run_suite(
        tmp_path, corpus, ["libbpf"], bench=True, benchmarks=wanted, lane="instructions", programs={}
    )
    (benchmark,) = (event for event in events if event["event"] == "benchmark")
    assert benchmark["benchmark"] == "events/ring_16_object" and benchmark["unit"] == "instructions"
    assert {name: len(samples) for name, samples in benchmark["samples"].items()} == {"libbpf": 3}


def test_distributions_have_every_operation(tmp_path: Path, corpus: dict[str, Path]) -> None:
    events = run_suite(
        tmp_path, corpus, ["libbpf"], bench=True, benchmarks=["lookup/latency"], lane="guest", programs={}
    )
    (distribution,) = (event for event in events if event["event"] == "distribution")
    for histogram in distribution["histograms"].values():
        assert sum(number for _, number in histogram) == 50_000
