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
from .models import PAPERS, Buyer, Citizen, Customer, Order, PlainCustomer, PlainOrder, Purchase

PLAIN = (PlainCustomer, PlainOrder)
ROWS_IN_EACH = 10

TRANSACTION = ("BEGIN", "COMMIT", "SAVEPOINT", "RELEASE SAVEPOINT")


@dataclass(frozen=True, kw_only=True)
class Deletion:
    title: str
    customers: int
    orders_each: int
    bar: int
    bar_of_log: int
    models: tuple[Any, Any] = (Customer, Order)


DELETIONS = {
    "delete_one": Deletion(
        title="delete 1 customer with 500 orders", customers=1, orders_each=500, bar=14, bar_of_log=3
    ),
    "delete_many": Deletion(
        title="delete 200 customers with 2,000 orders", customers=200, orders_each=10, bar=40, bar_of_log=8
    ),
    "delete_people": Deletion(
        title="delete 200 people with 2,000 orders that know their address",
        customers=200,
        orders_each=10,
        bar=40,
        bar_of_log=8,
        models=(Buyer, Purchase),
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
    seeding.shop(each.customers, each.orders_each, models=PLAIN)
    django = queries(lambda: _delete(PlainCustomer, each.customers), "default")
    return [
        _counted(name, f"{each.title}: queries on main", each, asked["default"], django["default"], each.bar),
        _counted(f"{name}_log", f"{each.title}: queries on the log", each, asked["gdpr_log"], [], each.bar_of_log),
    ]


def deletion_queries(each: Deletion) -> dict[str, list[str]]:
    """Return what a deletion asks of both databases. Raises ``RuntimeError`` if it leaves personal data."""
    customer_class, order_class = each.models
    seeding.shop(1, 1, models=each.models)
    customer_class.objects.all().delete()  # what is read once for a process is no part of the figure
    seeding.shop(each.customers, each.orders_each, models=each.models)
    seeding.empty_log()
    asked = queries(lambda: _delete(customer_class, each.customers), "default", "gdpr_log")
    orders = order_class.objects.filter(address="", recipient=Cast("pk", CharField())).count()
    if customer_class.objects.exists() or orders != each.customers * each.orders_each:
        raise RuntimeError(f"{each.title}: the customers are not deleted, or not all orders anonymised.")
    return asked


def person() -> list[Figure]:
    """Erase a person with rows in 30 models. By hand, that is an UPDATE and the markers for each, and the receipt."""
    seeding.citizen(papers=1)
    erase_citizen()  # what is read once for a process is no part of the figure
    seeding.citizen(papers=ROWS_IN_EACH)
    seeding.empty_log()
    asked = queries(erase_citizen, "default", "gdpr_log")
    models = len(PAPERS) + 1
    title = f"erase a person with rows in {models} models: queries on "
    return [
        _figure("person_queries", f"{title}main", models, asked["default"], 2 * models + 1, 7 * models + 3),
        _figure("person_queries_log", f"{title}the log", models, asked["gdpr_log"], 3, 4),
    ]


def erase_citizen() -> None:
    from gdpr_assist import Subject  # noqa: PLC0415  (the child without the app imports this module too)

    Subject(Citizen.objects.get()).erase()


def _delete(model: Any, customers: int) -> None:
    model.objects.get().delete() if customers == 1 else model.objects.all().delete()


def _counted(name: str, title: str, each: Deletion, asked: list[str], django: list[str], bar: int) -> Figure:
    return _figure(name, title, each.customers, asked, len(django), bar, note="; beside Django alone")


def _figure(name: str, title: str, rows: int, asked: list[str], beside: int, bar: int, note: str = "") -> Figure:
    own = [sql for sql in asked if not sql.startswith(TRANSACTION)]
    return Figure(
        work=name,
        title=title,
        rows=rows,
        ours=len(asked),
        beside=beside,
        measured_in="queries",
        figure=len(own),
        unit="queries",
        bar=bar,
        aside=f"with BEGIN, COMMIT and savepoints; {len(own)} without",
        note=f"statements other than BEGIN, COMMIT and of savepoints{note}",
    )


def reads() -> list[Figure]:
    for plain in (False, True):
        seeding.shop(3, 2, models=PLAIN if plain else (Customer, Order))
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
    seeding.shop(5, 4, models=PLAIN)
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
