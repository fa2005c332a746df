"""The private apt directory against the mirror that this machine is configured with."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import pytest
from bpflab.kernels.apt import AptDirectory
from bpflab.kernels.errors import ArchiveError, FetchError, MissingProgramError

from .conftest import Recorder

SMALL_SUITE = "bookworm-backports"
KERNEL = re.compile(rb"linux-image-6\S+-cloud-amd64")


def listing(directory: Path) -> list[tuple[str, int]]:
    return sorted((str(path), path.stat().st_mtime_ns) for path in directory.rglob("*"))


def test_indexes_of_another_suite(tmp_path: Path, recorder: Recorder) -> None:
    before = [listing(Path("/var/lib/apt")), listing(Path("/var/cache/apt"))]
    apt = AptDirectory(tmp_path, "deb", [SMALL_SUITE, "bookworm-nonsense"], recorder)
    apt.update()
    found = list(apt.stanzas(KERNEL))
    assert found
    for stanza in found:
        assert stanza.suite == SMALL_SUITE
        assert re.fullmatch("[0-9a-f]{64}", stanza.fields["SHA256"])
        assert KERNEL.fullmatch(stanza.fields["Package"].encode())
    assert [note for note in recorder.notes if "bookworm-nonsense" in note and SMALL_SUITE not in note]
    assert [listing(Path("/var/lib/apt")), listing(Path("/var/cache/apt"))] == before

    said = len(recorder.notes)
    apt.update()
    assert len(recorder.notes) == said, "fresh indexes were fetched again"

    (tmp_path / "updated").unlink()
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("http_proxy", "http://127.0.0.1:9")
        patch.setenv("https_proxy", "http://127.0.0.1:9")
        apt.update()
    assert "older indexes serve" in recorder.notes[-1]
    assert list(apt.stanzas(KERNEL)) == found
    assert not (tmp_path / "updated").exists(), "the next update would not try again"

    with pytest.raises(FetchError, match="no-such-package"):
        apt.download(["no-such-package=1"], tmp_path, lambda part: None)


@pytest.fixture
def unsigned_mirror(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A mirror on loopback whose indexes nobody signed."""
    root = tmp_path / "mirror"
    home = root / "debian/dists/sid"
    (home / "main/binary-amd64").mkdir(parents=True)
    (home / "main/binary-amd64/Packages").write_text("Package: linux-image-9.9-amd64\nVersion: 9.9-1\n\n")
    (home / "Release").write_text("Suite: unstable\nCodename: sid\nComponents: main\nArchitectures: amd64\n")
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Silenced, directory=str(root)))
    Thread(target=server.serve_forever, daemon=True).start()
    monkeypatch.setenv("BPFLAB_DEBIAN_MIRROR", f"http://127.0.0.1:{server.server_port}/debian")
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    yield
    server.shutdown()
    server.server_close()


class Silenced(SimpleHTTPRequestHandler):
    def log_message(self, *said: object) -> None:
        """Say nothing."""


def test_an_unsigned_mirror_is_refused(unsigned_mirror: None, tmp_path: Path, recorder: Recorder) -> None:
    apt = AptDirectory(tmp_path / "apt", "deb", ["sid"], recorder)
    with pytest.raises(ArchiveError, match="not signed"):
        apt.update()


def living(group: str) -> list[str]:
    """The processes of a group that are more than a zombie waiting for its parent."""
    found = []
    for path in Path("/proc").glob("[0-9]*/stat"):
        try:
            state, _, process_group = path.read_text().rpartition(")")[2].split()[:3]
        except OSError:
            continue
        if process_group == group and state not in "ZX":
            found.append(path.parent.name)
    return found


def test_a_download_that_stalls(tmp_path: Path, recorder: Recorder, monkeypatch: pytest.MonkeyPatch) -> None:
    apt = AptDirectory(tmp_path, "deb", [SMALL_SUITE], recorder)
    program = tmp_path / "bin" / "apt-get"
    program.parent.mkdir()
    program.write_text(f"#!/bin/sh\necho $$ > {tmp_path}/pid\nsleep 600\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{program.parent}:/usr/bin:/bin")
    monkeypatch.setattr("bpflab.kernels.apt._STALLED_S", 2)
    with pytest.raises(FetchError, match="nothing arrived"):
        apt.download(["linux=1"], tmp_path, lambda part: None)
    group = (tmp_path / "pid").read_text().strip()
    deadline = time.monotonic() + 10
    while living(group) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not living(group)


def test_without_apt(tmp_path: Path, recorder: Recorder, monkeypatch: pytest.MonkeyPatch) -> None:
    apt = AptDirectory(tmp_path, "deb", [SMALL_SUITE], recorder)
    monkeypatch.setenv("PATH", "")
    with pytest.raises(MissingProgramError, match="apt-get is missing"):
        apt.update()
