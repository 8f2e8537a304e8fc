"""django.contrib.admin: its log has the text of each object. Who did something, and when, stays.

The entry of an erasure, which names the operation, stays as it is.
"""

from __future__ import annotations

from functools import reduce
from operator import or_
from typing import Any

from django.apps import apps
from django.db.models import F, Model, Q, TextField, Value
from django.db.models.functions import Concat, Left

from ..declaring.clauses import Generic
from ..registry import concrete

APP = "django.contrib.admin"


def holds_nothing(model: type[Model]) -> Q:
    """Return the condition that an entry about a row of ``model`` says no more of it than its key.

    So do those of erasures (``admin.history``): the text of the object is the label and the key. What Django writes of
    a change is JSON, and may have the texts of other objects.
    """
    every = apps.get_models(include_auto_created=True)
    named = [each for each in every if concrete(each) is concrete(model)]  # with proxies
    texts = (Concat(Value(f"{each._meta.label} "), F("object_id"), output_field=TextField()) for each in named)
    return reduce(or_, (Q(object_repr=Left(text, 200)) for text in texts)) & ~Q(change_message__startswith="[")


class LogEntryPrivacy:
    fields = ["object_repr", "change_message"]
    keep = ["action_time", "action_flag", "content_type", "object_id", "user"]
    copy_of = Generic("content_type", "object_id", but=holds_nothing)
    actors = ["user"]


def declarations() -> dict[str, type[Any]]:
    return {"admin.LogEntry": LogEntryPrivacy}
