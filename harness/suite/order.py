"""Programs that leave a trace of the order in which they ran (corpus/include/order.h)."""

from __future__ import annotations

from ..subjects.handles import SubjectObject
from .network import Port, frame
from .numbers import unsigned


def order_met(obj: SubjectObject, sender: Port, receiver: Port) -> int:
    """The programs that a frame meets on its way, as the digits of a number."""
    obj.set_variable("order", bytes(8))
    sender.send(frame(b"P"))
    assert receiver.receive() == frame(b"P")
    return unsigned(obj.variable("order"))
