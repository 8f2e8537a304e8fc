"""Raises the sequences of integer keys past the logged ones: a new row must not get the key of an erased one."""

from __future__ import annotations

from typing import Any

from django.db import router
from django.db.models import AutoField, BigIntegerField, Max, Model, Q
from django.db.models.functions import Cast

from ..conf import log_database
from ..databases.sequences import raise_sequence
from ..log.identity import Databases
from ..registry import registry
from ..tables import EventLog, Operation
from ..undocumented import largest_key

WHOLE_NUMBER = r"^[0-9]{1,18}$"


def raise_sequences(databases: Databases) -> list[str]:
    """Raise what stands below the highest logged key of these databases; return the labels of the models."""
    raised = []
    for (using, field), key in _highest(databases).items():
        largest = largest_key(field, using)
        is_too_high = largest is not None and key >= largest
        if not is_too_high and raise_sequence(using, field.model._meta.db_table, str(field.column), key):
            raised.append(field.model._meta.label)
    return raised


def _highest(databases: Databases) -> dict[tuple[str, Any], int]:
    """Return {(alias, field with a sequence): highest logged key}."""
    log = str(log_database())
    ours = Q(operation=None)
    for using, database_id in Operation.objects.using(log).values_list("using", "database_id").distinct():
        if database_id in databases.ids(using):
            ours |= Q(operation__using=using, operation__database_id=database_id)
    events = EventLog.objects.using(log).filter(ours, target_pk__regex=WHOLE_NUMBER)
    places = events.order_by().values_list("operation__using", "app_label", "model_name")
    highest: dict[tuple[str, Any], int] = {}
    for using, app_label, model_name, key in places.annotate(key=Max(Cast("target_pk", BigIntegerField()))):
        model = registry.find(f"{app_label}.{model_name}")
        field = model and key_source(model)
        if isinstance(field, AutoField):
            place = (str(using or router.db_for_write(field.model)), field)
            highest[place] = max(key, highest.get(place, 0))
    return highest


def key_source(model: type[Model]) -> Any:
    """Return the field that makes the keys of ``model``: of a multi-table child, that of its first parent."""
    field: Any = model._meta.pk
    while field.remote_field and field.remote_field.parent_link:
        field = field.remote_field.model._meta.pk
    return field
