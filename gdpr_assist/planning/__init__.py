"""From a queryset or an object to a ``Plan``: its rows, columns, way and numbers. Writes nothing."""

from .plans import Plan, plan

__all__ = ["Plan", "plan"]
