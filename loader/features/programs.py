"""Which program types the kernel loads, and which helpers in them."""

from __future__ import annotations

import errno
from functools import cache

from ..enums import ProgType
from .answer import YES, Answer, refused
from .trial import RETURN_ZERO, insn, load

_CALL = 0x85
_UNPROBED = frozenset({ProgType.STRUCT_OPS, ProgType.EXT})
"""Their helpers depend on what they are for."""
_ENOTSUPP = 524


@cache
def program_type(type: ProgType) -> Answer:
    """Whether programs of a type can be loaded."""
    trial = load(type)
    if trial.was_read:
        return YES if not trial.error else Answer(True, f"the verifier read it: {_last(trial.log)}")
    if type == ProgType.STRUCT_OPS and trial.error == _ENOTSUPP:
        return Answer(True, "the kernel wants a struct to be named")
    return refused(trial.error)


@cache
def helper(type: ProgType, number: int) -> Answer:
    """Whether programs of a type can call a helper, by its number in bpf_func_id.

    A yes means that the kernel lets them call it, with the right arguments.
    """
    if type in _UNPROBED:
        return Answer(None, f"what programs of type {type.name} may call depends on what they are for")
    trial = load(type, insn(_CALL, imm=number) + RETURN_ZERO)
    if not trial.was_read:
        return refused(trial.error, absent=(errno.EINVAL,))
    for words in ("invalid func", "unknown func", "cannot use helper"):
        if words in trial.log:
            return Answer(False, _last(trial.log, words))
    return YES if not trial.error else Answer(True, f"the verifier knows it: {_last(trial.log)}")


@cache
def helper_exists(number: int) -> Answer:
    """Whether the kernel has a helper at all, for whatever programs."""
    trial = load(ProgType.SOCKET_FILTER, insn(_CALL, imm=number) + RETURN_ZERO)
    if not trial.was_read:
        return refused(trial.error, absent=())
    if "invalid func" in trial.log:
        return Answer(False, _last(trial.log, "invalid func"))
    return YES if not trial.error else Answer(True, _last(trial.log))


def _last(log: str, words: str = "") -> str:
    """The last line of a log that holds some words, without the statistics behind it."""
    lines = [line.strip() for line in log.splitlines() if not line.startswith("processed ")]
    return next((line for line in reversed(lines) if line and words in line), "")
