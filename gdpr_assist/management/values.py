"""A person, and what an erasure would do, as values for JSON: models and numbers, no values of rows. Reads only."""

from __future__ import annotations

from typing import Any

from ..subjects.cascade import Obstacle
from ..subjects.doubts import Doubt
from ..subjects.lines import Line
from ..subjects.shares import without_superuser
from ..subjects.subject import Subject


def of_person(person: Subject) -> dict[str, Any]:
    """Return which rows are the person: none are, of a guest."""
    rows = {model._meta.label: sorted(keys) for model, keys in person.keys.items()}
    return {"database": person.using, "rows": rows}


def of_preview(person: Subject) -> dict[str, Any]:
    """Return what ``person.preview()`` says. Raises ``AnonymiseError`` as that does."""
    seen = person.outlook()
    return {
        "person": of_person(person),
        "lines": list(map(_line, seen.lines)),
        "uncertain": list(map(_doubt, person.doubts())),
        "obstacles": list(map(_obstacle, seen.obstacles)),
        "without_superuser": without_superuser(line.share for line in seen.lines),
    }


def _line(line: Line) -> dict[str, Any]:
    share = line.share
    return {
        "model": share.label,
        "part": share.plan.part if share.plan else share.found.part,
        "database": share.found.using,
        "count": line.count,
        "ways": line.ways,
        "does": share.verb,
        "fields": list(share.plan.fields) if share.plan else [],
        "stays": share.staying,
        "ground": share.ground,
        "is_copy": share.is_copy,
        "is_cascade": share.is_cascade,
        "marked": line.marked,
        "refilled": line.refilled,
    }


def _doubt(doubt: Doubt) -> dict[str, Any]:
    return {
        "model": doubt.model._meta.label,
        "database": doubt.rows.db,
        "count": doubt.rows.count(),
        "name": doubt.name,
        "reason": doubt.reason,
        "can_include": doubt.can_include,
    }


def _obstacle(obstacle: Obstacle) -> dict[str, Any]:
    return {
        "model": obstacle.model._meta.label,
        "count": obstacle.count,
        "deleted": obstacle.deleted._meta.label,
        "why": obstacle.why,
    }
