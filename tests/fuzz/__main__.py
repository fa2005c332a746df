"""Coverage-guided fuzzing with atheris: ``python -m bpflab.tests.fuzz [TARGET…] [--seconds 60]``."""

from __future__ import annotations

import argparse
import subprocess
import sys
from pathlib import Path
from random import Random

from bpflab.kernels.cache import cache_dir

from .limits import limits
from .mutate import scramble

NAMES = (
    *("elf", "btf", "ext", "core", "split", "layout", "index", "notes", "kconfig", "kallsyms", "log"),
    *("binary", "arguments"),
)
HARD_LIMIT = ("-timeout=20", "-rss_limit_mb=1024")
"""Where libFuzzer itself ends a run that no longer comes back."""


def main() -> int:
    """Fuzz each target in a process of its own; the exit code says whether all stayed clean."""
    parser = argparse.ArgumentParser(prog="fuzz", description="Fuzz the loader's readers and its relocator.")
    parser.add_argument("targets", nargs="*", metavar="TARGET", help=f"of {', '.join(NAMES)}; default: all")
    parser.add_argument("--seconds", type=int, default=60, help="how long each target runs (default: 60)")
    parser.add_argument("--repeat", type=Path, metavar="FILE", help="run the one TARGET on this input only")
    parser.add_argument("--inside", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if unknown := set(options.targets) - set(NAMES):
        parser.error(f"no target {', '.join(sorted(unknown))}; there are {', '.join(NAMES)}")
    if options.inside:
        fuzz(options.targets[0], options.seconds)
    if options.repeat:
        if len(options.targets) != 1:
            parser.error("--repeat needs the one TARGET that the input is for")
        return repeat(options.targets[0], options.repeat)
    command = [sys.executable, "-m", "bpflab.tests.fuzz", "--inside"]
    failed = [
        name
        for name in options.targets or NAMES
        if subprocess.run([*command, name, "--seconds", str(options.seconds)], check=False).returncode
    ]
    if failed:
        print(f"not clean: {', '.join(failed)}; the inputs are in {_place('findings')}")
    return 1 if failed else 0


def fuzz(name: str, seconds: int) -> None:
    """Fuzz one target for a time; ends the process. Inputs that reach something new are kept for the next."""
    import atheris

    with atheris.instrument_imports(include=["bpflab.loader"]):
        from .seeds import seeds
        from .targets import TARGETS
    target = TARGETS[name]

    def run(data: bytes) -> None:
        with limits(len(data)):
            target.run(data)

    def mutate(data: bytes, largest: int, seed: int) -> bytes:
        chance = Random(seed)

        def change(piece: bytes) -> bytes:
            if piece and chance.random() < 0.5:
                return bytes(atheris.Mutate(piece, len(piece) + 64))
            return scramble(piece, chance)

        return target.structure(data, chance, change)[:largest]

    first = _place(f"{name}-seeds")
    for number, seed in enumerate(seeds(name)):
        (first / f"{number:03}").write_bytes(seed)
    arguments = [f"-max_total_time={seconds}", f"-max_len={target.largest}", "-print_final_stats=1"]
    arguments.append(f"-artifact_prefix={_place('findings')}/{name}-")
    sys.stdout.flush()
    atheris.Setup(
        [f"fuzz {name}", *arguments, *HARD_LIMIT, str(_place(name)), str(first)], run, custom_mutator=mutate
    )
    atheris.Fuzz()


def repeat(name: str, file: Path) -> int:
    """Run a target on one input, without instruments; what is wrong with it is raised."""
    from .targets import TARGETS

    data = file.read_bytes()
    with limits(len(data)):
        TARGETS[name].run(data)
    print(f"{file}: {len(data)} bytes, nothing wrong")
    return 0


def _place(name: str) -> Path:
    """A folder for what fuzzing keeps."""
    place = cache_dir() / "fuzz" / name
    place.mkdir(parents=True, exist_ok=True)
    return place


if __name__ == "__main__":
    sys.exit(main())
