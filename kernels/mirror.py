"""Where this machine gets Debian packages from: read from its own apt configuration."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from .errors import ArchiveError

SUITES = (
    "bullseye",
    "bullseye-security",
    "bookworm",
    "bookworm-security",
    "bookworm-backports",
    "trixie",
    "trixie-security",
    "trixie-backports",
    "forky",
    "sid",
    "experimental",
)
"""Suites with kernels from 5.10 on, oldest first."""

_DEBIAN = {"buster", *(suite.partition("-")[0] for suite in SUITES)} | {
    "oldoldstable",
    "oldstable",
    "stable",
    "testing",
    "unstable",
}
_KEYRINGS = (
    Path("/usr/share/keyrings/debian-archive-keyring.gpg"),
    Path("/usr/share/keyrings/debian-archive-keyring.pgp"),
)
_ONE_LINE = re.compile(r"deb\s+(?:\[[^]]*]\s+)?(\S+)\s+(\S+)")


@dataclass(frozen=True)
class Mirror:
    """The URIs of the Debian archive and of its security archive."""

    archive: str
    security: str

    def uri(self, suite: str) -> str:
        """Where a suite lies."""
        return self.security if suite.endswith("-security") else self.archive


@dataclass(frozen=True)
class _Entry:
    uri: str
    suites: tuple[str, ...]


def configured_mirror(etc: Path = Path("/etc/apt"), environment: Mapping[str, str] = os.environ) -> Mirror:
    """The mirror that apt is configured with, or the one in ``$BPFLAB_DEBIAN_MIRROR``.

    Raises `ArchiveError` if there is no Debian mirror in either.
    """
    chosen = environment.get("BPFLAB_DEBIAN_MIRROR", "").rstrip("/")
    entries = [_Entry(chosen, ("stable",))] if chosen else list(_entries(etc))
    archive = security = None
    for entry in entries:
        for suite in entry.suites:
            code_name, _, kind = suite.partition("-")
            if code_name not in _DEBIAN:
                continue
            if kind == "security":
                security = security or entry.uri
            else:
                archive = archive or entry.uri
    if archive is None:
        raise ArchiveError(
            f"kernels come from a Debian mirror and {etc} configures none: "
            "set BPFLAB_DEBIAN_MIRROR to the URI of one (the folder that holds dists/ and pool/)"
        )
    # Mirrors carry the security archive beside the archive, as debian-security.
    return Mirror(archive, security or f"{archive.removesuffix('/')}-security")


def archive_keyring() -> Path:
    """The installed keyring of the Debian archive; raises `ArchiveError` naming its package."""
    found = next((path for path in _KEYRINGS if path.exists()), None)
    if found is None:
        raise ArchiveError(
            "cannot check the signatures of Debian's archive without its keyring: "
            "apt-get install debian-archive-keyring"
        )
    return found


def _entries(etc: Path) -> Iterator[_Entry]:
    parts = etc / "sources.list.d"
    for path in (etc / "sources.list", *sorted(parts.glob("*.list"))):
        yield from _one_line_entries(_read(path))
    for path in sorted(parts.glob("*.sources")):
        yield from _deb822_entries(_read(path))


def _read(path: Path) -> str:
    try:
        return path.read_text(errors="replace")
    except OSError:
        return ""


def _one_line_entries(text: str) -> Iterator[_Entry]:
    for line in text.splitlines():
        found = _ONE_LINE.match(line.strip())
        if found and not found[1].startswith("cdrom:"):
            yield _Entry(found[1].rstrip("/"), (found[2],))


def _deb822_entries(text: str) -> Iterator[_Entry]:
    for stanza in re.split(r"\n\s*\n", text):
        fields = _deb822_fields(stanza)
        uris = [uri for uri in fields.get("uris", "").split() if not uri.startswith("cdrom:")]
        wanted = "deb" in fields.get("types", "").split() and fields.get("enabled", "yes") != "no"
        if wanted and uris:
            yield _Entry(uris[0].rstrip("/"), tuple(fields.get("suites", "").split()))


def _deb822_fields(stanza: str) -> dict[str, str]:
    fields: dict[str, str] = {}
    name = ""
    for line in stanza.splitlines():
        if line.startswith("#"):
            continue
        if line[:1].isspace():
            fields[name] = f"{fields.get(name, '')} {line.strip()}"
        elif ":" in line:
            name, _, value = line.partition(":")
            name = name.strip().lower()
            fields[name] = value.strip()
    return fields
