"""Whether an erasure or a scrub would take accounts that matter: the last superuser, one of the staff. Reads only."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from django.contrib.auth import get_user_model
from django.core.exceptions import FieldDoesNotExist, ImproperlyConfigured
from django.db import Error
from django.db.models import Count, Model, Q, QuerySet

from ..databases.presence import has_table
from ..declaring.meta import all_rows
from ..registry import concrete, registry
from ..undocumented import link_to
from .markers import is_marked
from .plans import Plan

FLAG = "is_superuser"
STAFF = "is_staff"

# Without what it holds in these, or in the column of the name, nobody logs in as one any more.
COLUMNS = {FLAG, "is_active", "password"}


def takes_last_superuser(plan: Plan, *, again: bool = False) -> bool:
    """Return whether no active superuser would be left after ``plan``, and one is there now.

    One who was anonymised before counts as none, but those of the plan where these are erased ``again``: they have
    come back. Asks the database once, and only if the plan changes what makes one.
    """
    user, model = users(), plan.declaration.model
    family = registry.relatives(model)
    if user is None or not (user in family or issubclass(user, model)):
        return False
    others = (plan.declared(each).changes for each in family if each is not model)
    names = {change.field.name for changes in (plan.changes, *others) for change in changes}
    return not names.isdisjoint(COLUMNS | {user.USERNAME_FIELD}) and goes_with(plan.rows(), again=again)


def goes_with(rows: QuerySet[Any], *, again: bool = False) -> bool:
    """Return whether no active superuser would be left without ``rows``, of whichever table, and one is there now."""
    user = users()
    keys = user and _keys(user, rows)
    if keys is None or not _has(user, FLAG):
        return False
    there = _active(user, rows.db)
    if user in registry:
        is_none = Q(is_marked(registry.declaration(user), rows.db))
        there = there.exclude(is_none & ~keys if again else is_none)
    counts = there.aggregate(there=Count("pk"), taken=Count("pk", filter=keys))
    return bool(0 < counts["there"] == counts["taken"])


def staff_among(rows: QuerySet[Any]) -> int:
    """Return how many of ``rows``, of whichever table, are accounts that may log in to the admin."""
    accounts = _accounts(rows)
    if accounts is None or not _has(accounts.model, STAFF):
        return 0
    return accounts.filter(**{STAFF: True}).count()


def is_among(key: Any, rows: QuerySet[Any]) -> bool:
    """Return whether the account with the primary key ``key`` is one of ``rows``, or has one as a part of it."""
    accounts = _accounts(rows)
    return accounts is not None and accounts.filter(pk=key).exists()


def _accounts(rows: QuerySet[Any]) -> QuerySet[Any] | None:
    user = users()
    keys = user and _keys(user, rows)
    return None if keys is None else all_rows(user, rows.db).filter(keys)


def with_superuser(aliases: Iterable[str]) -> list[str]:
    """Return on which databases there is an active superuser, anonymised or not.

    One that cannot be read has none as far as is known: nobody's erasure may fail because of it.
    """
    user = users()
    if user is None or not _has(user, FLAG):
        return []
    return [using for using in aliases if _is_there(user, using)]


def _is_there(user: type[Model], using: str) -> bool:
    try:
        return has_table(user, using) and _active(user, using).exists()
    except Error:
        return False


def _active(user: type[Model], using: str) -> QuerySet[Any]:
    there = all_rows(user, using).filter(**{FLAG: True})
    return there.filter(is_active=True) if _has(user, "is_active") else there


def users() -> Any:
    """Return the model of users, None on a site that has none."""
    try:
        return concrete(get_user_model())
    except ImproperlyConfigured:
        return None


def _keys(user: type[Model], rows: QuerySet[Any]) -> Q | None:
    """Return which accounts ``rows`` are, or are a part of; None if they are none."""
    model = concrete(rows.model)
    if issubclass(user, model):
        link = "pk" if user is model else link_to(user, model).attname
        return Q(**{f"{link}__in": rows.order_by().values("pk")})
    if issubclass(model, user):
        return Q(pk__in=rows.order_by().values(link_to(model, user).attname))
    return None


def _has(model: Any, name: str) -> bool:
    """Whether it is a column: what Python computes cannot be asked for."""
    try:
        return bool(model._meta.get_field(name).concrete)
    except FieldDoesNotExist:
        return False


def said_before(aliases: Iterable[str]) -> str:
    """Return what to say of the databases on which nobody would be left; nothing if there are none."""
    if not (using := ", ".join(dict.fromkeys(aliases))):
        return ""
    label = users()._meta.label
    return f"{using}: no active superuser ({label}) would be left: nobody could log in who may do everything."
