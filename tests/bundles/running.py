"""Fills a bundle, and does each way of going on a fresh copy of it. What it asks for is what a site would."""

from dataclasses import dataclass
from importlib import import_module
from importlib.util import find_spec
from io import StringIO

from django.contrib.auth import get_user_model
from django.core.cache import caches
from django.core.management import call_command
from django.db import transaction
from django.test import Client, override_settings
from django.urls import reverse

from gdpr_assist import Subject
from gdpr_assist.residue.looking import look as look_for_residue
from tests.admin.pages import send

from .copies import Kept
from .looking import Seen, logged, look
from .people import Person


@dataclass
class Done:
    """What came of one way."""

    seen: Seen
    residue: dict
    """{place: rows}, as the package itself looks for it"""

    got_in: dict
    """{name of a login: (whether who is gone got in, whether who stays did)}"""


class Bundle:
    def __init__(self, name):
        package = f"tests.bundles.{name}"
        self.name = name
        self.rows = import_module(f"{package}.rows")
        self.logins = import_module(f"{package}.logins").LOGINS if find_spec(f"{package}.logins") else {}
        self.ways = {**WAYS, **getattr(self.rows, "WAYS", {})}
        self.gone, self.stays = Person(1), Person(2)

    def fill(self):
        self.officer = Client()
        self.officer.force_login(get_user_model().objects.create_superuser("officer"))
        with logged():
            self.rows.fill(self.gone, self.stays)
        # (table, column, text): what a key to it holds
        self.account = self.user._meta.db_table, self.user._meta.pk.column, str(self.user.pk)
        self.kept = Kept()
        self.kept.put_back()
        self.before = Done(self._look(), self._residue(), self._try_logins())

    def do(self, way):
        self.kept.put_back()
        with logged() as output:
            self.ways[way](self)
        seen = self._look(output)
        return Done(seen, self._residue(), self._try_logins())

    def _look(self, output=()):
        seen = look(output)
        seen.elsewhere.update(self.rows.decrypted() if hasattr(self.rows, "decrypted") else {})
        return seen

    def _residue(self):
        return look_for_residue(list(self.gone.values), in_media=True).found

    def _try_logins(self):
        return {name: (_try(log_in, self.gone), _try(log_in, self.stays)) for name, log_in in self.logins.items()}

    @property
    def user(self):
        return get_user_model().objects.get(username=self.gone.username)


def _try(log_in, person):
    """Return whether they got in. Nothing stays of it: the next way in finds what this one has found."""
    for cache in caches.all():
        cache.clear()
    with logged(), transaction.atomic():
        got_in = log_in(person)
        transaction.set_rollback(True)
    return got_in


def by_the_tool(bundle):
    """An officer searches for an address, looks at the one person who is found, and confirms."""
    client, tool = bundle.officer, reverse("admin:gdpr_assist_personaldata_changelist")
    found = client.post(tool, {"term": bundle.gone.email}, follow=True)
    (person,) = found.context["people"]
    page = send(client, found, "results-form", {"person": person.value}, follow=True)
    response = send(client, page, "person-form", {"action": "erase", "accounts": "yes"})  # some are of the staff
    if response.status_code != 302:
        raise AssertionError(f"the tool has not erased: {[str(each) for each in response.context['messages']]}")


def by_erasing(bundle):
    Subject(bundle.user).erase()


def by_deleting(bundle):
    bundle.user.delete()


def by_scrubbing(bundle):
    with override_settings(GDPR_CAN_ANONYMISE_DATABASE=True):
        call_command("anonymise_db", interactive=False, last_superuser=True, stdout=StringIO())


def restored(go):
    """Return the way to go, and then to restore a backup that was made before: the log is no part of it."""

    def restore(bundle):
        go(bundle)
        bundle.kept.put_back(["default"])
        call_command("gdpr_rerun", stdout=StringIO())

    return restore


SCRUB = "anonymise_db"
DELETED = ("delete()", "delete() and gdpr_rerun")
WAYS = {
    "the tool": by_the_tool,
    "erase()": by_erasing,
    "delete()": by_deleting,
    "erase() and gdpr_rerun": restored(by_erasing),
    "delete() and gdpr_rerun": restored(by_deleting),
    SCRUB: by_scrubbing,
}
