"""The same works as one would write them by hand for one table, knowing all about it."""

from __future__ import annotations

import hashlib
import uuid
from collections.abc import Iterator
from contextlib import nullcontext
from typing import Any

from django.apps import apps
from django.contrib.contenttypes.models import ContentType
from django.db import connection, connections, transaction
from django.db.models import Model
from django.utils import timezone

from .databases import compact
from .dialect import digest, joined, key_as_text
from .models import PERSONAL, Citizen, Entry, Member, Person
from .seeding import JOINED_BEFORE

# Older SQLite takes 999 parameters.
ROWS_PER_STATEMENT = 900


def scrub(model: type[Model]) -> None:
    """One UPDATE and one INSERT for the whole table."""
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(_update(model))
        cursor.execute(mark(model))


def update(model: type[Model]) -> None:
    """One UPDATE for the whole table."""
    with connection.cursor() as cursor:
        cursor.execute(_update(model))


def scrub_and_compact(model: type[Model]) -> None:
    """One UPDATE and one INSERT for the whole table, and VACUUM, VACUUM FULL or OPTIMIZE TABLE of it."""
    scrub(model)
    compact(model)


def erase() -> None:
    """The same for those that a condition finds, logged: receipt, events in the other database, outcome."""
    _erase({Person: (_update(Person), "joined < %s", [JOINED_BEFORE])})


def erase_citizen(rows: type[Model] = Entry) -> None:
    """The same for a person, and all that is about her, or all that she was before."""
    key = key_as_text()
    address = joined(key, "'@anon.example.com'")
    update = f"UPDATE benchmarks_citizen SET name = {key}, email = {address}"
    _erase({Citizen: (update, "id = %s", [1]), rows: (_update(rows), "citizen_id = %s", [1])})


def _erase(tables: dict[type[Model], tuple[str, str, list[Any]]]) -> None:
    """Change these tables, {model: (the UPDATE, which rows, the parameters of that)}, as one operation."""
    operation, now = uuid.uuid4(), timezone.now()
    with transaction.atomic(), connection.cursor() as cursor:
        keys = {}
        for model, (_, condition, parameters) in tables.items():
            cursor.execute(f"SELECT id FROM {model._meta.db_table} WHERE {condition}", parameters)
            keys[model] = [str(row[0]) for row in cursor.fetchall()]
        cursor.execute(f"{_receipts()} VALUES (%s, %s, '')", [_stored(operation), now])
        _log(operation, now, keys)
        for model, (update, condition, parameters) in tables.items():
            cursor.execute(f"{update} WHERE {condition}", parameters)
            cursor.execute(f"{mark(model)} WHERE {condition}", parameters)
    with connections["gdpr_log"].cursor() as cursor:
        cursor.execute(
            "INSERT INTO gdpr_assist_outcome (operation_id, committed, decided) VALUES (%s, %s, %s)",
            [_stored(operation), True, timezone.now()],
        )


def save_each() -> None:
    """Django's own loop."""
    key = _key()
    with transaction.atomic():
        for person in Person.objects.filter(joined__lt=JOINED_BEFORE).iterator():
            person.name = str(person.pk)
            person.nickname = person.notes = ""
            digits = hashlib.sha256(f"{key}:benchmarks.Person:{person.pk}".encode()).hexdigest()[:16]
            person.email = f"{person.pk}-{digits}@anon.example.com"
            person.birthday = person.income = person.last_ip = None
            person.website = f"http://{person.pk}.anon.example.com"
            person.save(update_fields=PERSONAL)


def replay(*, in_one_transaction: bool) -> None:
    """Read the events in pages; for each page a DELETE, an UPDATE, the markers, and the receipts."""
    seen: set[Any] = set()
    with transaction.atomic() if in_one_transaction else nullcontext():
        for page in _events():
            with transaction.atomic(), connection.cursor() as cursor:
                _apply(cursor, page, seen)


def _apply(cursor: Any, page: list[tuple[Any, ...]], seen: set[Any]) -> None:
    started = {operation: when for _, _, _, operation, when in page if operation not in seen}
    seen.update(started)
    if started:
        there = f"SELECT operation FROM gdpr_assist_receipt WHERE operation IN ({_marks(started)})"
        cursor.execute(there, list(started))
        if cursor.fetchall():
            raise RuntimeError("These were applied before.")
    deleted = [int(key) for _, event, key, _, _ in page if event == "delete"]
    anonymised = [int(key) for _, event, key, _, _ in page if event == "anonymise"]
    cursor.execute(f"DELETE FROM benchmarks_person WHERE id IN ({_marks(deleted)})", deleted)
    cursor.execute(
        f"DELETE FROM gdpr_assist_privacyanonymised WHERE content_type_id = {_kind(Person):d}"
        f" AND object_id IN ({_marks(page)})",
        [row[2] for row in page],
    )
    cursor.execute(f"{_update(Person)} WHERE id IN ({_marks(anonymised)})", anonymised)
    cursor.execute(f"{mark(Person)} WHERE id IN ({_marks(anonymised)})", anonymised)
    if started:
        values = ", ".join(["(%s, %s, '')"] * len(started))
        rows = [value for row in started.items() for value in row]
        cursor.execute(f"{_receipts()} VALUES {values}", rows)


def _events() -> Iterator[list[tuple[Any, ...]]]:
    last = 0
    with connections["gdpr_log"].cursor() as cursor:
        while True:
            cursor.execute(
                "SELECT event.id, event, target_pk, operation.id, started FROM gdpr_assist_eventlog event"
                " JOIN gdpr_assist_operation operation ON operation.id = event.operation_id"
                " JOIN gdpr_assist_outcome outcome ON outcome.operation_id = operation.id"
                f" WHERE committed AND event.id > %s ORDER BY event.id LIMIT {ROWS_PER_STATEMENT:d}",
                [last],
            )
            page = cursor.fetchall()
            if not page:
                return
            yield page
            last = page[-1][0]


def _update(model: type[Model]) -> str:
    key, seed = key_as_text(), f"'{_key()}:{model._meta.label}:'"
    nickname = joined("'Guest '", key) if model is Member else "''"
    digits = f"SUBSTR({digest(joined(seed, key))}, 1, 16)"
    return update_of(model, nickname=nickname, email=joined(key, "'-'", digits, "'@anon.example.com'"))


def update_of(model: type[Model], *, nickname: str = "''", email: str) -> str:
    """Return the UPDATE that gives each column what the rules give it, but for these two."""
    key = key_as_text()
    website = joined("'http://'", key, "'.anon.example.com'")
    return (
        f"UPDATE {model._meta.db_table} SET name = {key}, nickname = {nickname}, email = {email}, notes = '',"
        f" birthday = NULL, income = NULL, last_ip = NULL, website = {website}"
    )


def _key() -> str:
    return bytes(apps.get_model("gdpr_assist", "DatabaseIdentity").objects.get().key).hex()


def mark(model: type[Model]) -> str:
    return (
        "INSERT INTO gdpr_assist_privacyanonymised (content_type_id, object_id)"
        f" SELECT {_kind(model):d}, {key_as_text()} FROM {model._meta.db_table}"
    )


def _log(operation: uuid.UUID, now: Any, keys: dict[type[Model], list[str]]) -> None:
    database_id = apps.get_model("gdpr_assist", "DatabaseIdentity").objects.get().database_id
    with transaction.atomic(using="gdpr_log"), connections["gdpr_log"].cursor() as cursor:
        cursor.execute(
            "INSERT INTO gdpr_assist_operation (id, database_id, started, "
            f"{connection.ops.quote_name('using')}) VALUES (%s, %s, %s, 'default')",
            [_stored(operation), _stored(database_id), now],
        )
        insert = "INSERT INTO gdpr_assist_eventlog (event, app_label, model_name, target_pk, operation_id) VALUES "
        for model, those in keys.items():
            row = f"('anonymise', 'benchmarks', '{model._meta.object_name}', %s, '{_stored(operation)}')"
            for start in range(0, len(those), ROWS_PER_STATEMENT):
                page = those[start : start + ROWS_PER_STATEMENT]
                cursor.execute(insert + ", ".join([row] * len(page)), page)


def _kind(model: type[Model]) -> int:
    return ContentType.objects.get_for_model(model).pk


def _receipts() -> str:
    return f"INSERT INTO gdpr_assist_receipt (operation, written, {connection.ops.quote_name('by')})"


def _stored(key: uuid.UUID) -> Any:
    """SQLite has the 32 digits, the servers a type of their own."""
    return apps.get_model("gdpr_assist", "Receipt")._meta.pk.get_db_prep_value(key, connection)


def _marks(values: Any) -> str:
    return ", ".join(["%s"] * len(values))
