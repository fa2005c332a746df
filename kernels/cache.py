"""Where downloaded and built things are kept between runs."""

from __future__ import annotations

import fcntl
import glob
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


def cache_dir() -> Path:
    """``$BPFLAB_CACHE``, else ``$XDG_CACHE_HOME/bpflab``, else ``~/.cache/bpflab``; made if missing."""
    chosen = os.environ.get("BPFLAB_CACHE")
    base = os.environ.get("XDG_CACHE_HOME")
    path = Path(chosen) if chosen else (Path(base) if base else Path.home() / ".cache") / "bpflab"
    path.mkdir(parents=True, exist_ok=True)
    return path


@contextmanager
def built_once(destination: Path) -> Iterator[Path | None]:
    """Build a directory exactly once, however many processes ask for it at the same time.

    Yields None if `destination` is there already, else a temporary directory beside
    it to fill; it becomes `destination` by rename when the block ends without an
    error, and is removed if the block raises. A half-built directory is never seen.
    """
    destination.parent.mkdir(parents=True, exist_ok=True)
    with locked(destination.with_name(destination.name + ".lock")):
        if destination.exists():
            yield None
            return
        # Whoever holds the lock is alone: what lies here was left by a process that was killed.
        for orphan in destination.parent.glob(f".{glob.escape(destination.name)}.*"):
            shutil.rmtree(orphan, ignore_errors=True)
        work = Path(tempfile.mkdtemp(prefix=f".{destination.name}.", dir=destination.parent))
        # mkdtemp makes it private; guests that run as another user must be able to read it.
        work.chmod(0o755)
        try:
            yield work
            work.rename(destination)
        except BaseException:
            shutil.rmtree(work, ignore_errors=True)
            raise


@contextmanager
def locked(path: Path) -> Iterator[None]:
    """Hold an exclusive lock on a file; the lock goes with the process, so none is ever stale."""
    with path.open("w") as handle:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
