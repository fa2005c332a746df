"""What is read from object files: programs, maps, variables, externs."""

from __future__ import annotations

import copy
from collections.abc import Callable
from pathlib import Path

import pytest
from bpflab.loader.btf import Kind, Linkage
from bpflab.loader.enums import AttachType, MapFlags, MapType, ProgFlags, ProgType
from bpflab.loader.errors import ElementError, ObjectError
from bpflab.loader.spec import ObjectSpec
from bpflab.loader.spec.sections import all_sections, find_section

Compile = Callable[[str], Path]

PROGRAMS = """
int _version SEC("version") = 77;
SEC("xdp") int drop(void *ctx) { return 1; }
SEC("?xdp.frags") int large(void *ctx) { return 2; }
SEC("kprobe/do_sys_open") int opened(void *ctx) { return 0; }
SEC("tracepoint/sched/sched_switch") int switched(void *ctx) { return 0; }
SEC("fentry.s/vfs_read") int slept(void *ctx) { return 0; }
SEC("cgroup/connect4") int connected(void *ctx) { return 1; }
SEC("nonsense/name") int unknown(void *ctx) { return 0; }
__attribute__((noinline)) int only_called(int x) { return x; }
SEC("xdp") int second(void *ctx) { return only_called(3); }
"""


def test_programs_by_section_name(compile_bpf: Compile) -> None:
    spec = ObjectSpec.from_file(compile_bpf(PROGRAMS))
    assert (spec.name, spec.byte_order, spec.license, spec.version) == ("test", "<", "GPL", 77)
    assert {
        name: (program.section, program.type, program.attach_type, program.attach_to, program.attach_kind)
        for name, program in spec.programs.items()
    } == {
        "drop": ("xdp", ProgType.XDP, AttachType.XDP, "", ""),
        "second": ("xdp", ProgType.XDP, AttachType.XDP, "", ""),
        "large": ("xdp.frags", ProgType.XDP, AttachType.XDP, "", ""),
        "opened": ("kprobe/do_sys_open", ProgType.KPROBE, 0, "do_sys_open", "kprobe"),
        "switched": (
            "tracepoint/sched/sched_switch",
            ProgType.TRACEPOINT,
            0,
            "sched/sched_switch",
            "tracepoint",
        ),
        "slept": ("fentry.s/vfs_read", ProgType.TRACING, AttachType.TRACE_FENTRY, "vfs_read", "tracing"),
        "connected": (
            "cgroup/connect4",
            ProgType.CGROUP_SOCK_ADDR,
            AttachType.CGROUP_INET4_CONNECT,
            "",
            "",
        ),
        "unknown": ("nonsense/name", ProgType.UNSPEC, 0, "", ""),
    }
    assert [name for name, program in spec.programs.items() if not program.autoload] == ["large"]
    assert spec.programs["large"].flags == ProgFlags.XDP_HAS_FRAGS
    assert spec.programs["slept"].flags == ProgFlags.SLEEPABLE
    assert spec.programs["drop"].attach_type_optional and not spec.programs["large"].attach_type_optional
    assert [function.name for function in spec.subprograms] == ["only_called"]


def test_section_table_matches_exactly() -> None:
    for name, pattern in {
        "xdp": "xdp",
        "kprobe": "kprobe+",
        "kprobe/x/y": "kprobe+",
        "kprobe.multi/x*": "kprobe.multi+",
        "tc/ingress": "tc/ingress",
        "tp_btf/sched_switch": "tp_btf+",
        "cgroup/skb": "cgroup/skb",
        "struct_ops.s/x": "struct_ops.s+",
    }.items():
        found = find_section(name)
        assert found is not None and found.pattern == pattern
    for name in ("", "+", "xdp/", "xdp/foo", "kprobes", "kprobe+", "socket1", "tc/other", "cgroup", "/x"):
        assert find_section(name) is None, name


@pytest.mark.parametrize("row", [0, 50, -1])
def test_a_row_of_the_section_table_is_no_name(row: int) -> None:
    first = all_sections()[row]
    for name in (f"{first.pattern} {first.kernel}", f"{first.pattern} ", f"x\n{first.pattern}", "-"):
        assert find_section(name) is None, name
    assert find_section(first.pattern.removesuffix("+")) == first


def test_section_table_has_no_two_meanings() -> None:
    patterns = [kind.pattern for kind in all_sections()]
    assert len(set(patterns)) == len(patterns)
    stems = {pattern.removesuffix("+") for pattern in patterns}
    assert len(stems) == len(patterns)
    for kind in all_sections():
        assert kind.kernel, f"{kind.pattern} does not say since when kernels know it"
        if kind.pattern.endswith("+"):
            prefix = kind.pattern[:-1] + "/"
            assert not any(pattern.startswith(prefix) for pattern in patterns)


MAPS = """
struct inner { __uint(type, 2); __uint(max_entries, 1); __type(key, u32); __type(value, u64); };
struct pair { u32 a; u64 b; };
struct {
    __uint(type, 1); __uint(max_entries, 10); __uint(map_flags, 1); __uint(numa_node, 0); __uint(pinning, 1);
    __type(key, struct pair); __type(value, u64);
} hash SEC(".maps");
struct { __uint(type, 3); __uint(max_entries, 4); __uint(key_size, 4); __array(values, int(void *)); }
    programs SEC(".maps");
struct inner first SEC(".maps"), second SEC(".maps");
struct { __uint(type, 12); __uint(max_entries, 4); __type(key, u32); __array(values, struct inner); }
    outer SEC(".maps") = { .values = { [1] = &first, [3] = &second } };
int tail(void *ctx);
struct { __uint(type, 3); __uint(max_entries, 4); __uint(key_size, 4); __array(values, int(void *)); }
    filled SEC(".maps") = { .values = { [2] = (void *)&tail } };
enum { extra = 0x123456789aULL };
struct { __uint(type, 30); __uint(max_entries, 5); __type(value, u32);
         enum { map_extra_value = 0x123456789aULL } map_extra; } bloom SEC(".maps");
SEC("xdp") int tail(void *ctx) {
    u32 key = 1;
    void *inner = bpf_map_lookup_elem(&outer, &key);
    return inner && bpf_map_lookup_elem(&hash, inner) ? 1 : 2;
}
"""


def test_maps(compile_bpf: Compile) -> None:
    spec = ObjectSpec.from_file(compile_bpf(MAPS))
    hash_map = spec.maps["hash"]
    assert (hash_map.type, hash_map.key_size, hash_map.value_size) == (MapType.HASH, 16, 8)
    assert (hash_map.max_entries, hash_map.flags, hash_map.pinning) == (10, MapFlags.NO_PREALLOC, 1)
    assert spec.btf is not None
    assert spec.btf.type(hash_map.key_type_id).name == "pair"
    assert spec.btf.type(hash_map.value_type_id).name == "u64"
    outer = spec.maps["outer"]
    assert outer.type == MapType.ARRAY_OF_MAPS and outer.value_size == 4 and outer.inner is not None
    assert (outer.inner.type, outer.inner.value_size, outer.inner.name) == (MapType.ARRAY, 8, "outer.inner")
    assert outer.initial_slots == [(1, "first"), (3, "second")]
    assert spec.maps["filled"].initial_slots == [(2, "tail")]
    assert spec.maps["programs"].initial_slots == []
    assert (spec.maps["bloom"].type, spec.maps["bloom"].map_extra) == (MapType.BLOOM_FILTER, 0x123456789A)
    assert all(declared.kind == "user" for declared in spec.maps.values())


DATA = """
struct shape { u32 width; u64 height; };
const volatile u32 limit = 7; const volatile s64 negative = -5;
volatile u64 counter; static volatile u32 quiet; static volatile s32 quiet_set = -9;
struct shape shape = { 3, 4 };
volatile u32 own SEC(".data.own") = 11; static volatile u32 lonely SEC(".data.lonely") = 12;
__attribute__((visibility("hidden"))) volatile u32 hidden SEC(".data.hidden") = 13;
SEC("xdp") int use(void *ctx) {
    static volatile u32 calls = 2;
    counter += limit + negative + quiet + quiet_set + own + lonely + hidden + shape.width;
    return calls++;
}
"""


def test_data_sections_are_maps(compile_bpf: Compile) -> None:
    spec = ObjectSpec.from_file(compile_bpf(DATA))
    assert {
        name: (declared.kind, declared.mmapable, declared.flags) for name, declared in spec.maps.items()
    } == {
        ".rodata": ("rodata", True, MapFlags.RDONLY_PROG | MapFlags.MMAPABLE),
        ".data": ("data", True, MapFlags.MMAPABLE),
        ".data.own": ("data", True, MapFlags.MMAPABLE),
        ".data.lonely": ("data", False, 0),
        ".data.hidden": ("data", False, 0),
        ".bss": ("bss", True, MapFlags.MMAPABLE),
    }
    for declared in spec.maps.values():
        assert (declared.type, declared.key_size, declared.max_entries) == (MapType.ARRAY, 4, 1)
        assert declared.contents is None or len(declared.contents) == declared.value_size
    assert spec.maps[".bss"].contents is None


def test_variables(compile_bpf: Compile) -> None:
    spec = ObjectSpec.from_file(compile_bpf(DATA))
    values = {name: variable.value for name, variable in spec.variables.items()}
    assert values == {
        "limit": 7,
        "negative": -5,
        "counter": 0,
        "quiet": 0,
        "quiet_set": -9,
        "shape": (3, 4),
        "own": 11,
        "lonely": 12,
        "hidden": 13,
        "use.calls": 2,
    }
    assert spec.variables["quiet"].is_static and not spec.variables["counter"].is_static
    assert spec.variables["shape"].map == ".data"


def test_setting_variables_changes_only_their_bytes(compile_bpf: Compile) -> None:
    spec, untouched = (ObjectSpec.from_file(compile_bpf(DATA)) for _ in range(2))
    spec.variables["limit"].value = 99
    spec.variables["counter"].value = 1 << 40
    spec.variables["shape"].value = bytes(16)
    assert (spec.variables["limit"].value, spec.variables["negative"].value) == (99, -5)
    assert spec.variables["counter"].value == 1 << 40
    assert spec.maps[".bss"].contents is not None
    assert len(spec.maps[".bss"].contents) == spec.maps[".bss"].value_size
    assert untouched.variables["limit"].value == 7
    for name, bad in (
        ("limit", 1 << 32),
        ("limit", -1),
        ("negative", 1 << 63),
        ("shape", b"short"),
        ("shape", 3),
    ):
        with pytest.raises(ElementError, match=name):
            spec.variables[name].value = bad


def test_same_file_same_spec(compile_bpf: Compile) -> None:
    path = compile_bpf(DATA)
    assert ObjectSpec.from_file(path) == ObjectSpec.from_bytes(path.read_bytes(), path.name)
    assert copy.deepcopy(ObjectSpec.from_file(path)) == ObjectSpec.from_file(path)
    assert ObjectSpec.from_file(path) != ObjectSpec.from_file(compile_bpf(MAPS))


EXTERNS = """
#define __kconfig __attribute__((section(".kconfig")))
#define __ksym __attribute__((section(".ksyms")))
#define __weak __attribute__((weak))
enum libbpf_tristate { TRI_NO, TRI_YES, TRI_MODULE };
extern int LINUX_KERNEL_VERSION __kconfig;
extern _Bool CONFIG_BPF __kconfig __weak;
extern char CONFIG_NAME[7] __kconfig;
extern enum libbpf_tristate CONFIG_TRI __kconfig;
extern u64 CONFIG_WIDE __kconfig;
extern const void untyped __ksym;
extern const int typed __ksym __weak;
extern int kfunc(int) __ksym __weak;
SEC("xdp") int use(void *ctx) {
    u64 sum = LINUX_KERNEL_VERSION + CONFIG_BPF + CONFIG_NAME[1] + CONFIG_TRI + CONFIG_WIDE;
    return sum + (u64)&untyped + typed + (kfunc ? kfunc(1) : 0);
}
"""


def test_externs(compile_bpf: Compile) -> None:
    spec = ObjectSpec.from_file(compile_bpf(EXTERNS))
    assert [(extern.name, extern.kind, extern.weak, extern.offset) for extern in spec.externs.values()] == [
        ("CONFIG_WIDE", "kconfig", False, 0),
        ("CONFIG_TRI", "kconfig", False, 8),
        ("LINUX_KERNEL_VERSION", "kconfig", False, 12),
        ("CONFIG_BPF", "kconfig", True, 16),
        ("CONFIG_NAME", "kconfig", False, 17),
        ("kfunc", "kfunc", True, 0),
        ("typed", "ksym", True, 0),
        ("untyped", "ksym", False, 0),
    ]
    assert spec.maps[".kconfig"].kind == "kconfig" and spec.maps[".kconfig"].value_size == 24
    assert spec.externs["untyped"].type_id == 0
    assert spec.btf is not None
    assert spec.btf.type(spec.externs["typed"].type_id).name == "int"
    used = {reference.name for reference in spec.programs["use"].function.externs}
    assert used == set(spec.externs)


def test_externs_become_what_the_kernel_takes(compile_bpf: Compile) -> None:
    btf = ObjectSpec.from_file(compile_bpf(EXTERNS)).btf
    assert btf is not None
    ksyms, kconfig = btf.section(".ksyms"), btf.section(".kconfig")
    assert ksyms is not None and kconfig is not None
    assert ksyms.size_or_type == 12 and kconfig.size_or_type == 24
    assert [(entry.offset, entry.size) for entry in btf.section_variables(ksyms)] == [(0, 4), (4, 4), (8, 4)]
    for entry in btf.section_variables(ksyms) + btf.section_variables(kconfig):
        variable = btf.type(entry.type_id)
        assert variable.kind == Kind.VAR and btf.linkage(variable) == Linkage.GLOBAL
    (kfunc,) = btf.of_kind(Kind.FUNC)[-1:]
    assert (kfunc.name, btf.linkage(kfunc)) in {("kfunc", Linkage.GLOBAL), ("use", Linkage.GLOBAL)}
    offsets = [entry.offset for entry in btf.section_variables(kconfig)]
    assert offsets == sorted(offsets)


def test_hidden_functions_are_static_to_the_kernel(compile_bpf: Compile) -> None:
    source = """
    __attribute__((noinline, visibility("hidden"))) int inside(int x) { return x * 3; }
    __attribute__((noinline)) int outside(int x) { return inside(x) * 5; }
    SEC("xdp") int use(void *ctx) { return outside((long)ctx); }
    """
    btf = ObjectSpec.from_file(compile_bpf(source)).btf
    assert btf is not None
    linkage = {found.name: btf.linkage(found) for found in btf.of_kind(Kind.FUNC)}
    assert linkage == {"inside": Linkage.STATIC, "outside": Linkage.GLOBAL, "use": Linkage.GLOBAL}


STRUCT_OPS = """
struct ops { int (*init)(int x); long data; void (*done)(void); };
SEC("struct_ops/start") int start(void *ctx) { return 0; }
SEC("struct_ops.s/stop") int stop(void *ctx) { return 0; }
SEC(".struct_ops") struct ops plain = { .init = (void *)start, .data = 5 };
SEC(".struct_ops.link") struct ops linked = { .init = (void *)start, .done = (void *)stop };
SEC("?.struct_ops") struct ops optional = { .done = (void *)stop };
"""


def test_struct_ops(compile_bpf: Compile) -> None:
    spec = ObjectSpec.from_file(compile_bpf(STRUCT_OPS))
    plain, linked, optional = (spec.maps[name] for name in ("plain", "linked", "optional"))
    assert {plain.kind, linked.kind, optional.kind} == {"struct_ops"}
    assert (plain.flags, linked.flags, plain.value_size) == (0, MapFlags.LINK, 24)
    assert (plain.autocreate, optional.autocreate) == (True, False)
    assert plain.initial_slots == [(0, "start")]
    assert linked.initial_slots == [(0, "start"), (16, "stop")]
    assert plain.contents == bytes(8) + (5).to_bytes(8, "little") + bytes(8)
    assert spec.btf is not None and spec.btf.type(plain.value_type_id).name == "ops"


@pytest.mark.parametrize(
    ("source", "said"),
    [
        ('struct { __uint(max_entries, 1); } m SEC(".maps");', "map 'm' has no type"),
        ('struct { __uint(type, 1); __uint(colour, 1); } m SEC(".maps");', "unknown field 'colour'"),
        (
            'struct { __uint(type, 1); __type(key, u32); __uint(key_size, 8); } m SEC(".maps");',
            "two key sizes: 4 and 8",
        ),
        ('struct { __uint(type, 1); __uint(pinning, 7); } m SEC(".maps");', "pinning is 0 or"),
        ('struct { __uint(type, 1); int max_entries; } m SEC(".maps");', r"no number; use __uint\(\)"),
        ('struct { __uint(type, 1); u32 key; } m SEC(".maps");', r"no pointer to a type; use __type\(\)"),
        ('int m SEC(".maps");', "declared by no struct"),
        (
            "struct i { __uint(type, 2); }; struct { __uint(type, 1); __array(values, struct i); } "
            'm SEC(".maps");',
            "neither a map of maps nor a prog array",
        ),
        ('extern int away; SEC("xdp") int use(void *c) { return away; }', "'away'"),
        (
            'extern float odd __attribute__((section(".kconfig")));'
            'SEC("xdp") int use(void *c) { return *(int *)&odd; }',
            "'odd' is of type float",
        ),
        ('short v SEC("version") = 1;', "no version number"),
    ],
)
def test_refused_declarations_are_named(compile_bpf: Compile, source: str, said: str) -> None:
    path = compile_bpf(source)
    with pytest.raises(ObjectError, match=said) as first:
        ObjectSpec.from_file(path)
    with pytest.raises(ObjectError) as second:
        ObjectSpec.from_file(path)
    assert str(first.value) == str(second.value)
    assert first.value.file == "test.bpf.o"


def test_object_without_btf(compile_bpf: Compile, tmp_path: Path) -> None:
    source = 'volatile u32 seen = 4; SEC("xdp") int use(void *ctx) { return seen; }'
    with_btf = compile_bpf(source).read_bytes()
    # A section is looked up by its name: another name, and it is gone.
    spec = ObjectSpec.from_bytes(
        with_btf.replace(b".BTF\0", b".XXX\0").replace(b".BTF.ext\0", b".XXX.ext\0"), "x"
    )
    assert spec.btf is None and list(spec.programs) == ["use"]
    assert spec.variables["seen"].value == (4).to_bytes(4, "little")
    assert spec.maps[".data"].mmapable is False


def test_older_maps_section_is_read(compile_bpf: Compile) -> None:
    source = """
    struct bpf_map_def { u32 type, key_size, value_size, max_entries, map_flags; };
    struct bpf_map_def SEC("maps") one = { 1, 4, 8, 16, 1 };
    struct bpf_map_def SEC("maps") two = { 2, 4, 4, 2, 0 };
    SEC("xdp") int use(void *ctx) { u32 key = 0; return !bpf_map_lookup_elem(&two, &key); }
    """
    spec = ObjectSpec.from_file(compile_bpf(source))
    assert [
        (declared.name, declared.type, declared.key_size, declared.value_size, declared.max_entries)
        for declared in spec.maps.values()
    ] == [("one", MapType.HASH, 4, 8, 16), ("two", MapType.ARRAY, 4, 4, 2)]
    (reference,) = spec.programs["use"].function.maps
    assert reference.map == "two"
