"""``bpflab inspect``: what an object says, what it needs, and the lowest kernel that has all of it."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from bpflab.corpus.upstream import upstream
from bpflab.harness.cli import main
from bpflab.harness.inspection.requirements import Requirements, requirements
from bpflab.loader.spec import ObjectSpec

Compile = Callable[..., Path]

OBJECT = """
struct task_struct { int pid; } core;
struct key { __u64 high, low; };
struct {
    __uint(type, BPF_MAP_TYPE_HASH);
    __uint(max_entries, 16);
    __uint(map_flags, BPF_F_NO_PREALLOC);
    __uint(pinning, LIBBPF_PIN_BY_NAME);
    __type(key, struct key);
    __type(value, __u64);
} sessions SEC(".maps");
const volatile __u32 wanted = 7;
struct key last;
extern int LINUX_KERNEL_VERSION __kconfig;
extern void bpf_rcu_read_lock(void) __ksym __weak;

static __attribute__((noinline)) int check(struct task_struct *t)
{
    return BPF_CORE_READ(t, pid) == wanted;
}

SEC("fentry/do_unlinkat") int enter(void *context)
{
    struct key key = {};
    key.low = LINUX_KERNEL_VERSION;
    if (bpf_map_lookup_elem(&sessions, &key))
        return check((void *)bpf_get_current_task());
    last = key;
    return 0;
}
SEC("?xdp.frags") int drop(struct xdp_md *context)
{
    if (bpf_rcu_read_lock)
        bpf_rcu_read_lock();
    return XDP_DROP;
}
"""


def run(capsys: pytest.CaptureFixture[str], *arguments: str | Path) -> str:
    assert main(["inspect", *map(str, arguments)]) == 0
    return capsys.readouterr().out


@pytest.fixture
def data(compile_bpf: Compile, capsys: pytest.CaptureFixture[str]) -> dict[str, Any]:
    """The object above as JSON."""
    found: dict[str, Any] = json.loads(run(capsys, compile_bpf(OBJECT, name="sample"), "--json"))
    return found


def by_name(entries: list[dict[str, Any]]) -> dict[str, dict[str, Any]]:
    return {entry["name"]: entry for entry in entries}


def test_programs(data: dict[str, Any]) -> None:
    programs = by_name(data["programs"])
    enter, drop = programs["enter"], programs["drop"]
    assert (enter["section"], enter["type"], enter["attach_type"]) == (
        "fentry/do_unlinkat",
        "TRACING",
        "TRACE_FENTRY",
    )
    assert (enter["attach_to"], enter["autoload"], enter["subprograms"]) == ("do_unlinkat", True, ["check"])
    assert (drop["section"], drop["type"], drop["autoload"]) == ("xdp.frags", "XDP", False)
    assert enter["instructions"] > drop["instructions"] > 1


def test_maps_and_variables(data: dict[str, Any]) -> None:
    sessions = by_name(data["maps"])["sessions"]
    assert {name: sessions[name] for name in ("type", "key_size", "value_size", "max_entries")} == {
        "type": "HASH",
        "key_size": 16,
        "value_size": 8,
        "max_entries": 16,
    }
    assert sessions["flags"] == ["NO_PREALLOC"] and sessions["pinned_by_name"]
    variables = by_name(data["variables"])
    assert (variables["wanted"]["type"], variables["wanted"]["value"]) == ("__u32", 7)
    assert (variables["last"]["type"], variables["last"]["value"]) == ("struct key", "00" * 16)
    assert variables["last"]["map"] == ".bss"


def test_externs(data: dict[str, Any]) -> None:
    externs = by_name(data["externs"])
    assert (externs["LINUX_KERNEL_VERSION"]["kind"], externs["LINUX_KERNEL_VERSION"]["type"]) == (
        "kconfig",
        "int",
    )
    assert (externs["bpf_rcu_read_lock"]["kind"], externs["bpf_rcu_read_lock"]["weak"]) == ("kfunc", True)


def test_relocations_with_their_lines(data: dict[str, Any]) -> None:
    (relocation,) = data["relocations"]
    assert relocation["access"] == "struct task_struct.pid (0:0 @ offset 0)"
    assert (relocation["program"], relocation["function"]) == ("enter", "check")
    assert relocation["source"]["text"] == "return BPF_CORE_READ(t, pid) == wanted;"
    assert data["kernels"] == []


def test_needs_and_the_lowest_kernel(data: dict[str, Any]) -> None:
    found = data["requirements"]
    needs = {(need["kind"], need["name"]): need for need in found["needs"]}
    assert needs["helper", "probe_read_kernel"]["since"] == "5.5"
    assert needs["helper", "probe_read_kernel"]["users"] == ["enter"]
    assert needs["map flag", "NO_PREALLOC"]["since"] == "4.6"
    assert needs["section", 'SEC("xdp.frags")']["optional"]
    assert needs["kfunc", "bpf_rcu_read_lock"]["optional"]
    assert found["minimum"] == "5.5"
    assert {need["name"] for need in found["raised_by"]} == {
        "TRACING",
        'SEC("fentry")',
        "probe_read_kernel",
    }


def test_people_see_the_same(
    compile_bpf: Compile, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "160")
    shown = run(capsys, compile_bpf(OBJECT, name="sample"))
    assert "sample: little-endian, license 'GPL', with BTF" in shown
    lines = [line.split() for line in shown.splitlines()]
    assert ["sessions", "HASH", "16", "8", "16", "NO_PREALLOC", "pinned", "by", "name"] in lines
    (relocation,) = [line for line in lines if "task_struct.pid" in line]
    assert relocation[:4] == ["byte_off", "struct", "task_struct.pid", "(0:0)"]
    assert relocation[4].startswith("sample.bpf.c:")
    assert "Lowest upstream kernel: 5.5, for " in shown
    assert "bpf_rcu_read_lock (does without)" in shown


def test_a_kernel_shows_what_relocations_come_to(
    compile_bpf: Compile, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "160")
    path = compile_bpf(OBJECT, name="sample")
    types = compile_bpf("struct task_struct { long flags; unsigned pid; } v;", name="types")
    shown = run(capsys, path, "--btf", types)
    assert [line.split()[-1] for line in shown.splitlines() if "task_struct.pid" in line] == ["8"]
    data = json.loads(run(capsys, path, "--btf", types, "--json"))
    (relocation,) = data["kernels"][0]["relocations"]
    assert (relocation["status"], relocation["value"]) == ("resolved", 8)


def needed(path: Path) -> Requirements:
    return requirements(ObjectSpec.from_file(path), upstream())


PROGRAM = 'SEC("tc") int program(struct __sk_buff *skb) {{ {} }}'


@pytest.mark.parametrize(
    ("source", "minimum", "raised_by"),
    [
        (PROGRAM.format("return 0;"), "4.1", {"SCHED_CLS", 'SEC("tc")'}),
        (
            "static __attribute__((noinline)) int f(struct __sk_buff *s) { return s->len; }"
            + PROGRAM.format("return f(skb) + 1;"),
            "4.16",
            {"calls between BPF functions"},
        ),
        ("int x;" + PROGRAM.format("return x;"), "5.2", {"global variables"}),
        (
            PROGRAM.format("__u32 n = 0; for (__u32 i = 0; i < skb->len; i++) n = n * 31 + i; return n;"),
            "5.3",
            {"bounded loops"},
        ),
        (
            "struct { __uint(type, BPF_MAP_TYPE_RINGBUF); __uint(max_entries, 4096); } r SEC(\".maps\");"
            + PROGRAM.format("return 0;"),
            "5.8",
            {"RINGBUF"},
        ),
        ("long x;" + PROGRAM.format("return __sync_fetch_and_or(&x, 1);"), "5.12",
         {"atomic operations other than addition"}),
        (
            "static long f(__u32 i, void *c) { return 0; }"
            + PROGRAM.format("return bpf_loop(3, f, 0, 0);"),
            "5.17",
            {"loop"},
        ),
        (
            "struct { __uint(type, BPF_MAP_TYPE_BLOOM_FILTER); __uint(max_entries, 8); __uint(map_extra, 3);"
            "__type(value, __u32); } b SEC(\".maps\");" + PROGRAM.format("return 0;"),
            "5.16",
            {"BLOOM_FILTER", "map_extra"},
        ),
        ('SEC("tcx/ingress") int program(void *skb) { return 0; }', "6.6", {'SEC("tcx/ingress")'}),
        (
            "extern void bpf_rcu_read_lock(void) __ksym;" + PROGRAM.format("bpf_rcu_read_lock(); return 0;"),
            "5.13",
            {"bpf_rcu_read_lock"},
        ),
        # Something that no kernel is known to have.
        (PROGRAM.format("return ((int (*)(void))999)();"), None, {"number 999"}),
        ('SEC("nonsense") int program(void *c) { return 0; }', None, {'SEC("nonsense")'}),
        ("int alone;", "5.2", {"global variables"}),
        ("", None, set()),
    ],
)  # fmt: skip
def test_what_raises_the_minimum(
    compile_bpf: Compile, source: str, minimum: str | None, raised_by: set[str]
) -> None:
    found = needed(compile_bpf(source))
    assert found.minimum == minimum
    assert {need.name for need in found.raised_by} == raised_by


@pytest.mark.parametrize(
    ("flags", "body", "minimum"),
    [
        ("-mcpu=v1", "return skb->len < skb->mark;", "4.1"),
        ("-mcpu=v2", "return (long)skb->len < (long)skb->mark;", "4.14"),
        ("-mcpu=v3", "return skb->len < skb->mark;", "5.1"),
        ("-mcpu=v4", "return (signed char)skb->len / (int)skb->mark;", "6.6"),
    ],
)
def test_instruction_sets_have_their_releases(
    compile_bpf: Compile, flags: str, body: str, minimum: str
) -> None:
    assert needed(compile_bpf(PROGRAM.format(body), flags)).minimum == minimum


CHECKED = """
enum bpf_func_id___mine { BPF_FUNC_loop___mine = 1 };
extern int LINUX_KERNEL_VERSION __kconfig;
extern enum libbpf_tristate CONFIG_BPF __kconfig __weak;
const volatile _Bool enabled = 1;
const volatile unsigned long limits[4] = {};
static _Bool often = 1;
static long f(__u32 i, void *c) { return 0; }
SEC("tc") int program(struct __sk_buff *skb)
{
    often = skb->mark;
    if (CONDITION)
        bpf_loop(3, f, 0, 0);
    bpf_get_prandom_u32();
    return 0;
}
"""


@pytest.mark.parametrize(
    ("condition", "optional"),
    [
        ("bpf_core_enum_value_exists(enum bpf_func_id___mine, BPF_FUNC_loop___mine)", True),
        ("!bpf_core_enum_value_exists(enum bpf_func_id___mine, BPF_FUNC_loop___mine)", True),
        ("LINUX_KERNEL_VERSION >= KERNEL_VERSION(5, 17, 0)", True),
        ("CONFIG_BPF == TRI_YES", True),
        ("enabled", True),
        ("!enabled", True),
        ("limits[3] > 5", True),
        # What may be different each time proves nothing.
        ("skb->len", False),
        ("often", False),
        ("limits[skb->len & 3] > 5 || skb->len", False),
    ],
)
def test_what_stands_behind_a_check_is_optional(compile_bpf: Compile, condition: str, optional: bool) -> None:
    needs = {need.name: need for need in needed(compile_bpf(CHECKED.replace("CONDITION", condition))).needs}
    assert needs["loop"].optional is optional
    assert needs["get_prandom_u32"].optional is False


def test_programs_that_nobody_asked_for_raise_nothing(compile_bpf: Compile) -> None:
    source = PROGRAM.format("return 0;") + 'SEC("?syscall") int other(void *c) { return bpf_sys_close(3); }'
    found = needed(compile_bpf(source))
    assert found.minimum == "4.1"
    assert {need.name for need in found.needs if need.optional} == {"SYSCALL", 'SEC("syscall")', "sys_close"}
