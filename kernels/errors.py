"""What can go wrong with kernels: every error is one clear line, without a traceback's help."""

from __future__ import annotations


class KernelsError(Exception):
    """Anything wrong with finding, fetching, reading or probing a kernel."""


class SelectorError(KernelsError):
    """A kernel was asked for that does not exist; names the near ones."""


class ArchiveError(KernelsError):
    """The machine's Debian archive cannot be used: no mirror, no keyring, no index."""


class FetchError(KernelsError):
    """A package did not arrive whole. Nothing of it is in the cache."""


class DiskFullError(FetchError):
    """The cache's file system has no room for what was asked."""


class MissingProgramError(KernelsError):
    """A program that this needs is not installed; names the package that brings it."""


class ImageError(KernelsError):
    """A kernel image cannot be read, or lacks what was looked for in it."""


class ProbeError(KernelsError):
    """A kernel did not pass its first boot."""
