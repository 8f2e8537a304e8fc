"""How tests look at what an erasure did, and at what it left alone."""

import hashlib
import re
import traceback
from contextlib import contextmanager
from unittest import mock

from django.db import connections
from django.test.utils import CaptureQueriesContext

from gdpr_assist.declaring.declaration import declare
from gdpr_assist.models import DatabaseIdentity, EventLog, Operation, PrivacyAnonymised, Receipt
from gdpr_assist.registry import registry

DATA_ALIASES = ("default", "other")


def rows(model, using="default"):
    """Return all columns of all rows, soft-deleted ones too."""
    return list(model._base_manager.using(using).order_by("pk").values())


def row(instance):
    """Return all columns of one row as it is in the database now."""
    manager = type(instance)._base_manager.using(instance._state.db)
    return manager.filter(pk=instance.pk).values().get()


def state(*models):
    """Return the rows of ``models`` and of everything that an erasure writes, in all databases."""
    written = (*models, PrivacyAnonymised, Receipt)
    found = {(using, model): rows(model, using) for using in DATA_ALIASES for model in written}
    return found | {("gdpr_log", each): rows(each, "gdpr_log") for each in (EventLog, Operation)}


@contextmanager
def unchanged(*models):
    """Fail if the block changes a row of ``models``, a marker, a receipt or an event."""
    before = state(*models)
    yield
    assert state(*models) == before


@contextmanager
def unchanged_rows(*models):
    """Fail if the block changes a row of ``models``; it may erase others."""
    before = [rows(model) for model in models]
    yield
    assert [rows(model) for model in models] == before


def events():
    """Return [(event, model label, key)] of the whole log, in the order of writing."""
    log = EventLog.objects.using("gdpr_log").order_by("pk")
    return [
        (each.event, f"{each.app_label}.{each.model_name}", each.target_pk) for each in log.exclude(operation=None)
    ]


def markers(model, using="default"):
    """Return the keys, as text, of the rows of ``model`` that are marked as anonymised."""
    found = PrivacyAnonymised.objects.using(using).filter(
        content_type__app_label=model._meta.app_label,
        content_type__model=model._meta.model_name,
    )
    return sorted(found.values_list("object_id", flat=True))


def spoken(error):
    """Return everything that a log or a terminal would show of ``error``."""
    return "\n".join([str(error), repr(error), *traceback.format_exception(error)])


@contextmanager
def listening(signal, receiver, sender=None):
    signal.connect(receiver, sender=sender, weak=False)
    try:
        yield
    finally:
        assert signal.disconnect(receiver, sender=sender)


def redeclared(model, meta_class, parts=None):
    """Let ``meta_class`` declare a model that is registered, for the time of a block.

    ``parts`` are {name: columns}, instead of those of the people in ``subject``.
    """
    declared = declare(model, meta_class)
    if parts is not None:
        vars(declared)["parts"] = {name: frozenset(columns) for name, columns in parts.items()}
    return mock.patch.dict(registry._declarations, {model: declared})


def changed(model, **attributes):
    """Declare ``model`` as it is, but for these attributes, for the time of a block."""
    return redeclared(model, type("PrivacyMeta", (type(registry.declaration(model).meta),), attributes))


def queries(action, using="default"):
    """Return the SQL that ``action`` runs on one alias, without quotes."""
    with CaptureQueriesContext(connections[using]) as captured:
        action()
    return [re.sub(r'[`"]', "", query["sql"]) for query in captured]


def updates(sql, model):
    """Return those of the statements that update the table of ``model``."""
    return [each for each in sql if each.startswith(f"UPDATE {model._meta.db_table} ")]


def digits(instance, label=None, text=None):
    """Return the digits beside the primary key in a unique column of the instance, worked out by hand."""
    using = instance._state.db
    key = bytes(DatabaseIdentity.objects.using(using).get().key).hex()
    label, text = label or instance._meta.concrete_model._meta.label, text or str(instance.pk)
    return hashlib.sha256(f"{key}:{label}:{text}".encode()).hexdigest()[:16]


def keyed(instance, **options):
    """Return the new value of a unique text of the instance."""
    return f"{instance.pk}-{digits(instance, **options)}"


def address(instance):
    """Return the new value of the instance's column ``email``."""
    is_unique = instance._meta.get_field("email").unique
    return f"{keyed(instance) if is_unique else instance.pk}@anon.example.com"


@contextmanager
def in_table(model, name):
    """Have the model look for its rows in another table within the block.

    Django keeps the name of the table with each field when it first asks for that one: so none may stay.
    """

    def forget():
        for field in model._meta.concrete_fields:
            field.__dict__.pop("cached_col", None)

    forget()
    try:
        with mock.patch.object(model._meta, "db_table", name):
            yield
    finally:
        forget()
