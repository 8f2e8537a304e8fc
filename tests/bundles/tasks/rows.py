"""A site greets two people in the background, with their names and addresses in the calls."""

from celery import group
from django.contrib.auth import get_user_model

from gdpr_assist.erasure import erase
from gdpr_assist.planning import plan
from gdpr_assist.registry import registry
from tests.bundles.people import PASSWORD, Left
from tests.bundles.running import SCRUB, by_erasing
from tests.bundles.running import WAYS as WAYS_OF_ALL

from .work import greet, refuse, worker

LEFT = [
    Left(
        "of a task that was started without the header nobody knows whose it is: a search finds it",
        ["django_celery_results_taskresult.result", "django_celery_results_taskresult.task_args"],
        ways=[way for way in WAYS_OF_ALL if way != SCRUB],
    ),
]
CHANGED = []


def fill(gone, stays):
    for person in (gone, stays):
        user = get_user_model().objects.create_user(person.username, person.email, PASSWORD, last_name=person.token())
        person.knows["pk"] = user.pk
    with worker():
        for person in (gone, stays):
            _greet(person)


def _greet(person):
    of_person = {"headers": {"person": person.knows["pk"]}}
    greet.apply_async([person.token()], {"email": person.email}, **of_person).get(timeout=10)
    refuse.apply_async([person.token()], **of_person).get(timeout=10, propagate=False)
    both = group(greet.s(person.token()), greet.s(person.token())).apply_async(**of_person)
    both.get(timeout=10)
    both.save()
    # Nobody says whose this is.
    greet.apply_async([f"{person.token()} {person.email}"]).get(timeout=10)


def by_searching(bundle):
    """As a site does after an erasure, or an officer with the mouse."""
    email = bundle.user.email
    by_erasing(bundle)
    erase([plan(rows) for _, rows in registry.search(email)])


WAYS = {"erase(), then by a search": by_searching}
