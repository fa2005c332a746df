"""Compiles the corpus: every ``AREA/NAME.bpf.c`` to an object named ``AREA/NAME``.

The sources of a folder ``AREA/NAME/`` are linked to one object, in the order of their names.
"""

from __future__ import annotations

import hashlib
import os
import platform
import re
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

_INCLUDE = re.compile(rb'^\s*#\s*include\s+["<]([^">]+)[">]', re.MULTILINE)

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
    linker is used. Each object has a folder of its own in the cache, keyed by the compiler's
    version, flags, and the sources and headers that it is made of. Raises `CompileError`.
    """
    include = libbpf / "include"
    key = _Key(clang, include)
    made: dict[str, Path] = {}
    for name, source in sources().items():
        flags = (*FLAGS, *EXTRA_FLAGS.get(name, ()), "-target", "bpfeb" if name in BIG_ENDIAN else "bpf")
        made[name] = cache / "corpus" / key.of(flags, [source]) / f"{name}.bpf.o"
        if not made[name].exists():
            _write(made[name], _compile([clang, *flags], include, source))
    for name, several in linked().items():
        flags = (*FLAGS, "-target", "bpf")
        made[name] = cache / "corpus" / key.of(flags, [*several, LINKER]) / f"{name}.bpf.o"
        if not made[name].exists():
            _write(made[name], _link([clang, *flags], libbpf, several))
    for name, mutation in hostile.MUTATIONS.items():
        good = made[mutation.good]
        broken = mutation.break_it(good.read_bytes())
        folder = cache / "corpus" / hashlib.sha256(broken).hexdigest()[:16]
        made[name] = folder / f"{name}.bpf.o"
        if not made[name].exists():
            _write(made[name], broken)
    return dict(sorted(made.items()))


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


class _Key:
    """Digests of all that an object is made of."""

    def __init__(self, clang: str, include: Path) -> None:
        self._shared = hashlib.sha256(_version(clang) + repr(_defines()).encode())
        # linux/ of ours is what the headers of libbpf include.
        for header in sorted([*include.rglob("*.h"), *(HERE / "include/linux").glob("*.h")]):
            self._shared.update(header.name.encode() + b"\0" + header.read_bytes() + b"\0")

    def of(self, flags: tuple[str, ...], files: list[Path]) -> str:
        """The key of an object that is made of these files, and of the headers of ours that they include."""
        digest = self._shared.copy()
        digest.update(repr(flags).encode())
        waiting, seen = list(files), set[Path]()
        while waiting:
            file = waiting.pop(0)
            if file not in seen:
                seen.add(file)
                content = file.read_bytes()
                digest.update(file.name.encode() + b"\0" + content + b"\0")
                named = (HERE / "include" / name.decode() for name in _INCLUDE.findall(content))
                waiting += [header for header in named if header.exists()]
        return digest.hexdigest()[:16]


def _version(clang: str) -> bytes:
    """What the compiler says of itself first. Raises CompileError."""
    try:
        shown = subprocess.run([clang, "--version"], capture_output=True, check=True).stdout
    except (OSError, subprocess.CalledProcessError) as error:
        raise CompileError(f"{clang}: is no working compiler: {error}") from error
    return shown.splitlines()[0]
