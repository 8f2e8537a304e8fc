"""The ways in which two tables are anonymised: by hand, by each of the packages, by their commands."""

from __future__ import annotations

import io
from collections.abc import Callable
from contextlib import redirect_stdout
from dataclasses import dataclass
from functools import partial
from typing import Any

from django.core.management import call_command
from django.db import connection, transaction
from django_scrubber.models import FakeData

from benchmarks import by_hand, databases, pairs, seeding
from benchmarks.dialect import joined, key_as_text

from .models import Buyer, NamedBuyer, NamedSeller, Seller

NUMBERED = [Buyer, Seller]
NAMED = [NamedBuyer, NamedSeller]

Leaves = dict[str, tuple[str, str]]


@dataclass(frozen=True, kw_only=True)
class Way:
    title: str
    run: Callable[[], Any]
    leaves: Leaves


@dataclass(frozen=True, kw_only=True)
class Group:
    """Ways with the same outcome: what ``leaves`` of each looks at must be as the first way leaves it."""

    tables: list[Any]
    ways: dict[str, Way]

    def prepare(self, rows: int) -> None:
        """Fill the tables with half of ``rows`` each, and empty those of other groups."""
        each = rows // len(self.tables)
        seeding.template(each)
        databases.empty([*NUMBERED, *NAMED, *seeding.own_tables("default")])
        databases.release()
        for model in self.tables:
            seeding.copy(model, each)
        # The invented values of django-scrubber: without statistics PostgreSQL takes several times as long with them.
        databases.settle(FakeData)


# -- by hand ---


def update() -> None:
    for model in NUMBERED:
        databases.execute(_update(model))


def update_but_empty_nicknames() -> None:
    """Numbers for names; a nickname that was empty stays empty."""
    for model in NAMED:
        databases.execute(_update(model, nickname=f"CASE WHEN nickname = '' THEN '' ELSE {key_as_text()} END"))


def update_mark_and_compact() -> None:
    for model in NUMBERED:
        with transaction.atomic():
            databases.execute(_update(model))
            databases.execute(by_hand.mark(model))
    # SQLite writes the whole file anew.
    for model in NUMBERED[:1] if connection.vendor == "sqlite" else NUMBERED:
        databases.compact(model)


def _update(model: Any, **columns: str) -> str:
    return by_hand.update_of(model, email=joined(key_as_text(), "'@anon.example.com'"), **columns)


# -- the commands ---


def ours(models: list[Any], **options: Any) -> Callable[[], None]:
    """``anonymise_db`` for these models: those of the other benchmarks are installed too."""
    return partial(pairs.anonymise_db, model=[model._meta.label for model in models], **options)


def scrub_data() -> None:
    call_command("scrub_data", stdout=io.StringIO())


def anonymize_db() -> None:
    with redirect_stdout(io.StringIO()):
        call_command("anonymize_db", soft_mode=True)


# -- what they leave ---


def _all_of(models: list[Any]) -> Leaves:
    return {model._meta.db_table: ("default", f"SELECT * FROM {model._meta.db_table} ORDER BY id") for model in models}


def _but_names(models: list[Any]) -> Leaves:
    """All columns but the names; of these, how many rows have an old one (none, by hand), and which no nickname."""
    found = {}
    others = "id, email, notes, birthday, income, last_ip, website, country, newsletter, joined"
    for model in models:
        table = model._meta.db_table
        found[table] = ("default", f"SELECT {others}, nickname = '' FROM {table} ORDER BY id")
        old_names = (
            f"SELECT COUNT(*) FROM {table} JOIN benchmarks_seed old ON old.id = {table}.id"
            f" WHERE old.name = {table}.name OR old.nickname = {table}.nickname AND old.nickname <> ''"
        )
        found[f"old names in {table}"] = ("default", old_names)
    return found


WHOLE = {"compact": True}
BARE = {"compact": False, "marks": False}

GROUPS = [
    Group(
        tables=NUMBERED,
        ways={
            "by_hand_whole": Way(
                title="UPDATE, markers and compaction by hand",
                run=update_mark_and_compact,
                leaves=_all_of(NUMBERED) | pairs.MARKERS,
            ),
            "by_hand": Way(title="UPDATE by hand", run=update, leaves=_all_of(NUMBERED)),
            "scrubber": Way(title="django-scrubber", run=scrub_data, leaves=_all_of(NUMBERED)),
            "anonymizer": Way(title="dj_anonymizer", run=anonymize_db, leaves=_all_of(NUMBERED)),
            "whole": Way(title="anonymise_db", run=ours(NUMBERED, **WHOLE), leaves=_all_of(NUMBERED) | pairs.MARKERS),
            "no_compact": Way(
                title="anonymise_db --no-compact", run=ours(NUMBERED), leaves=_all_of(NUMBERED) | pairs.MARKERS
            ),
            "bare": Way(
                title="anonymise_db --no-marks --no-compact", run=ours(NUMBERED, **BARE), leaves=_all_of(NUMBERED)
            ),
        },
    ),
    Group(
        tables=NAMED,
        ways={
            "names_by_hand": Way(
                title="UPDATE by hand, numbers for names",
                run=update_but_empty_nicknames,
                leaves=_but_names(NAMED),
            ),
            "names_scrubber": Way(title="names: django-scrubber's Faker", run=scrub_data, leaves=_but_names(NAMED)),
            "names_whole": Way(title="names: anonymise_db", run=ours(NAMED, **WHOLE), leaves=_but_names(NAMED)),
            "names_bare": Way(
                title="names: anonymise_db --no-marks --no-compact",
                run=ours(NAMED, **BARE),
                leaves=_but_names(NAMED),
            ),
        },
    ),
]

WAYS = {name: way for group in GROUPS for name, way in group.ways.items()}

# (which way, beside which, {vendor: the most that its time may be of the other's})
ANYWHERE = {"sqlite": 1.0, "postgresql": 1.0, "mysql": 1.0}
COMPARED: list[tuple[str, str, dict[str, float]]] = [
    ("scrubber", "by_hand", {}),
    ("anonymizer", "by_hand", {}),
    ("whole", "by_hand", {}),
    ("no_compact", "by_hand", {}),
    ("bare", "by_hand", {}),
    ("whole", "by_hand_whole", {"sqlite": 1.1, "postgresql": 0.5, "mysql": 1.0}),
    ("whole", "scrubber", {"postgresql": 1.0}),
    ("names_scrubber", "names_by_hand", {}),
    ("names_whole", "names_by_hand", {}),
    ("names_bare", "names_by_hand", {}),
    ("names_whole", "names_scrubber", ANYWHERE),
    ("names_bare", "names_scrubber", ANYWHERE),
]
