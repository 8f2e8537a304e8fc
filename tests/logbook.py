"""How tests read the event log, and what they seed to look for in it."""

from datetime import date

from django.test import TestCase

from gdpr_assist.models import Operation, Outcome, Receipt
from tests.apps.shop.models import Customer

SEEDED = {
    "name": "Ottoline Quillfeather",
    "email": "ottoline@quillfeather.example",
    "phone": "0161 555 0147",
    "notes": "allergic to lilies",
    "born": date(1971, 11, 23),
}


def customer(using="default", **values):
    return Customer.all_objects.using(using).create(**{**SEEDED, **values})


def logged():
    """Return [(alias, {(event, model label, key)}, outcome)], oldest first; the outcome is None if there is none."""
    found = []
    for operation in Operation.objects.using("gdpr_log").order_by("started"):
        events = [
            (each.event, f"{each.app_label}.{each.model_name}", each.target_pk)
            for each in operation.events.using("gdpr_log")
        ]
        assert len(events) == len(set(events))
        outcome = Outcome.objects.using("gdpr_log").filter(operation=operation).first()
        found.append((operation.using, set(events), outcome and outcome.committed))
    return found


def anonymised(instance):
    return "anonymise", instance._meta.label, str(instance.pk)


def deleted(label, key):
    return "delete", label, str(key)


def receipts(using="default"):
    return set(Receipt.objects.using(using).values_list("operation", flat=True))


def operations():
    return set(Operation.objects.using("gdpr_log").values_list("id", flat=True))


def committing(using="default"):
    """Run the callbacks of the block at its end, as if its transaction committed there."""
    return TestCase.captureOnCommitCallbacks(using=using, execute=True)
