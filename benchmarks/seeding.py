"""Fills the tables: varied values of realistic lengths, made once and then copied by SQL."""

from __future__ import annotations

import datetime
import random
import uuid
from itertools import islice
from typing import Any

from django.apps import apps
from django.db import router
from django.db.models import Model
from django.utils import timezone

from . import databases
from .dialect import joined
from .models import (
    ALIKE,
    PAPERS,
    Citizen,
    Columns,
    Customer,
    Entry,
    Member,
    Order,
    Past,
    PlainCustomer,
    Purchase,
    Seed,
)

# Made in Python; what goes beyond is copied from these, each with an address of its own.
ORIGINALS = 10_000
ROWS_PER_INSERT = 500

FIRST = ["Ada", "Berta", "Chidi", "Dilnoza", "Emre", "Fatima", "Goran", "Hana", "Ines", "Jamal", "Katarzyna", "Olu"]
LAST = ["Abara", "Bianchi", "Castillo", "Dvořák", "Eze", "Fischer", "Grönlund", "Hernández", "Ivanova", "Johansson"]
PHRASES = [
    "asked for a delivery after six,",
    "paid by card,",
    "called again about the invoice,",
    "moved to the second floor,",
    "prefers letters to e-mail,",
    "is allergic to nuts,",
    "the neighbour takes parcels,",
    "returned the blue one,",
    "member since the first year,",
]
COUNTRIES = ["CZ", "DE", "ES", "FI", "GB", "IT", "NG", "PL", "SE", "TR"]

JOINED_BEFORE = datetime.datetime(2026, 1, 1, tzinfo=datetime.timezone.utc)
DAY = datetime.date(2026, 1, 1)


def template(rows: int) -> None:
    """Let ``Seed`` have rows with the keys 1 to ``rows`` at least."""
    there = Seed.objects.count()
    if there < min(rows, ORIGINALS):
        databases.empty([Seed])
        there = 0
        _bulk_create(Seed, (_original(key) for key in range(1, min(rows, ORIGINALS) + 1)))
        there = Seed.objects.count()
    columns = _columns(Seed)
    copied = {"id": "id + %s", "email": joined("%s", "email")}
    sql = (
        f"INSERT INTO benchmarks_seed ({', '.join(columns)})"
        f" SELECT {', '.join(copied.get(column, column) for column in columns)} FROM benchmarks_seed WHERE id <= %s"
    )
    for start in range(there, rows, ORIGINALS):
        databases.execute(sql, [start, f"{start}.", min(ORIGINALS, rows - start)])


def fill(model: type[Columns], rows: int, condition: str = "1 = 1") -> None:
    """Empty what is registered; fill ``model`` with rows 1 to ``rows`` of the template that meet ``condition``."""
    template(rows)
    databases.empty([*ALIKE, Member, Order, Customer, *own_tables("default")])
    databases.release()
    copy(model, rows, condition)


def several(rows: int) -> None:
    """Spread so many rows over the tables that are alike."""
    share = rows // len(ALIKE)
    fill(ALIKE[0], share)
    for model in ALIKE[1:]:
        copy(model, share)


def copy(model: type[Columns], rows: int, condition: str = "1 = 1") -> None:
    """Fill ``model``, which is empty, with rows 1 to ``rows`` of the template that meet ``condition``."""
    columns = ", ".join(_columns(model))
    databases.execute(
        f"INSERT INTO {model._meta.db_table} ({columns})"
        f" SELECT {columns} FROM benchmarks_seed WHERE id <= {rows:d} AND {condition} ORDER BY id"
    )
    databases.settle(model)


def citizen(entries: int = 0, papers: int = 0, past: int = 0) -> None:
    """Leave one citizen with so many entries, so many papers of each kind, and so many rows of history."""
    template(max(entries, past))
    databases.empty([Entry, Past, *PAPERS, Citizen, *own_tables("default")])
    databases.release()
    made = Citizen.objects.create(pk=1, name="Ada", email="ada@mail.example.org")
    columns = ", ".join(_columns(Seed))
    for model, rows in ((Entry, entries), (Past, past)):
        databases.execute(
            f"INSERT INTO {model._meta.db_table} ({columns}, citizen_id)"
            f" SELECT {columns}, {made.pk:d} FROM benchmarks_seed WHERE id <= {rows:d} ORDER BY id"
        )
        databases.settle(model)
    for model in PAPERS:
        _bulk_create(model, (model(citizen=made, text="Ada") for _ in range(papers)))


def empty_log() -> None:
    databases.empty(own_tables("gdpr_log"), "gdpr_log")
    databases.release("gdpr_log")


def log(model: type[Model], events: int, per_operation: int) -> None:
    """Log ``events`` erasures of the rows 1 to ``events``: odd keys were deleted, even ones anonymised."""
    empty_log()
    operation_class, event_class, outcome_class = map(_own_model, ("Operation", "EventLog", "Outcome"))
    database_id = _own_model("DatabaseIdentity").objects.get_or_create(pk=1)[0].database_id
    start = timezone.now() - datetime.timedelta(days=1)
    operations = [
        operation_class(id=_uuid(at), database_id=database_id, using="default", started=start + _milliseconds(at))
        for at in range(0, events, per_operation)
    ]
    _bulk_create(operation_class, iter(operations), "gdpr_log")
    kind = {"app_label": model._meta.app_label, "model_name": model._meta.object_name}
    rows = (
        event_class(
            event="delete" if key % 2 else "anonymise",
            target_pk=str(key),
            operation=operations[(key - 1) // per_operation],
            **kind,
        )
        for key in range(1, events + 1)
    )
    _bulk_create(event_class, rows, "gdpr_log")
    outcomes = (outcome_class(operation=each, committed=True, decided=each.started) for each in operations)
    _bulk_create(outcome_class, outcomes, "gdpr_log")
    for table in (operation_class, event_class, outcome_class):
        databases.settle(table, "gdpr_log")


def shop(customers: int, orders_each: int, *, models: tuple[Any, Any] = (Customer, Order)) -> None:
    """Fill customers and orders, or their twins, with what the app has written where they are registered."""
    customer_class, order_class = models
    is_plain = customer_class is PlainCustomer  # which the child without the app has too
    databases.empty([order_class, customer_class, *([] if is_plain else own_tables("default"))])
    made = [customer_class(pk=key, name=f"Customer {key}", email=f"c{key}@example.org") for key in _keys(customers)]
    _bulk_create(customer_class, iter(made))
    orders = (
        order_class(
            pk=key,
            recipient=f"Recipient {key}",
            address=f"{key} High Street",
            total=key,
            placed=DAY,
            **_of(order_class, made[(key - 1) // orders_each]),
        )
        for key in _keys(customers * orders_each)
    )
    _bulk_create(order_class, orders)


def _of(order_class: Any, customer: Any) -> dict[str, Any]:
    return {"buyer": customer, "email": customer.email} if order_class is Purchase else {"customer": customer}


def _keys(number: int) -> range:
    return range(1, number + 1)


def _own_model(name: str) -> Any:
    """Return a model of the app, which the child without it must be able to do without."""
    return apps.get_model("gdpr_assist", name)


def own_tables(using: str) -> list[Any]:
    """Return what the app writes to on ``using``: all but the id of the database."""
    models = [model for model in apps.get_app_config("gdpr_assist").get_models() if model._meta.managed]
    written = [model for model in models if model._meta.object_name != "DatabaseIdentity"]
    return [model for model in written if router.allow_migrate_model(using, model)]


def _columns(model: type[Model]) -> list[str]:
    return [str(field.column) for field in model._meta.concrete_fields]


def _bulk_create(model: Any, instances: Any, using: str = "default") -> None:
    while batch := list(islice(instances, ROWS_PER_INSERT)):
        model.objects.using(using).bulk_create(batch)


def _uuid(at: int) -> uuid.UUID:
    return uuid.UUID(int=random.Random(at).getrandbits(128), version=4)


def _milliseconds(number: int) -> datetime.timedelta:
    return datetime.timedelta(milliseconds=number)


def _original(key: int) -> Seed:
    chance = random.Random(key)
    first, last = chance.choice(FIRST), chance.choice(LAST)
    return Seed(
        pk=key,
        name=f"{first} {last}",
        nickname=first[:3].lower() if chance.random() < 0.5 else "",
        email=f"{first}.{last}.{key}@mail.example.org".lower(),
        notes=" ".join(chance.choices(PHRASES, k=chance.randint(1, 12))) if chance.random() < 0.7 else "",
        birthday=DAY - datetime.timedelta(days=chance.randint(18 * 365, 90 * 365)) if chance.random() < 0.9 else None,
        income=chance.randint(0, 120_000) if chance.random() < 0.9 else None,
        last_ip=f"10.{chance.randint(0, 255)}.{chance.randint(0, 255)}.{chance.randint(1, 254)}",
        website=f"https://www.{last}-{key}.example.org/about/{first}".lower(),
        country=chance.choice(COUNTRIES),
        newsletter=chance.random() < 0.5,
        joined=JOINED_BEFORE - datetime.timedelta(minutes=chance.randint(1, 5_000_000)),
    )
