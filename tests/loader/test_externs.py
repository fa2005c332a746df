"""Externs: configuration values, symbols and kernel functions of the running kernel."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest
from bpflab.loader import ObjectSpec, UnresolvedError, VerifierError
from bpflab.loader.btf import Kind
from bpflab.loader.externs.kallsyms import find_addresses, read_kallsyms
from bpflab.loader.externs.kernel_config import find_values
from bpflab.loader.externs.resolve import UNRESOLVED_CALL, Externs
from bpflab.loader.externs.virtual import version_code
from bpflab.loader.fit import Target
from bpflab.loader.insn import PSEUDO_BTF_ID, PSEUDO_KFUNC_CALL, read
from bpflab.loader.linker import link

Compile = Callable[[str], Path]
FRAME = bytes(64)

KCONFIG = """
#define KCONFIG __attribute__((section(".kconfig")))
#define WEAK __attribute__((weak))
enum libbpf_tristate { TRI_NO, TRI_YES, TRI_MODULE };
extern _Bool CONFIG_TEST_BOOL KCONFIG WEAK;
extern char CONFIG_TEST_CHAR KCONFIG WEAK;
extern enum libbpf_tristate CONFIG_TEST_TRISTATE KCONFIG WEAK;
extern short CONFIG_TEST_SHORT KCONFIG WEAK;
extern u32 CONFIG_TEST_NUMBER KCONFIG WEAK;
extern u64 CONFIG_TEST_LONG KCONFIG WEAK;
extern char CONFIG_TEST_STRING[8] KCONFIG WEAK;
extern u32 LINUX_UNHEARD_OF KCONFIG WEAK;
u64 got[7];
char text[8];
SEC("xdp") int copy(struct xdp_md *ctx)
{
    got[0] = CONFIG_TEST_BOOL;
    got[1] = CONFIG_TEST_CHAR;
    got[2] = CONFIG_TEST_TRISTATE;
    got[3] = CONFIG_TEST_SHORT;
    got[4] = CONFIG_TEST_NUMBER;
    got[5] = CONFIG_TEST_LONG;
    got[6] = LINUX_UNHEARD_OF;
    for (int i = 0; i < 8; i++)
        text[i] = CONFIG_TEST_STRING[i];
    return 0;
}
"""
SET = """
CONFIG_TEST_BOOL=y
CONFIG_TEST_CHAR=m
CONFIG_TEST_TRISTATE=m
CONFIG_TEST_SHORT=0x12
CONFIG_TEST_NUMBER=4000000000
CONFIG_TEST_LONG=0xffffffffffffffff
CONFIG_TEST_STRING="longer than it"
CONFIG_TEST_NUMBER=1
"""


def kconfig_values(path: Path, text: str) -> tuple[list[int], bytes]:
    with ObjectSpec.from_file(path).load(kconfig=text) as loaded:
        loaded.programs["copy"].test_run(FRAME)
        return list(loaded.variables["got"].value), loaded.variables["text"].read_bytes()


@pytest.mark.usefixtures("live")
def test_configuration_values_of_every_kind(compile_bpf: Compile) -> None:
    got, string = kconfig_values(compile_bpf(KCONFIG), SET)
    assert got == [1, ord("m"), 2, 0x12, 4000000000, 2**64 - 1, 0]
    assert string == b"longer \0"


@pytest.mark.usefixtures("live")
def test_weak_values_that_are_not_set_are_zero(compile_bpf: Compile) -> None:
    # The rest is looked for in the running kernel's configuration, which has no such options.
    got, string = kconfig_values(compile_bpf(KCONFIG), "CONFIG_TEST_SHORT=7\n# CONFIG_TEST_BOOL is not set\n")
    assert got == [0, 0, 0, 7, 0, 0, 0]
    assert string == bytes(8)


@pytest.mark.usefixtures("live")
def test_the_map_of_configuration_values_is_frozen(compile_bpf: Compile) -> None:
    spec = ObjectSpec.from_file(compile_bpf(KCONFIG))
    with spec.load(kconfig=SET) as loaded:
        assert loaded.maps[".kconfig"].frozen
    assert spec.maps[".kconfig"].contents is None


@pytest.mark.usefixtures("live")
@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("CONFIG_TEST_BOOL=m", "CONFIG_TEST_BOOL': its value m wants enum libbpf_tristate or char"),
        ("CONFIG_TEST_BOOL=2", "CONFIG_TEST_BOOL': its value 2 wants an integer"),
        ("CONFIG_TEST_NUMBER=y", "CONFIG_TEST_NUMBER': its value y wants bool"),
        ("CONFIG_TEST_NUMBER=4294967296", "does not fit in 0…4294967295"),
        ("CONFIG_TEST_SHORT=40000", "does not fit in -32768…32767"),
        ("CONFIG_TEST_SHORT=soon", "neither y, n, m, a number nor a string"),
        ('CONFIG_TEST_NUMBER="1"', "wants an array of char"),
        ('CONFIG_TEST_STRING="open', "has no closing quote"),
    ],
)
def test_values_that_do_not_fit(compile_bpf: Compile, text: str, problem: str) -> None:
    with pytest.raises(UnresolvedError) as refusal:
        kconfig_values(compile_bpf(KCONFIG), text)
    assert problem in str(refusal.value)


@pytest.mark.usefixtures("live")
@pytest.mark.parametrize("name", ["CONFIG_OF_NO_KERNEL", "LINUX_OF_NO_LOADER", "SOMETHING_ELSE"])
def test_strong_values_must_be_there(compile_bpf: Compile, name: str) -> None:
    path = compile_bpf(
        f'extern int {name} __attribute__((section(".kconfig")));\n'
        f'SEC("xdp") int x(struct xdp_md *ctx) {{ return {name}; }}'
    )
    with pytest.raises(UnresolvedError, match=f"extern '{name}': "):
        ObjectSpec.from_file(path).load()


@pytest.mark.usefixtures("live")
def test_the_kernel_version(compile_bpf: Compile) -> None:
    path = compile_bpf(
        'extern int LINUX_KERNEL_VERSION __attribute__((section(".kconfig")));\n'
        'SEC("xdp") int x(struct xdp_md *ctx) { return LINUX_KERNEL_VERSION; }'
    )
    with ObjectSpec.from_file(path).load() as loaded:
        retval = loaded.programs["x"].test_run(FRAME).retval
    major, minor = os.uname().release.split(".")[:2]
    assert (retval >> 16, retval >> 8 & 255) == (int(major), int(minor))


@pytest.mark.parametrize(
    ("release", "version", "signature", "expected"),
    [
        ("6.18.4-custom", "#1 SMP", "", (6, 18, 4)),
        ("6.1.0-56-amd64", "#1 SMP Debian 6.1.192-2 (2026-01-01)", "", (6, 1, 192)),
        ("5.10.0-46-amd64", "#1 SMP Debian 5.10.262-1 (2026-01-01)", "", (5, 10, 255)),
        ("5.15.0-50-generic", "#56-Ubuntu SMP", "Ubuntu 5.15.0-50.56-generic 5.15.60\n", (5, 15, 60)),
        ("7.2-rc3", "#1 SMP", "", (7, 2, 0)),
    ],
)
def test_version_codes(release: str, version: str, signature: str, expected: tuple[int, int, int]) -> None:
    major, minor, patch = expected
    assert version_code(release, version, signature) == major << 16 | minor << 8 | patch


def test_no_version_code() -> None:
    assert version_code("mine", "#1") is None


def test_find_values_takes_the_first_line_that_sets_an_option() -> None:
    config = b"CONFIG_HZ_250=y\nCONFIG_HZ=250\n# CONFIG_X is not set\nNOT_CONFIG_Y=n\nCONFIG_HZ=1\n"
    assert find_values(config, ["CONFIG_HZ", "CONFIG_X", "CONFIG_Y"]) == {"CONFIG_HZ": "250"}


SYMBOLS = (
    b"ffffffff81000000 T _text\nffffffff81000010 t helper\nffffffff81000020 t helper\n"
    b"ffffffff81000030 d state.llvm.123\nffffffff81000040 t code.llvm.123\n"
    b"ffffffffc0000000 t in_module\t[veth]\nffffffff81000010 T twice\nffffffff81000010 T twice"
)


def test_addresses() -> None:
    names = ["_text", "helper", "state", "code", "in_module", "twice", "text", "hel"]
    assert find_addresses(SYMBOLS, names) == {
        "_text": [0xFFFFFFFF81000000],
        "helper": [0xFFFFFFFF81000010, 0xFFFFFFFF81000020],
        "state": [0xFFFFFFFF81000030],
        "in_module": [0xFFFFFFFFC0000000],
        "twice": [0xFFFFFFFF81000010],
    }


def test_lines_that_no_kernel_writes_have_no_address() -> None:
    lines = b"no_address T one\n T two\n0 0 T three\n0123456789abcdef0 T four\nff T five\n"
    lines += b"0123456789abcdef0  one\n"
    assert find_addresses(lines, ["one", "two", "three", "four", "five"]) == {"five": [0xFF]}


SYMBOL = """
extern const void bpf_prog_put __attribute__((section(".ksyms")));
extern const void no_symbol_of_any_kernel __attribute__((section(".ksyms"), weak));
u64 address, missing = 1;
SEC("xdp") int x(struct xdp_md *ctx)
{
    address = (u64)&bpf_prog_put;
    missing = (u64)&no_symbol_of_any_kernel;
    return 0;
}
"""


@pytest.mark.usefixtures("live")
def test_symbols_without_type(compile_bpf: Compile) -> None:
    with ObjectSpec.from_file(compile_bpf(SYMBOL)).load() as loaded:
        loaded.programs["x"].test_run(FRAME)
        (expected,) = find_addresses(read_kallsyms(), ["bpf_prog_put"])["bpf_prog_put"]
        assert loaded.variables["address"].value == expected
        assert loaded.variables["missing"].value == 0


TYPED = """
struct rq { int cpu; } __attribute__((preserve_access_index));
extern const struct rq runqueues __attribute__((section(".ksyms")));
extern const int no_variable_of_any_kernel __attribute__((section(".ksyms"), weak));
u64 address, missing = 1;
SEC("xdp") int x(struct xdp_md *ctx)
{
    address = (u64)&runqueues;
    missing = (u64)&no_variable_of_any_kernel;
    return 0;
}
"""


def test_typed_variables(compile_bpf: Compile) -> None:
    # Not loaded: kernels without CONFIG_KALLSYMS_ALL know no variable's address.
    spec = ObjectSpec.from_file(compile_bpf(TYPED))
    linked = link(spec, spec.programs["x"])
    at = {reference.name: reference.insn for reference in linked.externs}
    with Target() as target:
        Externs(spec, target).apply(linked)
        found = read(linked.insns, at["runqueues"], "<")
        variable = target.running.vmlinux.type(found.imm)
    assert (found.src, variable.kind, variable.name) == (PSEUDO_BTF_ID, Kind.VAR, "runqueues")
    missing = [read(linked.insns, at["no_variable_of_any_kernel"] + half, "<") for half in (0, 1)]
    assert [(one.src, one.imm) for one in missing] == [(0, 0), (0, 0)]


@pytest.mark.usefixtures("live")
def test_a_variable_of_another_type(compile_bpf: Compile) -> None:
    path = compile_bpf(TYPED.replace("extern const struct rq runqueues", "extern const u64 runqueues"))
    with pytest.raises(UnresolvedError, match="extern 'runqueues': is declared with another type"):
        ObjectSpec.from_file(path).load()


KFUNC = """
#define KSYM __attribute__((section(".ksyms")))
struct task_struct { int pid; } __attribute__((preserve_access_index));
struct task_struct *bpf_task_from_pid___ours(s32 pid) KSYM;
void bpf_task_release(struct task_struct *task) KSYM;
extern void no_function_of_any_kernel(void) KSYM __attribute__((weak));
u64 missing = 1;
const volatile s32 wanted;
SEC("syscall") int x(void *ctx)
{
    struct task_struct *task = bpf_task_from_pid___ours(wanted);
    int pid = task ? task->pid : -1;
    if (task)
        bpf_task_release(task);
    missing = (u64)&no_function_of_any_kernel;
    if (no_function_of_any_kernel)
        no_function_of_any_kernel();
    return pid;
}
"""


@pytest.mark.usefixtures("live")
def test_kernel_functions(compile_bpf: Compile) -> None:
    spec = ObjectSpec.from_file(compile_bpf(KFUNC))
    spec.variables["wanted"].value = os.getpid()
    with spec.load() as loaded:
        program = loaded.programs["x"]
        insns = [read(program.insns, at, "<") for at in range(len(program.insns) // 8)]
        calls = [one for one in insns if one.code == 0x85]
        assert [one.src for one in calls] == [PSEUDO_KFUNC_CALL, PSEUDO_KFUNC_CALL, 0]
        # Externs are sorted by name; the missing one is the third.
        assert calls[2].imm == UNRESOLVED_CALL + 2
        assert program.test_run(ctx=bytes(8)).retval == os.getpid()
        assert loaded.variables["missing"].value == 0


@pytest.mark.usefixtures("live")
def test_a_missing_function_that_is_called_anyway(compile_bpf: Compile) -> None:
    path = compile_bpf(KFUNC.replace("if (no_function_of_any_kernel)\n", ""))
    with pytest.raises(VerifierError) as refusal:
        ObjectSpec.from_file(path).load()
    assert "extern function 'no_function_of_any_kernel' is called" in str(refusal.value)


@pytest.mark.usefixtures("live")
@pytest.mark.parametrize(
    ("before", "after", "problem"),
    [
        ("extern void no_function_of_any_kernel(void) KSYM __attribute__((weak))",
         "extern void no_function_of_any_kernel(void) KSYM",
         "'no_function_of_any_kernel' is not in the kernel's BTF"),
        ("void bpf_task_release(struct task_struct *task)", "void bpf_task_release(u64 task)",
         "is declared with another type than vmlinux has it: "
         "void bpf_task_release(struct task_struct *p);"),
    ],
)  # fmt: skip
def test_functions_that_cannot_be_resolved(
    compile_bpf: Compile, before: str, after: str, problem: str
) -> None:
    source = KFUNC.replace(before, after).replace("_release(task);", "_release((u64)task);")
    path = compile_bpf(source if "u64 task" in after else KFUNC.replace(before, after))
    with pytest.raises(UnresolvedError) as refusal:
        ObjectSpec.from_file(path).load()
    assert problem in str(refusal.value)


@pytest.mark.usefixtures("live")
def test_a_missing_symbol_matters_only_to_programs_that_use_it(compile_bpf: Compile) -> None:
    path = compile_bpf(
        'void no_function_of_any_kernel(void) __attribute__((section(".ksyms")));\n'
        'SEC("?xdp") int optional(struct xdp_md *ctx) { no_function_of_any_kernel(); return 1; }\n'
        'SEC("xdp") int plain(struct xdp_md *ctx) { return 2; }'
    )
    spec = ObjectSpec.from_file(path)
    with spec.load() as loaded:
        assert list(loaded.programs) == ["plain"]
    with pytest.raises(UnresolvedError, match="no_function_of_any_kernel"):
        spec.load(programs=["optional"])


@pytest.mark.parametrize(
    ("said", "needed"),
    [
        ("BPF_CALL uses reserved fields", "calls of kernel functions need 5.13"),
        ("pseudo btf_id 7 in ldimm64 isn't KIND_VAR.", "addresses of kernel functions need 6.4"),
    ],
)
def test_logs_of_older_kernels_are_explained(compile_bpf: Compile, said: str, needed: str) -> None:
    spec = ObjectSpec.from_file(compile_bpf(KFUNC))
    with Target() as target:
        externs = Externs(spec, target)
        assert externs.explain(f"{said}\n") == f"{said}\n{needed}\n"
        assert externs.explain("something else\n") == "something else\n"
