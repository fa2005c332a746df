"""Compiles the corpus: every ``AREA/NAME.bpf.c`` to an object named ``AREA/NAME``.

The sources of a folder ``AREA/NAME/`` are linked to one object, in the order of their names.
"""

from __future__ import annotations

import hashlib
import os
import platform
import subprocess
import tempfile
from pathlib import Path

from . import hostile

HERE = Path(__file__).parent
LINKER = HERE / "link.c"
NATIVE = HERE / "native"
"""What is compiled for the machine itself."""

FLAGS = ("-g", "-O2", "-mcpu=v3", "-Wall", "-Werror")

NATIVE_FLAGS = ("-shared", "-fPIC", "-O1", "-nostdlib", "-Wall", "-Werror")

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


def linked() -> dict[str, list[Path]]:
    """The sources of every object that is linked of several, by the object's name, sorted."""
    found: dict[str, list[Path]] = {}
    for path in sorted(HERE.glob("*/*/*.bpf.c")):
        found.setdefault(path.parent.relative_to(HERE).as_posix(), []).append(path)
    return found


def names() -> list[str]:
    """The name of every object that `objects` makes, sorted; compiles nothing."""
    return sorted([*sources(), *linked(), *hostile.MUTATIONS])


def objects(clang: str, libbpf: Path, cache: Path) -> dict[str, Path]:
    """Every object of the corpus by name, compiled into `cache` if it is not there yet.

    `clang` is a clang with the BPF target; `libbpf` holds a built libbpf: its headers in
    ``include`` (``bpf/bpf_helpers.h``, ``linux/bpf.h``), and ``lib/libbpf.a``, whose static
    linker is used. What is in the cache is keyed by the compiler's version, flags, sources
    and headers. Raises `CompileError`.
    """
    include = libbpf / "include"
    folder = cache / "corpus" / _key(clang, include)
    compiled = {name: folder / f"{name}.bpf.o" for name in [*sources(), *linked()]}
    for name, source in sources().items():
        if not compiled[name].exists():
            flags = (*EXTRA_FLAGS.get(name, ()), "-target", "bpfeb" if name in BIG_ENDIAN else "bpf")
            _write(compiled[name], _compile([clang, *FLAGS, *flags], include, source))
    for name, several in linked().items():
        if not compiled[name].exists():
            _write(compiled[name], _link([clang, *FLAGS, "-target", "bpf"], libbpf, several))
    broken = {name: folder / f"{name}.bpf.o" for name in hostile.MUTATIONS}
    for name, mutation in hostile.MUTATIONS.items():
        if not broken[name].exists():
            _write(broken[name], mutation.break_it(compiled[mutation.good].read_bytes()))
    return dict(sorted((compiled | broken).items()))


def libraries(clang: str, cache: Path) -> dict[str, Path]:
    """Every shared library of ``native/``, for probes of user space, by its name; compiled for this machine.

    Raises `CompileError`.
    """
    key = hashlib.sha256(_version(clang) + repr((NATIVE_FLAGS, platform.machine())).encode())
    for path in sorted(NATIVE.iterdir()):
        key.update(path.name.encode() + b"\0" + path.read_bytes() + b"\0")
    folder = cache / "corpus" / f"native-{key.hexdigest()[:16]}"
    built = {path.stem: folder / f"{path.stem}.so" for path in sorted(NATIVE.glob("*.c"))}
    for name, target in built.items():
        if not target.exists():
            source = NATIVE / f"{name}.c"
            versions = f"-Wl,--version-script={source.with_suffix('.map')}"
            with tempfile.TemporaryDirectory() as work:
                # A linker writes to no pipe.
                made = Path(work) / target.name
                _run(source, [clang, *NATIVE_FLAGS, versions, str(source), "-o", str(made)])
                _write(target, made.read_bytes())
    return built


def _compile(command: list[str], include: Path, source: Path) -> bytes:
    # Line information names the source as it is given here: relative, as the checkout may lie anywhere.
    includes = ["-nostdlibinc", "-Iinclude", f"-I{include}"]
    return _run(source, [*command, *_defines(), *includes, "-c", str(source.relative_to(HERE)), "-o", "-"])


def _link(command: list[str], libbpf: Path, several: list[Path]) -> bytes:
    """Compile several sources and link them statically, by libbpf's own linker (``bpftool gen object``)."""
    with tempfile.TemporaryDirectory() as folder:
        program, whole = Path(folder) / "link", Path(folder) / "whole.o"
        parts = [Path(folder) / f"{source.stem}.o" for source in several]
        for source, part in zip(several, parts, strict=True):
            part.write_bytes(_compile(command, libbpf / "include", source))
        archive = str(libbpf / "lib" / "libbpf.a")
        cc = ["cc", "-isystem", str(libbpf / "include"), str(LINKER), archive, "-lelf", "-lz"]
        _run(LINKER, [*cc, "-o", str(program)])
        _run(several[0].parent, [str(program), str(whole), *map(str, parts)])
        return whole.read_bytes()


def _run(source: Path, command: list[str]) -> bytes:
    """What a compiler or linker writes to its standard output. Raises CompileError."""
    try:
        done = subprocess.run(command, cwd=HERE, capture_output=True, check=False)
    except OSError as error:
        raise CompileError(f"{source}: cannot be compiled with {command[0]}: {error}") from error
    if done.returncode:
        raise CompileError(f"{source}: {command[0]} says:\n{done.stderr.decode(errors='replace').strip()}")
    return done.stdout


def _defines() -> list[str]:
    """The macro by which sources tell how a kprobe's registers look here."""
    name = _ARCHITECTURES.get(platform.machine())
    return [f"-D__TARGET_ARCH_{name}"] if name else []


def _write(target: Path, content: bytes) -> None:
    """Make a file appear whole: under a name of this process alone, then renamed."""
    target.parent.mkdir(parents=True, exist_ok=True)
    work = target.with_name(f".{target.name}.{os.getpid()}")
    work.write_bytes(content)
    work.replace(target)


def _key(clang: str, include: Path) -> str:
    key = hashlib.sha256(_version(clang))
    key.update(repr((FLAGS, sorted(EXTRA_FLAGS.items()), _defines(), sorted(BIG_ENDIAN))).encode())
    parts = [path for several in linked().values() for path in several]
    ours = [
        *sources().values(),
        *parts,
        *sorted((HERE / "include").rglob("*.h")),
        HERE / "hostile.py",
        LINKER,
    ]
    for path in [*ours, *sorted(include.rglob("*.h"))]:
        key.update(path.name.encode() + b"\0" + path.read_bytes() + b"\0")
    return key.hexdigest()[:16]


def _version(clang: str) -> bytes:
    """What the compiler says of itself first. Raises CompileError."""
    try:
        shown = subprocess.run([clang, "--version"], capture_output=True, check=True).stdout
    except (OSError, subprocess.CalledProcessError) as error:
        raise CompileError(f"{clang}: is no working compiler: {error}") from error
    return shown.splitlines()[0]
