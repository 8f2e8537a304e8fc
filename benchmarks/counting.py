"""Queries: how many a deletion takes, and whether others are exactly Django's own."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any

from django.db import connections
from django.db.models import CharField
from django.db.models.functions import Cast
from django.test.utils import CaptureQueriesContext

from . import child, seeding
from .figures import Figure
from .models import Customer, Order, PlainCustomer, PlainOrder

TRANSACTION = ("BEGIN", "COMMIT", "SAVEPOINT", "RELEASE SAVEPOINT")


@dataclass(frozen=True, kw_only=True)
class Deletion:
    title: str
    customers: int
    orders_each: int
    bar: int
    bar_of_log: int


DELETIONS = {
    "delete_one": Deletion(
        title="delete 1 customer with 500 orders", customers=1, orders_each=500, bar=14, bar_of_log=3
    ),
    "delete_many": Deletion(
        title="delete 200 customers with 2,000 orders", customers=200, orders_each=10, bar=40, bar_of_log=8
    ),
}


def queries(work: Callable[[], Any], *aliases: str) -> dict[str, list[str]]:
    """Return what ``work`` asks of each database, the statements of transactions included."""
    with ExitStack() as stack:
        captured = {using: stack.enter_context(CaptureQueriesContext(connections[using])) for using in aliases}
        work()
        return {using: [query["sql"] for query in context.captured_queries] for using, context in captured.items()}


def deletion(name: str) -> list[Figure]:
    each = DELETIONS[name]
    asked = deletion_queries(each)
    seeding.shop(each.customers, each.orders_each, plain=True)
    django = queries(lambda: _delete(PlainCustomer, each.customers), "default")
    return [
        _counted(name, f"{each.title}: queries on main", each, asked["default"], django["default"], each.bar),
        _counted(f"{name}_log", f"{each.title}: queries on the log", each, asked["gdpr_log"], [], each.bar_of_log),
    ]


def deletion_queries(each: Deletion) -> dict[str, list[str]]:
    """Return what a deletion asks of both databases. Raises ``RuntimeError`` if it leaves personal data."""
    seeding.shop(1, 1)
    Customer.objects.all().delete()  # what is read once for a process is no part of the figure
    seeding.shop(each.customers, each.orders_each)
    seeding.empty_log()
    asked = queries(lambda: _delete(Customer, each.customers), "default", "gdpr_log")
    orders = Order.objects.filter(customer=None, address="", recipient=Cast("pk", CharField())).count()
    if Customer.objects.exists() or orders != each.customers * each.orders_each:
        raise RuntimeError(f"{each.title}: the customers are not deleted, or not all orders anonymised.")
    return asked


def _delete(model: Any, customers: int) -> None:
    model.objects.get().delete() if customers == 1 else model.objects.all().delete()


def _counted(name: str, title: str, each: Deletion, asked: list[str], django: list[str], bar: int) -> Figure:
    own = [sql for sql in asked if not sql.startswith(TRANSACTION)]
    return Figure(
        work=name,
        title=title,
        rows=each.customers,
        ours=len(asked),
        beside=len(django),
        measured_in="queries",
        figure=len(own),
        unit="queries",
        bar=bar,
        aside=f"with BEGIN, COMMIT and savepoints; {len(own)} without",
        note="statements other than BEGIN, COMMIT and of savepoints; beside Django alone",
    )


def reads() -> list[Figure]:
    for plain in (False, True):
        seeding.shop(3, 2, plain=plain)
    works = {
        "get": ("Model.objects.get(): queries unlike Django's", lambda model: model.objects.get(pk=1)),
        "list": ("list(Model.objects.all()): queries unlike Django's", lambda model: list(model.objects.all())),
        "related": (
            "list(obj.related.all()): queries unlike Django's",
            lambda model: list(model.objects.get(pk=1).orders.all()),
        ),
    }
    return [
        _compared(name, title, 3, _asked(work, Customer), _asked(work, PlainCustomer))
        for name, (title, work) in works.items()
    ]


def _asked(work: Callable[[Any], Any], model: Any) -> list[str]:
    """The tables of the registered models and of their twins differ in nothing but the name."""
    asked = queries(lambda: work(model), "default")["default"]
    return [sql.replace("benchmarks_plain", "benchmarks_") for sql in asked]


def plain_deletes() -> list[str]:
    """Return what Django asks to delete rows of models without a declaration: a fast delete, and one with a key."""
    seeding.shop(5, 4, plain=True)
    asked = queries(lambda: PlainOrder.objects.filter(pk__lt=4).delete(), "default")
    asked["default"] += queries(lambda: PlainCustomer.objects.filter(pk__lt=4).delete(), "default")["default"]
    asked["default"] += queries(lambda: PlainOrder.objects.get(pk=8).delete(), "default")["default"]
    return asked["default"]


def unregistered() -> list[Figure]:
    alone = child.run("plain_deletes", BENCH_WITHOUT_APP="1")
    title = "delete() of unregistered rows: queries unlike Django's"
    return [_compared("unregistered", title, 7, plain_deletes(), alone)]


def _compared(name: str, title: str, rows: int, asked: list[str], django: list[str]) -> Figure:
    ours, theirs = Counter(asked), Counter(django)
    return Figure(
        work=name,
        title=title,
        rows=rows,
        ours=len(asked),
        beside=len(django),
        measured_in="queries",
        figure=((ours - theirs) + (theirs - ours)).total(),
        unit="queries",
        bar=0,
        note="statement by statement",
    )
