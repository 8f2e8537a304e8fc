"""Makes the models of a graph, with their tables, and writes and reads the rows in SQL."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from django.apps import apps
from django.contrib.contenttypes.models import ContentType
from django.db import connection, models, transaction
from django.db.models import Model, Q, QuerySet

import gdpr_assist
from gdpr_assist.models import EventLog, Operation, Outcome, PrivacyAnonymised, Receipt
from gdpr_assist.registry import registry

from .drawing import Graph, Said, Shape
from .oracle import State

LABEL = "drawn"

ON_DELETE = {
    "CASCADE": models.CASCADE,
    "PROTECT": models.PROTECT,
    "RESTRICT": models.RESTRICT,
    "SET_NULL": models.SET_NULL,
    "DO_NOTHING": models.DO_NOTHING,
    "ANONYMISE": gdpr_assist.ANONYMISE(models.SET_NULL),
}


@contextmanager
def made(graph: Graph) -> Iterator[list[type[Model]]]:
    """Give the models, registered, with their tables, for the time of a block."""
    classes: list[type[Model]] = []
    try:
        for shape in graph.shapes:
            classes.append(_class(shape, classes))
        with connection.schema_editor() as editor:
            for each in classes:
                editor.create_model(each)
        yield classes
    finally:
        with connection.constraint_checks_disabled(), connection.cursor() as cursor:
            there = connection.introspection.table_names(cursor)
            for table in filter(set(there).__contains__, tables(classes)):
                cascade = " CASCADE" if connection.vendor == "postgresql" else ""
                cursor.execute(f"DROP TABLE {connection.ops.quote_name(table)}{cascade}")
        for each in classes:  # a parent takes the children that share its declaration with it
            if each in registry._registrations:
                registry._withdraw(each)
        apps.all_models[LABEL].clear()
        apps._pending_operations.clear()
        apps.clear_cache()


def _class(shape: Shape, classes: list[type[Model]]) -> type[Model]:
    text, note, mail, code, fact, ok = shape.columns
    inside: dict[str, Any] = {
        "__module__": f"tests.apps.{LABEL}.models",
        "Meta": type("Meta", (), {"app_label": LABEL}),
        text: models.CharField(max_length=60),
        note: models.CharField(max_length=60, blank=True),
        mail: models.EmailField(blank=True),
        code: models.CharField(max_length=20, blank=True),
        fact: models.CharField(max_length=60),
        ok: models.BooleanField(default=False),
    }
    for key in shape.keys:
        field = models.OneToOneField if key.is_unique else models.ForeignKey
        inside[key.name] = field(
            f"{LABEL}.M{key.target}", ON_DELETE[key.on_delete], related_name=f"b{key.name}", null=key.is_null
        )
    for link in shape.links:
        own: dict[str, Any] = {}
        if link.through is not None:
            keys = (f"k{link.through}0", f"k{link.through}1")
            own = {"through": f"{LABEL}.M{link.through}", "through_fields": keys}
        inside[link.name] = models.ManyToManyField(f"{LABEL}.M{link.target}", related_name=f"b{link.name}", **own)
    if shape.said is not None:
        inside["PrivacyMeta"] = _declaration(shape.said)
    base = models.Model if shape.parent is None else classes[shape.parent]
    return type(f"M{shape.number}", (base,), inside)


def _declaration(said: Said) -> type:
    keep: Any = {
        "anonymise": "anonymise",
        "delete": "delete",
        "keep": gdpr_assist.Keep("law"),
    }
    paths: Any = [*(["self"] if said.is_person else []), *said.paths]
    if said.parties:
        paths = {path: gdpr_assist.Party(erases=erases, sees=sees) for path, (erases, sees) in said.parties.items()}
    elif len(paths) == 1:
        [paths] = paths
    identifiers = {
        kind: gdpr_assist.Identifier(lookups, verified=_confirmed(lookups[0]) if verified == "Q" else verified or None)
        for kind, (lookups, verified) in said.identifiers.items()
    }
    inside = {
        "fields": said.fields,
        "subject": paths or None,
        "identifiers": identifiers,
        "actors": said.actors,
        "on_erasure": (
            {name: gdpr_assist.Keep("law") for name in said.on_erasure}
            if isinstance(said.on_erasure, tuple)
            else keep[said.on_erasure]
        ),
    }
    return type("PrivacyMeta", (), inside)


def _confirmed(lookup: str) -> Q:
    return Q(**{f"ok{lookup[4:]}": True})


def tables(classes: list[type[Model]]) -> list[str]:
    """Return the names of the tables, those of links among them."""
    return [each._meta.db_table for each in (*classes, *betweens(classes).values())]


def betweens(classes: list[type[Model]]) -> dict[tuple[int, str], Any]:
    """Return {(number of the model, name of the link): the model that Django has made for it}."""
    return {
        (number, field.name): field.remote_field.through
        for number, each in enumerate(classes)
        for field in each._meta.local_many_to_many
        if field.remote_field.through._meta.auto_created
    }


# -- rows ---------------------------------------------------------------------------------------


def state_of(classes: list[type[Model]]) -> State:
    """Return all columns of all rows."""
    state: State = {}
    with connection.cursor() as cursor:
        for each in (*classes, *betweens(classes).values()):
            opts = each._meta
            cursor.execute(f"SELECT * FROM {connection.ops.quote_name(opts.db_table)}")
            names = [column[0] for column in cursor.description]
            booleans = {field.column for field in opts.local_fields if isinstance(field, models.BooleanField)}
            for values in cursor.fetchall():
                row = dict(zip(names, values, strict=True))
                row |= {name: bool(row[name]) for name in booleans}
                state[opts.db_table, row[opts.pk.column]] = row
    return state


def write(classes: list[type[Model]], state: State) -> None:
    """Let the tables have these rows and no others."""
    quote = connection.ops.quote_name
    with connection.constraint_checks_disabled(), transaction.atomic(), connection.cursor() as cursor:
        for table in tables(classes):
            cursor.execute(f"DELETE FROM {quote(table)}")
        for (table, _), row in state.items():
            names, holes = ", ".join(map(quote, row)), ", ".join(["%s"] * len(row))
            cursor.execute(f"INSERT INTO {quote(table)} ({names}) VALUES ({holes})", list(row.values()))


def markers() -> list[Any]:
    return sorted(PrivacyAnonymised.objects.values_list("content_type__model", "object_id", "part"))


class Backup:
    """What the main database holds; and the log, for a second try from here."""

    def __init__(self, classes: list[type[Model]]) -> None:
        self.classes, self.state, self.markers = classes, state_of(classes), markers()
        self.written = {model: list(QuerySet(model)) for model in (PrivacyAnonymised, Receipt)}
        self.log = {model: list(QuerySet(model, using="gdpr_log")) for model in (Operation, EventLog, Outcome)}

    def restore(self) -> None:
        write(self.classes, self.state)
        for model, objects in self.written.items():
            QuerySet(model)._raw_delete("default")
            model.objects.bulk_create(objects)

    def forget(self) -> None:
        """Restore it, and let the log know of nothing since."""
        self.restore()
        for model in reversed(self.log):
            QuerySet(model)._raw_delete("gdpr_log")
        for model, objects in self.log.items():
            model.objects.using("gdpr_log").bulk_create(objects)


def forget_all() -> None:
    """Let no erasure ever have been."""
    for model in (PrivacyAnonymised, Receipt):
        QuerySet(model)._raw_delete("default")
    for model in (Outcome, EventLog, Operation):
        QuerySet(model)._raw_delete("gdpr_log")
    ContentType.objects.clear_cache()
