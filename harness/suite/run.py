"""Runs the suite in this process, on this kernel."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path

import pytest

from . import fixtures
from .job import JobError, SuiteJob
from .plugin import HERE, Collection, Recorder, files
from .stream import Stream

OPTIONS = (
    # Nothing of the checkout, of the user or of installed plugins takes part.
    *("-c", os.devnull, "--rootdir", str(HERE), "--noconftest", "-p", "no:cacheprovider"),
    "--import-mode=importlib",
    # What the suite does not use costs seconds in an emulated guest.
    *("-p", "no:doctest", "-p", "no:junitxml", "-p", "no:pastebin", "-p", "no:unittest", "-p", "no:logging"),
    *("-s", "--tb=native", "-p", "no:terminalreporter"),
    *("-o", "python_functions=check_* bench_*", "-o", "python_files=check_*.py bench_*.py"),
)

BENCHMARK_OPTIONS = ("-p", "pytest_benchmark.plugin", "--benchmark-quiet")

COMPLETE = (pytest.ExitCode.OK, pytest.ExitCode.TESTS_FAILED, pytest.ExitCode.NO_TESTS_COLLECTED)


def main(arguments: Sequence[str]) -> int:
    """``--job FILE``: 0 if every check was run, whatever its outcome; 2 for a bad job."""
    parser = argparse.ArgumentParser(prog="bpflab.harness.suite", description="Run checks on this kernel.")
    parser.add_argument("--job", type=Path, required=True)
    try:
        job = SuiteJob.read(parser.parse_args(arguments).job)
    except JobError as error:
        print(error, file=sys.stderr)
        return 2
    stream = Stream()
    try:
        code = run(job, stream)
        stream.finished(code)
    finally:
        stream.close()
    return code


def run(job: SuiteJob, stream: Stream) -> int:
    """Run a job's checks or benchmarks; 0 if all of them were run."""
    plugins: list[object] = [Collection(job), Recorder(job, stream), fixtures]
    if job.bench:
        from . import paired

        return pytest_run(files(job), [*OPTIONS, *BENCHMARK_OPTIONS], [*plugins, paired])
    return pytest_run(files(job), OPTIONS, plugins)


def pytest_run(paths: Iterable[Path], options: Iterable[str], plugins: list[object]) -> int:
    """Run pytest over these files with nothing but these plugins; 0 if all were run."""
    os.environ["PYTEST_DISABLE_PLUGIN_AUTOLOAD"] = "1"
    chosen = [str(path) for path in paths]
    if not chosen:
        return 0
    code = pytest.main([*options, *chosen], plugins=plugins)
    return 0 if code in COMPLETE else int(code)
