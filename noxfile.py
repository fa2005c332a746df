"""The sessions: ``python3 noxfile.py -s matrix`` works on a bare Python; so does plain ``nox``."""

from __future__ import annotations

import os
import platform
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent

try:
    import nox
except ModuleNotFoundError:
    # Plain python3: nox goes into .venv, and this file starts again in it.
    python = HERE / ".venv/bin/python"
    if not python.exists():
        subprocess.run([sys.executable, "-m", "venv", HERE / ".venv"], check=True)
    if subprocess.run([python, "-c", "import nox"], capture_output=True, check=False).returncode:
        subprocess.run([python, "-m", "pip", "install", "--quiet", "nox"], check=True)
    os.execv(python, [str(python), str(HERE / "noxfile.py"), *sys.argv[1:]])

nox.needs_version = ">=2024.4.15"
nox.options.sessions = ["lint", "tests"]
nox.options.reuse_venv = "yes"
nox.options.error_on_external_run = True


def prepare(session: nox.Session, *extras: str, editable: bool = True) -> None:
    """Install what the system lacks (or say how, exit code 69), then bpflab into the session."""
    tools = subprocess.run([sys.executable, HERE / "harness/tools.py"], check=False)
    if tools.returncode:
        sys.exit(tools.returncode)
    session.install(*(["-e"] if editable else []), f".[{','.join(extras)}]" if extras else ".")


@nox.session
def tests(session: nox.Session) -> None:
    """Unit tests on this machine, guest tests on two kernels."""
    prepare(session, "dev")
    session.run("pytest", *session.posargs)


@nox.session
def lint(session: nox.Session) -> None:
    """ruff and mypy --strict."""
    prepare(session, "dev")
    session.run("ruff", "check", ".")
    session.run("ruff", "format", "--check", ".")
    # mypy follows no import hook of an editable install: it gets a folder where the checkout is 'bpflab'.
    named = Path(session.create_tmp()) / "bpflab"
    named.unlink(missing_ok=True)
    named.symlink_to(HERE)
    session.run("mypy", "-p", "bpflab", env={"MYPYPATH": str(named.parent)})


@nox.session
def matrix(session: nox.Session) -> None:
    """The compatibility matrix of the corpus: five kernels, both subjects; writes results/matrix/."""
    prepare(session)
    session.run("bpflab", "run", "--out", "results/matrix", *session.posargs)


@nox.session
def bench(session: nox.Session) -> None:
    """Load, look-up and event-read against libbpf; writes results/bench/."""
    # As a user has it: finding the modules of an editable install takes Python 10 ms at each start.
    prepare(session, editable=False)
    session.run("bpflab", "bench", "--out", "results/bench", *session.posargs)


@nox.session
def docs(session: nox.Session) -> None:
    """The page of the loader's Python interface; writes results/docs/."""
    session.install("-e", ".[dev]")
    session.run("python", "-m", "bpflab.tests.docs", "results/docs")


@nox.session
def fuzz(session: nox.Session) -> None:
    """Fuzz the loader's readers: [TARGET…] [--seconds 60]; findings are kept in the cache."""
    prepare(session, "dev")
    # pip says in many lines what is one: not every Python has a wheel, and building one takes all of clang.
    session.install("--only-binary", ":all:", "atheris", silent=True, success_codes=[0, 1])
    find = "import importlib.util as util; print(util.find_spec('atheris'))"
    if session.run("python", "-c", find, silent=True) == "None\n":
        session.error(f"no fuzzing: no wheel of atheris for Python {platform.python_version()} could be had")
    session.run("python", "-m", "bpflab.tests.fuzz", *session.posargs)


if __name__ == "__main__":
    nox.main()
