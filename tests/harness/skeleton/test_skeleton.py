"""Skeletons: what they say is what the loader does, type checkers agree, and no name can break them."""

from __future__ import annotations

import ast
import importlib.util
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import bpflab
import pytest
from bpflab.harness.cli import main
from bpflab.harness.skeleton.model import SkeletonError, skeleton
from bpflab.harness.skeleton.render import render
from bpflab.loader import ObjectSpec

SOURCE = """
struct key { __u32 address; __u16 port; __u16 zone; };
struct flow { __u64 packets; char device[16]; struct key last; };
struct event { __u32 pid; union { __u32 code; __u64 address; }; __u8 data[4]; };

struct {
    __uint(type, BPF_MAP_TYPE_HASH);
    __uint(max_entries, 16);
    __type(key, struct key);
    __type(value, struct flow);
} flows SEC(".maps");

struct {
    __uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
    __uint(max_entries, 4);
    __type(key, __u32);
    __type(value, __s64);
} class SEC(".maps");

const struct event *event_type;
const volatile __u32 limit = 7;
struct key last;
__u64 seen;

SEC("socket")
int watch(void *context)
{
    seen += limit;
    return seen;
}
"""

USE = """
from {module} import Key, Flow, Flows

def use(flows: Flows) -> int:
    flows.maps.flows[Key(1, 2, 3)] = Flow(5, "eth0", Key(4, 5, 6))
    flow = flows.maps.flows[Key(1, 2, 3)]
    flows.variables.last = flow.last
    names: list[str] = [each.device for each in flows.maps.flows.values()]
    per_cpu: list[int] = flows.maps.class_[1]
    return flow.packets + sum(per_cpu) + len(names) + flows.programs.watch.fd
"""


@pytest.fixture
def source(compile_bpf: Callable[..., Path]) -> Path:
    return compile_bpf(SOURCE, name="flows")


@pytest.fixture
def module(source: Path, tmp_path: Path) -> ModuleType:
    path = tmp_path / "flows_skeleton.py"
    path.write_text(render(skeleton(ObjectSpec.from_file(source)), os.path.relpath(source, tmp_path)))
    spec = importlib.util.spec_from_file_location("flows_skeleton", path)
    assert spec is not None and spec.loader is not None
    made = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(made)
    return made


@pytest.mark.usefixtures("bpf")
def test_loads_and_gives_what_it_says(module: ModuleType) -> None:
    with module.Flows.load(module.Flows.spec(limit=3)) as flows:
        assert flows.variables.limit == 3
        flows.programs.watch.test_run(bytes(64))
        assert flows.variables.seen == 3
        flows.variables.seen = 10
        flows.maps.flows[module.Key(1, 2, 3)] = module.Flow(5, "eth0", module.Key(4, 5, 6))
        assert flows.maps.flows[(1, 2, 3)].last.port == 5
        flows.variables.last = flows.maps.flows[(1, 2, 3)].last
        assert flows.variables.last == module.Key(4, 5, 6)
        assert flows.attach() == []


def test_type_checkers_understand_it(source: Path, tmp_path: Path) -> None:
    assert main(["skeleton", str(source), "--out", str(tmp_path / "flows.py"), "--type", "event"]) == 0
    (tmp_path / "good.py").write_text(USE.format(module="flows"))
    wrong = USE.format(module="flows").replace("Key(1, 2, 3)] =", '"key"] =')
    (tmp_path / "wrong.py").write_text(wrong.replace("flow.packets +", "flow.paquets +"))
    # mypy follows no import hook of an editable install.
    (tmp_path / "named").mkdir()
    (tmp_path / "named" / "bpflab").symlink_to(Path(bpflab.__file__).parent)
    done = subprocess.run(
        [sys.executable, "-m", "mypy", "--strict", "flows.py", "good.py", "wrong.py"],
        cwd=tmp_path, env=os.environ | {"MYPYPATH": "named"}, capture_output=True, text=True, check=False,
    )  # fmt: skip
    ours = [line for line in done.stdout.splitlines() if not line.startswith("named/")]
    errors = [line for line in ours if ": error:" in line]
    assert all(line.startswith("wrong.py") for line in errors), done.stdout
    assert any("paquets" in line for line in errors) and any('"str"' in line for line in errors), done.stdout


def test_the_same_object_gives_the_same_module(source: Path) -> None:
    spec = ObjectSpec.from_file(source)
    assert render(skeleton(spec), "flows.bpf.o") == render(
        skeleton(ObjectSpec.from_file(source)), "flows.bpf.o"
    )


def test_members_of_anonymous_unions_can_be_read(source: Path) -> None:
    spec = ObjectSpec.from_file(source)
    assert [each.name for each in skeleton(spec).records] == ["Key", "Flow"]
    event = skeleton(spec, ["event"]).records[-1]
    assert (event.name, event.is_tuple) == ("Event", False)
    assert event.members == (("pid", "int"), ("code", "Any"), ("address", "Any"), ("data", "bytes"))


def test_names_of_an_object_are_never_code(source: Path) -> None:
    spec = ObjectSpec.from_file(source)
    evil = 'x"); import os; os.abort() #\n"""\n'
    spec.name = evil
    spec.maps["flows"].name = evil
    spec.programs["watch"].name = spec.programs["watch"].section = evil
    spec.variables["seen"].name = evil
    tree = ast.parse(render(skeleton(spec), "flows.bpf.o"))
    assert not [node for node in ast.walk(tree) if isinstance(node, ast.Import)]
    assert sum(isinstance(node, ast.Constant) and node.value == evil for node in ast.walk(tree)) >= 3


def test_names_that_become_one_are_refused(source: Path) -> None:
    spec = ObjectSpec.from_file(source)
    spec.variables["seen"].name = "last."
    with pytest.raises(SkeletonError, match=r"'last' and 'last\.' would both be 'last'|'last\.' and 'last'"):
        skeleton(spec)


def test_an_unknown_type_is_one_line(source: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["skeleton", str(source), "--type", "nothing"]) == 2
    assert "names no type 'nothing'" in capsys.readouterr().err
    assert not list(source.parent.glob("*.py"))
