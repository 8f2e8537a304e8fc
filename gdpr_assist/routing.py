"""On which databases the router puts the rows of declared models; asks no database."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Collection, Iterable
from contextlib import suppress
from functools import partial

from django.core.exceptions import ValidationError
from django.db import DEFAULT_DB_ALIAS, router
from django.db.models import Model

from .declaring.keys import is_text, stored_text
from .log.identity import Databases
from .registry import registry


def here(others: Collection[uuid.UUID] = ()) -> Databases:
    """Return the databases here, as the log takes them; ``others`` are database ids that count as ours too."""
    return Databases(written=frozenset(written()), alias_of=_alias_of, as_stored=_as_stored, others=frozenset(others))


def _as_stored(label: str) -> Callable[[str], str | None] | None:
    model = registry.find(label)
    return partial(_stored_text, model) if model is not None and is_text(model) else None


def _stored_text(model: type[Model], text: str) -> str | None:
    try:
        return stored_text(model, model._meta.pk.to_python(text))
    except (ValidationError, ValueError, TypeError):
        return None


def written(models: Iterable[type[Model]] | None = None) -> dict[str, list[type[Model]]]:
    """Return the aliases on which the router writes registered models, or ``models``, with these."""
    by_alias: dict[str, list[type[Model]]] = {}
    for model in registry.models if models is None else models:
        with suppress(Exception):  # of a router that can tell only within a request, or for one tenant
            by_alias.setdefault(router.db_for_write(model), []).append(model)
    return by_alias


def _alias_of(label: str) -> str:
    model = registry.find(label)
    return router.db_for_write(model) if model else DEFAULT_DB_ALIAS
