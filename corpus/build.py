"""Compiles the corpus: every ``AREA/NAME.bpf.c`` to an object named ``AREA/NAME``."""

from __future__ import annotations

import hashlib
import os
import platform
import subprocess
from pathlib import Path

from . import hostile

HERE = Path(__file__).parent

FLAGS = ("-g", "-O2", "-mcpu=v3", "-Wall", "-Werror")

BIG_ENDIAN = frozenset({"hostile/big_endian"})
"""Objects that are compiled for the byte order which no supported kernel of ours has."""

EXTRA_FLAGS = {"elf/no_btf": ("-g0",), "elf/first_instructions": ("-mcpu=v1",)}
"""What some objects are compiled with besides; it overrides `FLAGS`."""

_ARCHITECTURES = {"x86_64": "x86", "aarch64": "arm64"}


class CompileError(Exception):
    """The compiler refused a source of the corpus; the message holds what it said."""


def sources() -> dict[str, Path]:
    """Every BPF source by its object's name, sorted."""
    return {
        path.relative_to(HERE).as_posix().removesuffix(".bpf.c"): path
        for path in sorted(HERE.glob("*/*.bpf.c"))
    }


def names() -> list[str]:
    """The name of every object that `objects` makes, sorted; compiles nothing."""
    return sorted([*sources(), *hostile.MUTATIONS])


def objects(clang: str, include: Path, cache: Path) -> dict[str, Path]:
    """Every object of the corpus by name, compiled into `cache` if it is not there yet.

    `clang` is a clang with the BPF target; `include` holds libbpf's headers
    (``bpf/bpf_helpers.h``, ``linux/bpf.h``). What is in the cache is keyed by the
    compiler's version, flags, sources and headers. Raises `CompileError`.
    """
    folder = cache / "corpus" / _key(clang, include)
    compiled = {name: folder / f"{name}.bpf.o" for name in sources()}
    for name in sources():
        if not compiled[name].exists():
            _compile(clang, include, name, compiled[name])
    broken = {name: folder / f"{name}.bpf.o" for name in hostile.MUTATIONS}
    for name, mutation in hostile.MUTATIONS.items():
        if not broken[name].exists():
            _write(broken[name], mutation.break_it(compiled[mutation.good].read_bytes()))
    return dict(sorted((compiled | broken).items()))


def _compile(clang: str, include: Path, name: str, target: Path) -> None:
    source = sources()[name]
    target.parent.mkdir(parents=True, exist_ok=True)
    work = _work_name(target)
    flags = (*FLAGS, *EXTRA_FLAGS.get(name, ()), *_defines(), "-nostdlibinc")
    command = [clang, "-target", "bpfeb" if name in BIG_ENDIAN else "bpf", *flags]
    # Line information names the source as it is given here: relative, as the checkout may lie anywhere.
    command += ["-Iinclude", f"-I{include}", "-c", str(source.relative_to(HERE)), "-o", str(work)]
    try:
        done = subprocess.run(command, cwd=HERE, capture_output=True, text=True, check=False)
        if done.returncode:
            raise CompileError(f"{source}: {clang} says:\n{done.stderr.strip()}")
        work.replace(target)
    except OSError as error:
        raise CompileError(f"{source}: cannot be compiled with {clang}: {error}") from error
    finally:
        work.unlink(missing_ok=True)


def _defines() -> list[str]:
    """The macro by which sources tell how a kprobe's registers look here."""
    name = _ARCHITECTURES.get(platform.machine())
    return [f"-D__TARGET_ARCH_{name}"] if name else []


def _write(target: Path, content: bytes) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    work = _work_name(target)
    work.write_bytes(content)
    work.replace(target)


def _work_name(target: Path) -> Path:
    """A name beside the target, of this process alone; a rename then makes the object appear whole."""
    return target.with_name(f".{target.name}.{os.getpid()}")


def _key(clang: str, include: Path) -> str:
    try:
        version = subprocess.run([clang, "--version"], capture_output=True, check=True).stdout
    except (OSError, subprocess.CalledProcessError) as error:
        raise CompileError(f"{clang}: is no working compiler: {error}") from error
    key = hashlib.sha256(version.splitlines()[0])
    key.update(repr((FLAGS, sorted(EXTRA_FLAGS.items()), _defines(), sorted(BIG_ENDIAN))).encode())
    ours = [*sources().values(), *sorted((HERE / "include").rglob("*.h")), HERE / "hostile.py"]
    for path in [*ours, *sorted(include.rglob("*.h"))]:
        key.update(path.name.encode() + b"\0" + path.read_bytes() + b"\0")
    return key.hexdigest()[:16]
