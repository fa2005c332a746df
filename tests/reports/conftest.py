"""Runs made up for the reports: every outcome, hostile text, many cells."""

from __future__ import annotations

import random

import pytest
from bpflab.harness.outcomes import (
    BenchmarkResult,
    CheckInfo,
    CheckResult,
    GuestRecord,
    KernelInfo,
    Outcome,
    Run,
    SubjectInfo,
    Verdict,
)

LOG = """func#0 @0
0: R1=ctx() R10=fp0
; void *end = (void *)(long)ctx->data_end; @ unbounded.bpf.c:14
0: (61) r2 = *(u32 *)(r1 +0)          ; R1=ctx() R2_w=pkt(r=0)
; return *(char *)(data + off); @ unbounded.bpf.c:19
3: (71) r0 = *(u8 *)(r2 +0)
invalid access to packet, off=0 size=1, R2(id=0,off=0,r=0)
R2 offset is outside of the packet
processed 4 insns (limit 1000000) max_states_per_insn 0 total_states 0 peak_states 0 mark_read 0
"""

CONSOLE = """[    3.141592] BUG: kernel NULL pointer dereference, address: 0000000000000018
[    3.141600] #PF: supervisor read access in kernel mode
[    3.141700] Oops: 0000 [#1] PREEMPT SMP NOPTI
[    3.141800] CPU: 0 PID: 97 Comm: python3 Not tainted 6.12.0-1-amd64 #1
[    3.142000] RIP: 0010:bpf_trampoline_link_prog+0x4e/0x210
[    3.143000] Kernel panic - not syncing: Fatal exception
"""

HOSTILE = (
    "<script>alert(1)</script></pre>\"'&amp; \x1b[31mred\x1b[0m \x00\x07 \x1b]0;title\x07"
    " \u202eevil\u202c \ud800 \ufffe | `tick` ]]> --> {{ 7 * 7 }} [bold]x[/bold] ünïcode 漢字 🐝\r\nnext"
)

REPRODUCE = "bpflab run --checks '{}' --kernels {} --subjects {} --guest virtme-ng"
COMMAND = (
    "virtme-ng --run vmlinuz-6.12.0-1-amd64 --disable-kvm --cpus 2 --memory 512M --rwdir=/tmp/job "
    "--exec 'python3 -m bpflab.harness.suite --job job.json'"
)

AREAS = {
    "elf": ("sections", "variables", "subprograms", "static_subprograms", "custom_data"),
    "core": ("task_fields", "task_state", "missing_field", "enum_value"),
    "maps": ("hash", "array", "percpu_array", "lru_hash", "lpm_trie", "tail_call", "map_in_map", "for_each"),
    "programs": ("socket_filter", "test_run", "loop"),
    "attach": (
        "xdp",
        "tc",
        "tracepoint",
        "raw_tracepoint",
        "kprobe",
        "fentry",
        "cgroup_skb[ingress]",
        "cgroup_skb[egress]",
    ),
    "events": ("ring_buffer", "ring_buffer_order", "perf_buffer"),
    "hostile": ("unbounded_access", "unknown_helper", "truncated_elf", "bad_btf"),
}
MINIMUM = {"maps/for_each": "5.13", "programs/loop": "5.17"}


def kernel(version: str) -> KernelInfo:
    return KernelInfo(version, f"{version}.0-1-amd64", version, "generic", f"linux-image-{version}.0-1-amd64")


def check(area: str, name: str) -> CheckInfo:
    each = f"{area}/{name}"
    return CheckInfo(
        each, area, f"{area}/{name.split('[')[0]}", f"{name.replace('_', ' ')} does it", MINIMUM.get(each, "")
    )


def guest(
    label: str, subject: str, end: str = "finished", reason: str = "", console: str = ""
) -> GuestRecord:
    return GuestRecord(
        label,
        subject,
        "virtme-ng",
        "tcg",
        end,
        reason,
        6.2,
        41.7,
        63.0,
        COMMAND,
        console,
        ("KVM did not boot the probe guest: permission denied on /dev/kvm",),
    )


def benchmark(label: str, name: str, title: str, scale: float, factor: float, rounds: int) -> BenchmarkResult:
    source = random.Random(f"{label}{name}")
    times = [scale * source.lognormvariate(0, 0.05) for _ in range(rounds)]
    ours = [time * factor * source.lognormvariate(0, 0.06) for time in times]
    return BenchmarkResult(label, name, title, "ns", {"reference": ours, "libbpf": times}, "virtme-ng")


def calm_run(versions: tuple[str, ...] = ("5.10", "6.1", "6.12", "6.18", "7.2")) -> Run:
    """Every result as expected."""
    checks = [check(area, name) for area, names in AREAS.items() for name in names]
    run = Run(
        started="2026-11-23T12:30:00+00:00",
        seconds=842.3,
        finished=True,
        environment={
            "bpflab": "0.1.0",
            "guest engine": "virtme-ng",
            "Python": "CPython 3.11.7",
            "processor": "AMD EPYC 7B13",
            "cores": "2",
            "host kernel": "6.18.5",
            "QEMU": "7.2.19",
            "clang": "19.1.7",
        },
        kernels=[kernel(version) for version in versions],
        subjects=[SubjectInfo("libbpf", "1.7.0"), SubjectInfo("reference", "0.1.0")],
        checks=checks,
    )
    for version in versions:
        for subject in ("reference", "libbpf"):
            run.guests.append(guest(version, subject))
            for each in checks:
                old = each.minimum and tuple(map(int, version.split("."))) < tuple(
                    map(int, each.minimum.split("."))
                )
                outcome = Outcome.UNSUPPORTED if old else Outcome.PASS
                reason = f"needs Linux {each.minimum}; refused with the right error" if old else ""
                detail = {"reproduce": REPRODUCE.format(each.id, version, subject)}
                if old:
                    detail |= {"class": "verifier", "log": LOG}
                run.results.append(
                    CheckResult(version, subject, each.id, outcome, Verdict.EXPECTED, 0.31, reason, detail)
                )
    return run


def replace_result(
    run: Run,
    key: tuple[str, str, str],
    outcome: Outcome,
    verdict: Verdict,
    reason: str = "",
    **detail: object,
) -> None:
    """Give one cell another result."""
    for index, old in enumerate(run.results):
        if (old.kernel, old.subject, old.check) == key:
            detail = old.detail | detail
            run.results[index] = CheckResult(*key, outcome, verdict, old.seconds, reason, detail)
            return
    raise KeyError(key)


def mixed_run() -> Run:
    """Every outcome and verdict, hostile text in every field that a guest can fill, and benchmarks."""
    run = calm_run()
    run.finished = False
    unexpected, infra = Verdict.UNEXPECTED, Verdict.INFRA
    replace_result(
        run,
        ("6.1", "reference", "hostile/unbounded_access"),
        Outcome.FAIL,
        unexpected,
        "the verifier accepted it: R2 offset is outside of the packet",
        log=LOG,
        errno=13,
        **{"class": "verifier"},
    )
    replace_result(
        run,
        ("6.12", "libbpf", "attach/fentry"),
        Outcome.CRASH,
        unexpected,
        "Kernel panic - not syncing: Fatal exception",
        console=CONSOLE,
        dmesg=CONSOLE,
        command=COMMAND,
    )
    replace_result(
        run, ("7.2", "libbpf", "attach/kprobe"), Outcome.TIME_OUT, unexpected, "nothing came for 20 s"
    )
    replace_result(
        run,
        ("7.2", "reference", "core/enum_value"),
        Outcome.ERROR,
        unexpected,
        "the subject died: exit status -11",
        traceback="Traceback (most recent call last):\n  …",
        extra={"a": [1]},
    )
    replace_result(run, ("5.10", "libbpf", "maps/for_each"), Outcome.PASS, Verdict.UNEXPECTED_PASS)
    replace_result(
        run,
        ("6.18", "libbpf", "core/missing_field"),
        Outcome.FAIL,
        Verdict.DEVIATION,
        "the field is read as zero",
        deviation="libbpf-1: libbpf poisons the instruction and loads it all the same",
    )
    replace_result(
        run, ("6.18", "reference", "events/perf_buffer"), Outcome.INFRA, infra, "the guest is gone"
    )
    replace_result(run, ("6.18", "reference", "events/ring_buffer"), Outcome.NOT_RUN, infra, "suite ended")
    replace_result(
        run,
        ("6.1", "libbpf", "elf/sections"),
        Outcome.FAIL,
        unexpected,
        HOSTILE,
        log=HOSTILE + "x" * 1_000_000 + "the last line",
        dmesg=HOSTILE,
        command=HOSTILE,
        reproduce=HOSTILE,
        **{"class": HOSTILE, HOSTILE: HOSTILE},
    )
    run.checks.append(CheckInfo(f"object/{HOSTILE}", "object", HOSTILE, HOSTILE))
    run.results.append(
        CheckResult("6.1", "libbpf", f"object/{HOSTILE}", Outcome.PASS, Verdict.EXPECTED, 0.1, HOSTILE)
    )
    run.guests.append(guest("6.12", "libbpf", "crashed", "Kernel panic", CONSOLE + HOSTILE))
    run.subjects.append(SubjectInfo("libbpf", "1.6.2"))
    for label, loops in (("6.12", 24), ("7.2", 60)):
        run.benchmarks += [
            benchmark(label, "load", "load a simple XDP object", 86_600, 1.38, loops),
            benchmark(label, "lookup", "look up 1,000 keys of a hash map", 337, 1.01, loops),
            benchmark(label, "ringbuf", "read 10,000 events", 17, 0.41, loops),
        ]
    run.benchmarks.append(benchmark("7.2", "few", HOSTILE, 1e7, 1.2, 5))
    run.benchmarks.append(
        BenchmarkResult("7.2", "none", "broken clock", "ns", {"reference": [float("nan"), 0.0]})
    )
    return run


def large_run(rows: int = 200, columns: int = 20) -> Run:
    """As big a matrix as the page has to carry."""
    versions = [f"{major}.{minor}" for major in (5, 6, 7) for minor in range(10)][: columns // 2]
    run = calm_run(tuple(versions))
    source = random.Random(1)
    run.checks = [check(f"area{number % 8}", f"check_number_{number}") for number in range(rows)]
    run.results = [
        CheckResult(
            version,
            subject,
            each.id,
            Outcome.FAIL if (bad := source.random() < 0.02) else Outcome.PASS,
            Verdict.UNEXPECTED if bad else Verdict.EXPECTED,
            0.2,
            "assert 3 == 4" if bad else "",
            {"reproduce": REPRODUCE.format(each.id, version, subject), **({"log": LOG} if bad else {})},
        )
        for version in versions
        for subject in ("reference", "libbpf")
        for each in run.checks
    ]
    return run


@pytest.fixture
def calm() -> Run:
    return calm_run()


@pytest.fixture
def mixed() -> Run:
    return mixed_run()


@pytest.fixture
def large() -> Run:
    return large_run()
