"""Keeps what a bundle has filled, and puts it back: rows, uploaded files, caches."""

import shutil
from pathlib import Path

from django.conf import settings
from django.contrib.contenttypes.models import ContentType
from django.core import mail
from django.core.cache import caches
from django.db import connections, transaction

from tests.databases import contents


class Kept:
    def __init__(self):
        self._rows = {alias: contents(alias) for alias in connections}
        self._media = Path(f"{settings.MEDIA_ROOT}_kept")
        _copy_tree(settings.MEDIA_ROOT, self._media)
        self._caches = {cache: (cache._cache.copy(), cache._expire_info.copy()) for cache in caches.all()}

    def put_back(self, aliases=None):
        """Put back the rows on ``aliases``, by default on all; with the uploaded files, and an empty outbox.

        As with a restored dump, the databases count on with the numbers of rows.
        """
        for alias in aliases or connections:
            _put_back(alias, self._rows[alias])
        _copy_tree(self._media, settings.MEDIA_ROOT)
        for cache, (values, expire) in self._caches.items():
            cache._cache, cache._expire_info = values.copy(), expire.copy()
        mail.outbox.clear()
        ContentType.objects.clear_cache()

    def drop(self):
        shutil.rmtree(self._media)


def _put_back(alias, before):
    connection, after = connections[alias], contents(alias)
    changed = [table for table in before | after if before.get(table) != after.get(table)]
    with connection.constraint_checks_disabled(), transaction.atomic(alias), connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            # Some keep a history by triggers. A restored dump is as it was.
            cursor.execute("SET LOCAL session_replication_role = replica")
        changed = [table for table in changed if not table.strip('`"').startswith(_full_text(connection, cursor))]
        for table in changed:
            cursor.execute(f"DELETE FROM {table}")
        for table in changed:
            for row in before.get(table, []):
                cursor.execute(f"INSERT INTO {table} VALUES ({', '.join(['%s'] * len(row))})", row)


def _full_text(connection, cursor):
    """Return the names of tables that triggers fill, for a search: those that belong to one of these begin with it."""
    if connection.vendor != "sqlite":
        return ()
    cursor.execute("SELECT name FROM sqlite_master WHERE sql LIKE 'CREATE VIRTUAL TABLE%%'")
    return tuple(name for (name,) in cursor.fetchall())


def _copy_tree(source, target):
    shutil.rmtree(target, ignore_errors=True)
    Path(source).mkdir(parents=True, exist_ok=True)
    shutil.copytree(source, target)
