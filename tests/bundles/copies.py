"""Keeps what a bundle has filled, and puts it back: databases, uploaded files, caches."""

import shutil
from pathlib import Path

from django.conf import settings
from django.contrib.contenttypes.models import ContentType
from django.core import mail
from django.core.cache import caches
from django.db import connections


class Kept:
    def __init__(self):
        for alias in connections:
            _copy(alias, _name(alias), _kept(alias))
        self._media = Path(f"{settings.MEDIA_ROOT}_kept")
        _copy_tree(settings.MEDIA_ROOT, self._media)
        self._caches = {cache: (cache._cache.copy(), cache._expire_info.copy()) for cache in caches.all()}

    def put_back(self, aliases=None):
        """Put back the databases of ``aliases``, by default all; with the uploaded files, and an empty outbox."""
        for alias in aliases or connections:
            _copy(alias, _kept(alias), _name(alias))
        _copy_tree(self._media, settings.MEDIA_ROOT)
        for cache, (values, expire) in self._caches.items():
            cache._cache, cache._expire_info = values.copy(), expire.copy()
        mail.outbox.clear()
        ContentType.objects.clear_cache()

    def drop(self):
        for alias in connections:
            if connections[alias].vendor == "sqlite":
                Path(_kept(alias)).unlink()
            else:
                _drop(alias, _kept(alias))
        shutil.rmtree(self._media)


def _name(alias):
    return connections[alias].settings_dict["NAME"]


def _kept(alias):
    return f"{_name(alias)}_kept"


def _copy(alias, source, target):
    """Copy a whole database; nobody may be connected to either."""
    connections[alias].close()
    if connections[alias].vendor == "sqlite":
        shutil.copyfile(source, target)
    else:
        _drop(alias, target)
        _on_server(alias, f'CREATE DATABASE "{target}" TEMPLATE "{source}"')


def _drop(alias, name):
    connections[alias].close()
    _on_server(alias, f'DROP DATABASE IF EXISTS "{name}"')


def _on_server(alias, sql):
    with connections[alias]._nodb_cursor() as cursor:
        cursor.execute(sql)


def _copy_tree(source, target):
    shutil.rmtree(target, ignore_errors=True)
    Path(source).mkdir(parents=True, exist_ok=True)
    shutil.copytree(source, target)
