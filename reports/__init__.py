"""Outcomes in, reports out: pure functions of a `Run`; the same run gives the same bytes."""

from .terminal import print_matrix
from .write import write_reports

__all__ = ["print_matrix", "write_reports"]
