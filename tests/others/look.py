"""Prints, as JSON, what receivers of every model there are, and what each does with a row that is saved."""

import json
import sys

import django
from django.db import connections
from django.db.models.signals import post_save, pre_save

django.setup()

from gdpr_assist.planning.plans import plan  # noqa: E402
from gdpr_assist.planning.watchers import HARMLESS, _name, of_every_model  # noqa: E402
from tests.apps.shop.models import Customer  # noqa: E402


def refuse(execute, sql, params, many, context):
    raise AssertionError(sql)


def receivers(signal):
    live = signal._live_receivers(object)
    return [*live[0], *live[1]] if isinstance(live, tuple) else live


customer = Customer(pk=1, name="Ada", email="ada@example.com")
customer._state.adding = False
changed = {}
with connections["default"].execute_wrapper(refuse):
    for signal in (pre_save, post_save):
        for receiver in receivers(signal):
            before = dict(customer.__dict__)
            receiver(
                signal=signal,
                sender=Customer,
                instance=customer,
                raw=False,
                created=False,
                using="default",
                update_fields=frozenset(["name"]),
            )
            new = {name for name, value in customer.__dict__.items() if before.get(name, ...) is not value}
            changed[_name(receiver)] = sorted(new & {each.attname for each in Customer._meta.concrete_fields})

json.dump(
    {
        "way": plan(Customer.objects.all()).way.kind,
        "harmless": sorted(HARMLESS),
        "others": of_every_model(),
        "changed": changed,
    },
    sys.stdout,
)
