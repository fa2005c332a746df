"""What stands behind one cell, as labelled sections in the order a reader wants them."""

from __future__ import annotations

import errno
import json
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from ..harness.outcomes import CheckInfo, CheckResult, GuestRecord, Outcome, Verdict
from .clean import shortened

EVIDENCE = {
    "log": "Verifier log",
    "dmesg": "Kernel messages",
    "console": "Console of the guest",
    "traceback": "Traceback",
}
"""The keys of `CheckResult.detail` that hold long texts, and what they are called."""

_SHORT = ("class", "errno", "deviation", "reproduce", "command")


class Form(StrEnum):
    """How a section is shown."""

    TEXT = "text"
    CODE = "code"
    COMMAND = "command"


@dataclass(frozen=True)
class Section:
    """A labelled text."""

    label: str
    text: str
    form: Form = Form.TEXT


def sections(result: CheckResult, check: CheckInfo, limit: int) -> list[Section]:
    """Everything known about one cell; long texts are cut to about `limit` characters."""
    detail = result.detail
    listed = [
        Section("Reason", shortened(result.reason, limit)),
        Section("Expected", _expected(result, check)),
        Section("Error", _error(detail)),
        Section("Deviation", _text(detail.get("deviation"))),
        Section("Time", f"{result.seconds:.2f} s"),
        Section("Reproduce this cell", _text(detail.get("reproduce")), Form.COMMAND),
    ]
    listed += [
        Section(label, shortened(_text(detail.get(key)).strip("\n"), limit), Form.CODE)
        for key, label in EVIDENCE.items()
    ]
    listed += [
        Section(str(key), shortened(_text(detail[key]), limit), Form.CODE)
        for key in sorted(detail.keys() - EVIDENCE.keys() - set(_SHORT))
    ]
    listed.append(Section("Guest command", _text(detail.get("command")), Form.COMMAND))
    return [section for section in listed if section.text]


def guest_sections(guest: GuestRecord) -> list[Section]:
    """How one guest was made and what became of it."""
    listed = [
        Section(
            "Guest",
            ": ".join(filter(None, (f"{guest.engine}, {guest.accelerator}", guest.end, guest.reason))),
        ),
        Section("Notes", "; ".join(guest.notes)),
        Section("Guest command", guest.command, Form.COMMAND),
    ]
    return [section for section in listed if section.text]


def _expected(result: CheckResult, check: CheckInfo) -> str:
    if result.verdict is Verdict.EXPECTED:
        if result.outcome is Outcome.UNSUPPORTED and check.minimum:
            return f"unsupported: this needs Linux {check.minimum}"
        return str(result.outcome)
    if check.minimum:
        return f"pass from Linux {check.minimum} on; unsupported, with the right error, before"
    return "pass"


def _error(detail: dict[str, Any]) -> str:
    number = detail.get("errno")
    name = errno.errorcode.get(abs(number), "") if isinstance(number, int) else ""
    parts = [_text(detail.get("class")), f"errno {_text(number)} {name}".rstrip() if number else ""]
    return ", ".join(part for part in parts if part)


def _text(value: Any) -> str:
    if value is None or isinstance(value, str):
        return value or ""
    return json.dumps(value, sort_keys=True, ensure_ascii=False, default=str)
