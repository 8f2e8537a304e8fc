"""Runs plans. The only writer of personal data."""

from .execute import Result, execute
from .together import execute_together

__all__ = ["Result", "execute", "execute_together"]
