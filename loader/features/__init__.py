"""What the running kernel can do, found out by trying: yes, no, or cannot tell and why.

    from bpflab.loader import ProgType, features

    if features.program_type(ProgType.NETFILTER):
        ...
    print(features.helper(ProgType.XDP, 25))  # cannot tell (the kernel answered EPERM, …)

Answers are kept as long as the process lives. Nothing here takes part in loading: that tries,
and explains a refusal.
"""

from __future__ import annotations

from .answer import Answer
from .instructions import ABILITIES, ability
from .maps import map_flag, map_type
from .programs import helper, helper_exists, program_type
from .types import attach_type, kfunc, link_type

__all__ = [
    "ABILITIES",
    "Answer",
    "ability",
    "attach_type",
    "helper",
    "helper_exists",
    "kfunc",
    "link_type",
    "map_flag",
    "map_type",
    "program_type",
]
