"""``bpflab relocate``: resolved, guarded or broken, and why, on kernels that nobody boots."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from bpflab.corpus.build import sources
from bpflab.harness.cli import main
from bpflab.harness.inspection.resolution import Status, resolve
from bpflab.kernels.kernel import Kernel
from bpflab.loader.btf.kernel import KernelBtf
from bpflab.loader.errors import BtfError, VerifierError
from bpflab.loader.spec import ObjectSpec

Compile = Callable[..., Path]

GUARDS = {
    "if (bpf_core_field_exists(t->gone)) return (long)&t->gone; return 0;": Status.GUARDED,
    "if (!bpf_core_field_exists(t->gone)) return 0; return (long)&t->gone;": Status.GUARDED,
    "if (x && bpf_core_field_exists(t->gone) && x < 7) return (long)&t->gone; return 0;": Status.GUARDED,
    "if (bpf_core_field_exists(t->gone) || x == 3) return (long)&t->gone; return 0;": Status.BROKEN,
    "if (bpf_core_type_exists(struct nowhere)) return (long)&t->gone; return 0;": Status.GUARDED,
    "if (bpf_core_enum_value_exists(enum e, LATER)) return (long)&t->gone; return 0;": Status.GUARDED,
    "return bpf_core_field_exists(t->gone) ? (long)&t->gone : x;": Status.GUARDED,
    "if (bpf_core_field_exists(t->gone)) return in_static(t); return 0;": Status.GUARDED,
    "if (bpf_core_field_exists(t->gone)) bpf_loop(2, callback, &t, 0); return 0;": Status.GUARDED,
    "bpf_loop(2, callback, &t, 0); return 0;": Status.BROKEN,
    "return in_static(t);": Status.BROKEN,
    "return (long)&t->gone;": Status.BROKEN,
    # The user may set it before loading, so it proves nothing.
    "if (enabled) return (long)&t->gone; return 0;": Status.BROKEN,
}

LOCAL = """
struct task_struct { int gone; } core;
struct nowhere { int x; };
enum e { LATER = 1 };
const volatile int enabled = 0;
static __attribute__((noinline)) long in_static(struct task_struct *t) { return (long)&t->gone; }
static long callback(__u32 index, struct task_struct **t) { return (long)&(*t)->gone >> 63; }
SEC("raw_tp/sched_switch") int program(void *context)
{
    struct task_struct *t = (void *)bpf_get_current_task();
    long x = bpf_get_prandom_u32();
    BODY
}
"""

OLD = "struct task_struct { long flags; int gone; } v; enum e { NOW, LATER } w; struct nowhere { int x; } x;"
NEW = "struct task_struct { long flags; int going; } v; enum e { NOW } w;"


@pytest.fixture(params=GUARDS, ids=str)
def guarded(request: pytest.FixtureRequest, compile_bpf: Compile) -> tuple[Path, Status]:
    return compile_bpf(LOCAL.replace("BODY", request.param)), GUARDS[request.param]


def addresses(path: Path, types: Path) -> set[Status]:
    """What becomes of the relocations that are about where the member is."""
    found = resolve(ObjectSpec.from_file(path), KernelBtf.from_file(types))
    return {one.status for one in found if one.place.kind == "field_byte_offset"}


def test_only_what_is_proven_dead_is_guarded(guarded: tuple[Path, Status], compile_bpf: Compile) -> None:
    path, expected = guarded
    assert addresses(path, compile_bpf(NEW)) == {expected}
    assert addresses(path, compile_bpf(OLD)) == {Status.RESOLVED}


def test_the_kernels_verifier_is_of_the_same_opinion(bpf: None, guarded: tuple[Path, Status]) -> None:
    """No kernel's task_struct has `gone`; a guard that is only unproven may hold."""
    path, expected = guarded
    spec = ObjectSpec.from_file(path)
    if expected is Status.GUARDED or spec.functions[-1].maps:
        spec.load().close()
    else:
        with pytest.raises(VerifierError, match="unresolved CO-RE"):
            spec.load()


def test_functions_that_are_verified_by_themselves_are_always_reached(compile_bpf: Compile) -> None:
    body = "if (bpf_core_field_exists(t->gone)) return in_static(t); return 0;"
    source = LOCAL.replace("BODY", body).replace("static __attr", "__attr")
    assert addresses(compile_bpf(source), compile_bpf(NEW)) == {Status.BROKEN}


def run(capsys: pytest.CaptureFixture[str], *arguments: str | Path) -> tuple[int, str, str]:
    code = main([str(argument) for argument in arguments])
    said = capsys.readouterr()
    return code, said.out, said.err


@pytest.fixture
def kernels(compile_bpf: Compile) -> list[str | Path]:
    """Two kernels' types, on the command line."""
    return ["--btf", compile_bpf(OLD, name="old"), "--btf", compile_bpf(NEW, name="new")]


MIXED = """
struct task_struct { long flags; int gone; } core;
int out;
SEC("raw_tp/x") int program(struct task_struct **context)
{
    struct task_struct *t = context[0];
    if (bpf_core_field_exists(t->gone))
        out += BPF_CORE_READ(t, gone);
    return BPF_CORE_READ(t, flags);
}
SEC("SECTION") int other(struct task_struct **context)
{
    return BPF_CORE_READ(context[0], gone);
}
"""


def test_a_kernel_per_column(
    compile_bpf: Compile,
    kernels: list[str | Path],
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("COLUMNS", "160")
    path = compile_bpf(MIXED.replace("SECTION", "raw_tp/y"), name="mixed")
    code, shown, _ = run(capsys, "relocate", path, *kernels)
    assert code == 1
    cells = {tuple(line.split()[0:3:2]): line.split()[-2:] for line in shown.splitlines() if "(0:" in line}
    assert cells["field_exists", "task_struct.gone"] == ["yes", "no"]
    assert cells["byte_off", "task_struct.gone"] == ["8", "broken"]
    assert cells["byte_off", "task_struct.flags"] == ["0", "0"]
    assert re.search(
        r"^broken on new.bpf.o: struct task_struct.gone \(0:1\): poisoned \(fails if reached\): "
        r"the kernel's struct task_struct has no member 'gone'; (near|it has): going|flags, going$",
        shown,
        re.MULTILINE,
    )
    assert "return BPF_CORE_READ(context[0], gone);  (program other)" in shown


def test_optional_programs_break_nothing(
    compile_bpf: Compile, kernels: list[str | Path], capsys: pytest.CaptureFixture[str]
) -> None:
    path = compile_bpf(MIXED.replace("SECTION", "?raw_tp/y"))
    code, shown, _ = run(capsys, "relocate", path, *kernels, "--json")
    data = json.loads(shown)
    assert (code, data["broken"]) == (0, False)
    (broken,) = [one for one in data["kernels"][1]["relocations"] if one["status"] == "broken"]
    assert (broken["program"], broken["optional"]) == ("other", True)


def test_json_has_every_relocation_of_every_kernel(
    compile_bpf: Compile, kernels: list[str | Path], capsys: pytest.CaptureFixture[str]
) -> None:
    path = compile_bpf(MIXED.replace("SECTION", "raw_tp/y"), name="mixed")
    _, shown, _ = run(capsys, "relocate", path, *kernels, "--json")
    data = json.loads(shown)
    assert [kernel["label"] for kernel in data["kernels"]] == ["old.bpf.o", "new.bpf.o"]
    old, new = ({_key(one): one for one in kernel["relocations"]} for kernel in data["kernels"])
    assert old.keys() == new.keys() and len(old) == 4
    resolved = old["program", "field_byte_offset", "gone"]
    assert (resolved["status"], resolved["value"]) == ("resolved", 8)
    assert resolved["target"] == "struct task_struct.gone (0:1 @ offset 8)"
    assert resolved["source"]["file"].endswith("mixed.bpf.c")
    assert resolved["source"]["text"] == "out += BPF_CORE_READ(t, gone);"
    guarded = new["program", "field_byte_offset", "gone"]
    assert (guarded["status"], guarded["value"]) == ("guarded", None)
    assert guarded["reason"].startswith("the kernel's struct task_struct has no member 'gone'")


def _key(one: dict[str, Any]) -> tuple[str, str, str]:
    return one["program"], one["kind"], one["access"].split(".")[1].split()[0]


def test_what_a_loader_refuses_does_not_hide_the_rest(compile_bpf: Compile) -> None:
    source = """
    struct task_struct { int gone, flags; } core;
    SEC("raw_tp/x") int program(struct task_struct **context)
    {
        return (long)&context[0]->gone + (long)&context[0]->flags + bpf_core_type_size(struct task_struct);
    }"""
    # Another file's struct of the same name, as modules have it: nobody can tell which is meant.
    two = (
        "struct task_struct { long flags; int gone; } v; struct task_struct___2 { int gone; long flags; } w;"
    )
    found = resolve(ObjectSpec.from_file(compile_bpf(source)), KernelBtf.from_file(compile_bpf(two)))
    by_access = {one.place.access.split(" (")[0].removeprefix("struct "): one for one in found}
    assert by_access["task_struct.gone"].status is Status.BROKEN
    assert "the kernel has it in two places" in by_access["task_struct.gone"].reason
    assert by_access["task_struct.flags"].status is Status.BROKEN
    assert by_access["task_struct"].status is Status.RESOLVED


def test_types_of_a_foreign_machine_are_refused(compile_bpf: Compile) -> None:
    spec = ObjectSpec.from_file(compile_bpf("struct s { int x; } v;", "-target", "bpfeb"))
    with pytest.raises(BtfError, match="test is big-endian, the kernel's types are little-endian"):
        resolve(spec, KernelBtf.from_file(compile_bpf("struct s { int x; } v;")))


def test_a_real_change_on_real_kernels(real_kernel: Kernel, compile_bpf: Compile) -> None:
    """task_struct.state became __state in 5.14; the corpus's object has a branch for each."""
    from bpflab.harness.inspection.kernels import TypeSource

    spec = ObjectSpec.from_file(compile_bpf(sources()["core/task_state"].read_text()))
    types = TypeSource(real_kernel.label, real_kernel.release, real_kernel).btf
    status = {one.place.access.split(" (")[0]: one.status for one in resolve(spec, types)}
    old = real_kernel.version.series < (5, 14)
    assert status["struct task_struct___before_5_14.state"] == ("resolved" if old else "guarded")
    assert status["struct task_struct.__state"] == ("guarded" if old else "resolved")


@pytest.mark.parametrize("real_kernel", ["7.2"], indirect=True)
def test_a_type_of_a_module_of_a_real_kernel(real_kernel: Kernel, compile_bpf: Compile) -> None:
    """Of all modules, as nobody can tell which would be loaded."""
    from bpflab.harness.inspection.kernels import TypeSource

    spec = ObjectSpec.from_file(compile_bpf(sources()["core/module_type"].read_text()))
    source = TypeSource(real_kernel.label, real_kernel.release, real_kernel)
    assert source.has_modules
    found = resolve(spec, source.btf)
    assert found and {one.status for one in found} == {Status.RESOLVED}
    assert all(one.target.startswith("struct veth_priv") for one in found if one.place.kind != "type_exists")


@pytest.mark.parametrize(
    ("body", "mentioned"),
    [
        ("return bpf_core_type_exists(struct nowhere);", True),
        ("return bpf_core_type_size(struct nowhere);", True),
        ("return bpf_core_field_exists(t->gone);", False),
    ],
)
def test_types_of_modules_are_not_forgotten(
    compile_bpf: Compile, capsys: pytest.CaptureFixture[str], body: str, mentioned: bool
) -> None:
    path = compile_bpf(LOCAL.replace("BODY", body))
    _, shown, _ = run(capsys, "relocate", path, "--btf", compile_bpf(NEW))
    assert ("Types of modules" in shown) is mentioned
    _, shown, _ = run(capsys, "relocate", path, "--btf", compile_bpf(NEW), "--json")
    assert json.loads(shown)["kernels"][0]["modules"] is False


def test_a_narrow_terminal_gets_several_tables(
    compile_bpf: Compile, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    path = compile_bpf(MIXED.replace("SECTION", "raw_tp/y"))
    types = [compile_bpf(OLD, name=f"k{number}") for number in range(5)]
    _, shown, _ = run(capsys, "relocate", path, *(part for one in types for part in ("--btf", one)))
    heads = [line.split()[2:] for line in shown.splitlines() if line.split()[:1] == ["CO-RE"]]
    assert len(heads) > 1
    assert [label for head in heads for label in head] == [f"k{number}.bpf.o" for number in range(5)]
    assert max(map(len, shown.splitlines())) <= 80


def test_many_kernels_have_a_row_each(
    compile_bpf: Compile, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    path = compile_bpf(MIXED.replace("SECTION", "raw_tp/y"))
    types = [compile_bpf(OLD if number % 2 else NEW, name=f"kernel{number}") for number in range(12)]
    code, shown, _ = run(capsys, "relocate", path, *(part for one in types for part in ("--btf", one)))
    lines = {line.split()[0]: line.split()[1:] for line in shown.splitlines() if " kernel" in line}
    assert code == 1
    assert lines["kernel0.bpf.o"] == ["2", "1", "1"]
    assert lines["kernel1.bpf.o"] == ["4", "0", "0"]


def test_kernels_of_one_name_stay_apart(
    compile_bpf: Compile, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    path = compile_bpf(MIXED.replace("SECTION", "raw_tp/y"))
    types: list[str | Path] = []
    for number, source in enumerate((OLD, NEW, NEW)):
        (tmp_path / str(number)).mkdir()
        copy = tmp_path / str(number) / "vmlinux"
        copy.write_bytes(compile_bpf(source).read_bytes())
        types += ["--btf", copy]
    _, shown, _ = run(capsys, "relocate", path, *types, *types[:2], "--json")
    kernels = json.loads(shown)["kernels"]
    assert [(one["label"], one["broken"]) for one in kernels] == [
        (str(tmp_path / "0/vmlinux"), False),
        (str(tmp_path / "1/vmlinux"), True),
        (str(tmp_path / "2/vmlinux"), True),
    ]


def test_an_object_without_relocations(
    compile_bpf: Compile, kernels: list[str | Path], capsys: pytest.CaptureFixture[str]
) -> None:
    path = compile_bpf('SEC("tc") int program(struct __sk_buff *skb) { return 0; }')
    code, shown, _ = run(capsys, "relocate", path, *kernels)
    assert code == 0 and "has no CO-RE relocations" in shown
    assert json.loads(run(capsys, "relocate", path, *kernels, "--json")[1])["broken"] is False


@pytest.mark.parametrize("command", ["relocate", "inspect"])
def test_bad_input_is_one_line(
    command: str, compile_bpf: Compile, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    text = tmp_path / "text"
    text.write_text("no object")
    good = compile_bpf('SEC("tc") int program(struct __sk_buff *skb) { return 0; }')
    kernel = "--kernels" if command == "relocate" else "--kernel"
    for arguments, message in (
        ((tmp_path / "nothing.o",), "nothing.o: no such file"),
        ((tmp_path,), "is a directory"),
        ((text,), "this is no ELF file"),
        ((good, "--btf", tmp_path / "nothing"), "nothing: no such file"),
        ((good, "--btf", text), f"{text}: "),
        ((good, kernel, "/nowhere/vmlinuz"), "there is no /nowhere/vmlinuz"),
    ):
        code, shown, error = run(capsys, command, *arguments)
        assert (code, shown, error.count("\n")) == (2, "", 1), error
        assert message in error


def test_an_empty_cache_says_what_to_do(
    compile_bpf: Compile,
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    path = compile_bpf('SEC("tc") int program(struct __sk_buff *skb) { return 0; }')
    monkeypatch.setenv("BPFLAB_CACHE", str(tmp_path))
    code, _, error = run(capsys, "relocate", path)
    assert code == 2 and "bpflab kernels fetch" in error
