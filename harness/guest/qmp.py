"""The few things that are asked of QEMU's machine protocol (QMP)."""

from __future__ import annotations

import json
import socket
import time
from typing import Any

_ANSWER_WITHIN_S = 60.0
_POLL_S = 0.005


class QmpError(Exception):
    """QEMU refused a command, or is gone."""


class Qmp:
    """Our end of a monitor. The caller owns the socket."""

    def __init__(self, connection: socket.socket) -> None:
        self._socket = connection
        self._socket.settimeout(_ANSWER_WITHIN_S)
        self._unread = b""
        self._read()  # the greeting
        self.execute("qmp_capabilities")

    def execute(self, command: str, **arguments: Any) -> Any:
        """Run a command and return its answer. Raises `QmpError`."""
        self._send(command, arguments)
        return self._answer(command)

    def give_file(self, name: str, fd: int) -> None:
        """Hand over an open file, for a command to use as ``fd:NAME``."""
        request = json.dumps({"execute": "getfd", "arguments": {"fdname": name}}).encode()
        try:
            socket.send_fds(self._socket, [request], [fd])
        except OSError as error:
            raise QmpError(f"getfd: {error}") from error
        self._answer("getfd")

    def save(self, fd: int) -> None:
        """Stop the guest and write its state to a file."""
        self.execute("stop")
        # The default limits the rate for the sake of a network.
        self.execute("migrate-set-parameters", **{"max-bandwidth": 1 << 40})
        self.give_file("state", fd)
        self.execute("migrate", uri="fd:state")
        self._await_migration()

    def restore(self, fd: int) -> None:
        """Read the state of a guest started with `Incoming` from a file, and let it go on."""
        self.give_file("state", fd)
        self.execute("migrate-incoming", uri="fd:state")
        self._await_migration()
        self.execute("cont")

    def _await_migration(self) -> None:
        deadline = time.monotonic() + _ANSWER_WITHIN_S
        while (status := self.execute("query-migrate").get("status", "none")) != "completed":
            if status in ("failed", "cancelled") or time.monotonic() > deadline:
                raise QmpError(f"the guest's state did not get across: {status}")
            time.sleep(_POLL_S)

    def _send(self, command: str, arguments: dict[str, Any]) -> None:
        try:
            self._socket.sendall(json.dumps({"execute": command, "arguments": arguments}).encode())
        except OSError as error:
            raise QmpError(f"{command}: {error}") from error

    def _answer(self, command: str) -> Any:
        while True:
            message = self._read()
            if "error" in message:
                raise QmpError(f"{command}: {message['error'].get('desc', message['error'])}")
            # Anything else is an event.
            if "return" in message:
                return message["return"]

    def _read(self) -> dict[str, Any]:
        while b"\n" not in self._unread:
            try:
                data = self._socket.recv(1 << 16)
            except OSError as error:
                raise QmpError(f"QEMU does not answer: {error}") from error
            if not data:
                raise QmpError("QEMU has gone away")
            self._unread += data
        line, _, self._unread = self._unread.partition(b"\n")
        message: dict[str, Any] = json.loads(line)
        return message
