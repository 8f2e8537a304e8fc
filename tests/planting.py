"""Values of people made by chance, in tables that no model has, in each way in which they get there."""

import base64
import html
import json
import pickle
import random
import zlib
from collections import Counter
from unicodedata import normalize
from urllib.parse import quote_plus

from django.contrib.sessions.backends.db import SessionStore
from django.core import signing
from django.db import connections

# As a word processor does
TYPOGRAPHIC = str.maketrans({" ": "\u00a0", "'": "\u2019", "-": "\u2011"})

LETTERS = "abcdefghijklmnoprstuvwz"
LAST = ["Dvořák", "Grönlund", "Nuñez", "Łukasik", "Şahin", "O'Leary-Smith", "Lefèvre", "Quill"]
CYRILLIC = ["Иванова", "Щербакова", "Королёв", "Юрьева"]

# {table: {column: its type}}; the types of each database are below
TABLES = {
    "leftover_notes": {"id": "number", "body": "text", "added": "time"},
    "leftover_history": {
        "id": "number",
        "first_name": "varchar(40)",
        "last_name": "varchar(40)",
        "email": "varchar(254)",
        "kind": "char(1)",
    },
    "leftover_json": {"id": "number", "payload": "json"},
    "leftover_blobs": {"id": "number", "content": "binary"},
    "leftover_sessions": {"session_key": "varchar(40)", "session_data": "text", "expire_date": "time"},
    "leftover_queries": {"id": "number", "query": "varchar(2000)", "total": "decimal(8, 2)"},
    "left over 100%": {"select": "varchar(300)"},
}

TYPES = {
    "sqlite": {"text": "text", "json": "text", "binary": "blob", "time": "datetime", "number": "integer"},
    "postgresql": {"text": "text", "json": "jsonb", "binary": "bytea", "time": "timestamptz", "number": "bigint"},
    "mysql": {"text": "longtext", "json": "json", "binary": "longblob", "time": "datetime(6)", "number": "bigint"},
}


def create_tables(using):
    types = TYPES[connections[using].vendor]
    with connections[using].cursor() as cursor:
        for table, columns in TABLES.items():
            made = ", ".join(
                f"{connections[using].ops.quote_name(name)} {types.get(kind, kind)}" for name, kind in columns.items()
            )
            cursor.execute(f"CREATE TABLE {connections[using].ops.quote_name(table)} ({made})")


def insert(using, table, **cells):
    operations = connections[using].ops
    columns = ", ".join(operations.quote_name(name) for name in cells)
    places = ", ".join(["%s"] * len(cells))
    sql = f"INSERT INTO {operations.quote_name(table).replace('%', '%%')} ({columns}) VALUES ({places})"
    with connections[using].cursor() as cursor:
        cursor.execute(sql, list(cells.values()))


# -- people ------------------------------------------------------------------------------------


def people(seed, number):
    """Return the values of so many people: (first name, last name, address, a number, one in another alphabet)."""
    chance = random.Random(seed)

    def word(length):
        return "".join(chance.choices(LETTERS, k=length))

    return [
        (
            word(6).title(),
            f"{chance.choice(LAST)}{word(4)}",
            f"{word(5)}.{word(7)}@{word(6)}.example",
            f"+49 30 {chance.randint(10**6, 10**7)}",
            f"{chance.choice(CYRILLIC)} {''.join(chance.choices('абвгдежзи', k=6)).title()}",
        )
        for _ in range(number)
    ]


def values_of(person):
    first, last, address, number, other = person
    return [f"{first} {last}", address, number, other]


# -- ways --------------------------------------------------------------------------------------


def spelled(value):
    """Yield a value as people and machines write it."""
    yield value
    yield value.upper()
    yield value.lower()
    yield normalize("NFC", value)
    yield normalize("NFD", value.title())
    yield value.replace(" ", "\n")
    yield value.translate(TYPOGRAPHIC)


def ways(value):
    """Yield (table, column, cell) for each way in which a text gets into a table."""
    data = {"user": {"seen": [1, value]}, "page": "about"}
    yield "leftover_notes", "body", f"Called ({value}), again: no answer."
    yield "leftover_notes", "body", f"<p>to {html.escape(value)}</p>"
    yield "leftover_notes", "body", json.dumps(data)
    within = json.dumps({"content": json.dumps(data)})  # as an app does that keeps JSON in JSON
    yield "leftover_notes", "body", within
    yield "leftover_notes", "body", json.dumps([within])
    yield "leftover_blobs", "content", json.dumps([within]).encode()
    yield "leftover_json", "payload", json.dumps([within])
    yield "leftover_json", "payload", json.dumps(data, ensure_ascii=False)
    yield "leftover_blobs", "content", f"\x00\x01 to {value}\x00".encode() + b"\xff\xfe"
    yield "leftover_blobs", "content", pickle.dumps(data)
    yield "leftover_blobs", "content", zlib.compress(json.dumps(data).encode(), level=1)
    yield "leftover_sessions", "session_data", SessionStore().encode({**data, "pad": "of a basket " * 30})
    yield "leftover_sessions", "session_data", SessionStore().encode(data)
    yield "leftover_queries", "query", f"/search/?page=2&q={quote_plus(value)}"
    yield "leftover_queries", "query", base64.b64encode(json.dumps(data).encode()).decode()
    yield "leftover_queries", "query", f"/activate/{signing.dumps(value)}/"
    yield "leftover_queries", "query", base64.b64encode(zlib.compress(json.dumps(data).encode())).decode()
    yield "left over 100%", "select", f"{value};"


def plant(using, persons, most):
    """Write one value of one of ``persons`` into each of ``most`` rows; return {"table.column on alias": rows}."""
    planted = Counter()
    for table, cells, column in random.Random(most).sample(list(_plants(persons)), most):
        insert(using, table, **cells)
        planted[f"{table}.{column} on {using}"] += 1
    return planted


def _plants(persons):
    for person in persons:
        first, last, *_ = person
        for a, b in ((first, last), (first.upper(), last.upper()), (normalize("NFD", first), normalize("NFD", last))):
            yield "leftover_history", {"first_name": a, "last_name": b}, "first_name and last_name"
        for value in values_of(person):
            for spelling in spelled(value):
                for table, column, cell in ways(spelling):
                    yield table, {column: cell}, column


def filler(using, persons):
    """Write rows that resemble those that were planted, and hold no whole value of anybody else."""
    for first, last, address, number, other in persons:
        insert(using, "leftover_history", first_name=first, email=f"x.{address}", last_name="")
        insert(using, "leftover_notes", body=f"{first} of {last}town; {number}0; {other}a")
        insert(using, "leftover_sessions", session_data=SessionStore().encode({"first": first}))
