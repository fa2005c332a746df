"""Files are read whole."""

from __future__ import annotations

import os
from pathlib import Path
from threading import Thread

from bpflab.loader.lean import read_file


def test_a_file_that_gives_a_page_at_a_time_is_read_whole(tmp_path: Path) -> None:
    """As those of /sys do: the BTF of a module, for one."""
    path = tmp_path / "fifo"
    os.mkfifo(path)

    def write() -> None:
        with path.open("wb", buffering=0) as file:
            for _ in range(5):
                file.write(bytes(4096))

    writer = Thread(target=write)
    writer.start()
    assert len(read_file(path)) == 5 * 4096
    writer.join()


def test_files_with_and_without_a_size(tmp_path: Path) -> None:
    (tmp_path / "empty").write_bytes(b"")
    (tmp_path / "large").write_bytes(bytes(200_000))
    assert read_file(tmp_path / "empty") == b""
    assert len(read_file(tmp_path / "large")) == 200_000
    assert b"MemTotal" in read_file("/proc/meminfo")
