"""The corpus, which guests load on every kernel of the matrix: what is said here must agree with that."""

from __future__ import annotations

from pathlib import Path

import pytest
from bpflab.corpus.build import objects
from bpflab.corpus.data import version_order
from bpflab.corpus.upstream import upstream
from bpflab.harness import tools
from bpflab.harness.inspection.kernels import TypeSource
from bpflab.harness.inspection.requirements import requirements
from bpflab.harness.inspection.resolution import Resolution, Status, resolve
from bpflab.harness.subjects.libbpf.build import library
from bpflab.kernels.cache import cache_dir
from bpflab.kernels.kernel import Kernel
from bpflab.loader.spec import ObjectSpec


@pytest.fixture(scope="module")
def corpus() -> dict[str, Path]:
    clang = tools.find_clang()
    assert clang, "no clang with the BPF target"
    return objects(clang, library().path, cache_dir())


@pytest.fixture(scope="module")
def types(real_kernel: Kernel) -> TypeSource:
    return TypeSource(real_kernel.label, real_kernel.release, real_kernel)


def test_what_loads_is_not_called_broken(
    types: TypeSource, real_kernel: Kernel, corpus: dict[str, Path]
) -> None:
    broken: list[tuple[str, Resolution]] = []
    for name, path in corpus.items():
        if not name.startswith("hostile/"):
            spec = ObjectSpec.from_file(path)
            if _is_in_reach(spec, real_kernel):
                found = resolve(spec, types.btf)
                broken += [(name, one) for one in found if one.status is Status.BROKEN]
    assert broken == []


def _is_in_reach(spec: ObjectSpec, kernel: Kernel) -> bool:
    minimum = requirements(spec, upstream()).minimum
    return minimum is not None and version_order("", minimum) <= version_order("", str(kernel.version))


@pytest.mark.parametrize(
    "name", ["hostile/missing_member", "hostile/missing_value", "hostile/signed_width", "hostile/ambiguous"]
)
def test_what_no_kernel_takes_is_broken_on_all(name: str, types: TypeSource, corpus: dict[str, Path]) -> None:
    spec = ObjectSpec.from_file(corpus[name])
    assert {one.status for one in resolve(spec, types.btf)} >= {Status.BROKEN}
