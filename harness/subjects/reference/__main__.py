"""The reference loader as a subject: requests on standard input, answers on standard output."""

from __future__ import annotations

import json
import sys
from typing import IO, Any

from .... import __version__
from .refusals import REFUSALS, describe
from .requests import Request, UsageError
from .subject import ReferenceSubject


def main() -> None:
    """Answer requests until standard input ends."""
    subject = ReferenceSubject(__version__)
    try:
        serve(subject, sys.stdin, sys.stdout)
    finally:
        subject.close()


def serve(subject: ReferenceSubject, requests: IO[str], answers: IO[str]) -> None:
    """One line in, one line out."""
    for line in requests:
        answers.write(json.dumps(answer(subject, line), separators=(",", ":")) + "\n")
        answers.flush()


def answer(subject: ReferenceSubject, line: str) -> dict[str, Any]:
    """The answer to one request line."""
    number: Any = None
    try:
        arguments = _parse(line)
        number = arguments.pop("id")
        request = Request(arguments)
        verb = request.text("verb")
        if verb not in subject.verbs:
            return {"id": number, "error": _unknown(verb)}
        return {"id": number, "ok": subject.verbs[verb](request)}
    except REFUSALS as error:
        return {"id": number, "error": describe(error)}


def _parse(line: str) -> dict[str, Any]:
    try:
        arguments = json.loads(line)
    except ValueError as error:
        raise UsageError(f"the request is not JSON: {error}") from None
    if not isinstance(arguments, dict) or arguments.get("id") is None:
        raise UsageError("the request is not an object with an 'id'")
    return arguments


def _unknown(verb: str) -> dict[str, Any]:
    return {"class": "unsupported", "errno": 0, "message": f"unknown verb '{verb}'", "log": ""}


if __name__ == "__main__":
    main()
