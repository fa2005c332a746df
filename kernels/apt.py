"""A private apt directory: other suites of the machine's mirror, without touching the system's apt.

apt itself does what it is good at: proxies, credentials, mirror lists and
retries as the machine is configured, and signatures checked with the archive's
keyring. ``apt-get -c DIRECTORY/apt.conf …`` works by hand as well.
"""

from __future__ import annotations

import hashlib
import os
import re
import selectors
import signal
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from .cache import cache_dir, locked
from .errors import ArchiveError, FetchError
from .mirror import SUITES, Mirror, archive_keyring, configured_mirror
from .programs import explain, find_program, run_program
from .progress import Progress

FRESH_S = 24 * 3600
"""Seconds for which package indexes are good."""

_STALLED_S = 300
_HELPER = "/usr/lib/apt/apt-helper"
_SOURCE_SUITES = ("trixie", "trixie-backports", "forky", "sid", "experimental")

# The hooks of the system's configuration would act on the system (Debian's
# container images delete /var/cache/apt in one), so they are cleared.
_CONFIGURATION = """\
#clear APT::Update::Pre-Invoke;
#clear APT::Update::Post-Invoke;
#clear APT::Update::Post-Invoke-Success;
#clear APT::Architectures;
APT::Architecture "amd64";
APT::Architectures "amd64";
APT::Default-Release "";
APT::Get::AllowUnauthenticated "false";
APT::Sandbox::User "root";
Acquire::AllowInsecureRepositories "false";
Acquire::AllowDowngradeToInsecureRepositories "false";
Acquire::Languages "none";
Acquire::Retries "3";
Dir::Cache "{path}/cache";
Dir::Cache::archives "archives";
Dir::Cache::pkgcache "pkgcache.bin";
Dir::Cache::srcpkgcache "srcpkgcache.bin";
Dir::Etc::SourceList "{path}/sources.list";
Dir::Etc::SourceParts "/dev/null";
Dir::Etc::Preferences "/dev/null";
Dir::Etc::PreferencesParts "/dev/null";
Dir::State "{path}/state";
Dir::State::Lists "{path}/lists";
Dir::State::Status "{path}/status";
"""


@dataclass(frozen=True)
class Stanza:
    """One package of an index: the suite it is in, and its fields."""

    suite: str
    fields: dict[str, str]


class AptDirectory:
    """Package indexes of several suites and a way to download what is in them.

    Safe to use from several processes. Every method may raise `ArchiveError`.
    """

    def __init__(self, path: Path, kind: str, suites: Sequence[str], progress: Progress) -> None:
        """`kind` is 'deb' or 'deb-src'. Writes the configuration, fetches nothing."""
        self.path = path
        self._kind = kind
        self._suites = suites
        self._progress = progress
        for name in ("lists/partial", "cache/archives/partial", "state"):
            (path / name).mkdir(parents=True, exist_ok=True)
        _write_if_changed(path / "status", "")
        _write_if_changed(path / "apt.conf", _CONFIGURATION.format(path=path))
        _write_if_changed(path / "sources.list", self._sources(configured_mirror(), archive_keyring()))

    @classmethod
    def binaries(cls, progress: Progress) -> AptDirectory:
        """The directory for binary packages, over all `SUITES`."""
        return cls(cache_dir() / "apt" / "binary", "deb", SUITES, progress)

    @classmethod
    def sources(cls, progress: Progress) -> AptDirectory:
        """The directory for source packages; only newer suites, where the newest versions are."""
        return cls(cache_dir() / "apt" / "source", "deb-src", _SOURCE_SUITES, progress)

    def update(self, max_age_s: float = FRESH_S) -> None:
        """Fetch the indexes, unless those at hand are younger than this and of the same sources.

        A suite that the mirror lacks is left out with a note; if the mirror cannot
        be reached, older indexes serve, with a note, and the next call tries again.
        """
        stamp = self.path / "updated"
        wanted = hashlib.sha256((self.path / "sources.list").read_bytes()).hexdigest()
        with locked(self.path / "update.lock"):
            if stamp.exists() and stamp.read_text() == wanted and _age_s(stamp) < max_age_s:
                return
            self._progress.note("fetching the package indexes of the configured Debian mirror")
            update = [*self._apt_get(), "update"]
            _, said = _run(update, self.path, lambda part: None, "fetching package indexes")
            indexes = self._indexes()
            if not indexes:
                raise explain(said, ArchiveError, "the configured Debian mirror gives no package index")
            if "Some index files failed to download" in said:
                self._progress.note("the mirror was not reached for every suite: older indexes serve")
                return
            self._note_absent({suite for suite, _ in indexes})
            stamp.write_text(wanted)

    def stanzas(self, name: re.Pattern[bytes]) -> Iterator[Stanza]:
        """Every package whose whole name matches, of every suite."""
        stanza = re.compile(rb"^Package: (?:" + name.pattern + rb")\n(?:.+\n)+", re.MULTILINE)
        for suite, path in self._indexes():
            for found in stanza.finditer(_content(path)):
                yield Stanza(suite, _fields(found[0].decode()))

    def download(self, packages: Sequence[str], into: Path, on_part: Callable[[float], None]) -> None:
        """Download packages, each as ``name=version``, into a directory; apt verifies them.

        `on_part` is told the part that has arrived, 0 to 1. Raises `FetchError`.
        """
        argv = [*self._apt_get(), "download", *packages]
        _download(argv, into, on_part, f"downloading {' '.join(packages)}")

    def download_source(self, package: str, into: Path) -> None:
        """Download the files of a source package, ``name=version``; raises `FetchError`."""
        argv = [*self._apt_get(), "--download-only", "source", package]
        _download(argv, into, lambda part: None, f"downloading the source of {package}")

    def _sources(self, mirror: Mirror, keyring: Path) -> str:
        # Suites that no longer change stay on mirrors past their Valid-Until. An old
        # kernel is what is wanted here, and its bytes are checked all the same.
        target = "Packages" if self._kind == "deb" else "Sources"
        options = f"arch=amd64 signed-by={keyring} check-valid-until=no target={target}"
        lines = [f"{self._kind} [{options}] {mirror.uri(suite)} {suite} main\n" for suite in self._suites]
        return "".join(lines)

    def _apt_get(self) -> list[str]:
        return ["apt-get", "-q", "-c", str(self.path / "apt.conf")]

    def _note_absent(self, present: set[str]) -> None:
        absent = [suite for suite in self._suites if suite not in present]
        if absent:
            self._progress.note(f"the mirror has no {', '.join(absent)} (or its signature does not hold)")

    def _indexes(self) -> list[tuple[str, Path]]:
        listed = run_program(
            [*self._apt_get(), "indextargets", "--format", "$(RELEASE) $(FILENAME)"],
            ArchiveError,
            "listing package indexes",
        )
        pairs = (line.split(" ", 1) for line in listed.splitlines())
        return [(suite, Path(path)) for suite, path in pairs if Path(path).exists()]


def _download(argv: Sequence[str], into: Path, on_part: Callable[[float], None], what: str) -> None:
    code, said = _run(argv, into, on_part, what)
    if code:
        raise explain(said, FetchError, what)


def _run(argv: Sequence[str], cwd: Path, on_part: Callable[[float], None], what: str) -> tuple[int, str]:
    """Run apt-get and return its exit code and stderr, passing on what part has been downloaded.

    Ends it, children included, when it makes no progress for minutes (`FetchError`)
    or the caller is interrupted.
    """
    command = [find_program(argv[0]), "-o", "APT::Status-Fd=1", *argv[1:]]
    environment = {**os.environ, "LC_ALL": "C"}
    with tempfile.TemporaryFile() as errors:
        process = subprocess.Popen(
            command, cwd=cwd, env=environment, stdout=subprocess.PIPE, stderr=errors, start_new_session=True
        )
        try:
            if not _follow(process, on_part):
                raise FetchError(f"{what}: nothing arrived for {_STALLED_S} s; is the mirror reachable?")
            code = process.wait()
        finally:
            _end_group(process)
        errors.seek(0)
        return code, errors.read().decode(errors="replace")


def _follow(process: subprocess.Popen[bytes], on_part: Callable[[float], None]) -> bool:
    """Read what apt-get reports on stdout to its end; False if it reports nothing new for too long."""
    assert process.stdout is not None
    last, moved = "", time.monotonic()
    rest = b""
    with selectors.DefaultSelector() as selector:
        selector.register(process.stdout, selectors.EVENT_READ)
        while time.monotonic() - moved < _STALLED_S:
            if not selector.select(timeout=min(5, _STALLED_S)):
                continue
            chunk = os.read(process.stdout.fileno(), 1 << 16)
            if not chunk:
                return True
            *lines, rest = (rest + chunk).split(b"\n")
            for line in (line.decode(errors="replace") for line in lines):
                if line == last:
                    continue
                last, moved = line, time.monotonic()
                fields = line.split(":")
                if fields[0] == "dlstatus":
                    on_part(float(fields[2]) / 100)
    return False


def _end_group(process: subprocess.Popen[bytes]) -> None:
    if process.poll() is None:
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    if process.stdout is not None:
        process.stdout.close()


def _content(index: Path) -> bytes:
    """An index as text, however apt keeps it."""
    shown = subprocess.run([_HELPER, "cat-file", str(index)], capture_output=True, check=False)
    if shown.returncode:
        raise explain(shown.stderr.decode(errors="replace"), ArchiveError, f"reading {index.name}")
    return shown.stdout


def _fields(stanza: str) -> dict[str, str]:
    pairs = (line.partition(":") for line in stanza.splitlines() if not line[:1].isspace())
    return {name: value.strip() for name, _, value in pairs}


def _write_if_changed(path: Path, text: str) -> None:
    if not path.exists() or path.read_text() != text:
        path.write_text(text)


def _age_s(path: Path) -> float:
    return time.time() - path.stat().st_mtime
