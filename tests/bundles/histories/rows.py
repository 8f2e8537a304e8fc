"""Two people and an editor write letters, correct them and take some back; each app writes down what was there."""

from contextlib import suppress

import reversion
from django.apps import apps
from django.contrib.auth import get_user_model
from django.core.exceptions import ObjectDoesNotExist
from django.db import IntegrityError, connection, transaction
from django.test import Client
from django.urls import reverse
from reversion.errors import RevertError
from reversion.models import Version

from gdpr_assist import Subject
from tests.bundles.people import Left
from tests.bundles.running import by_deleting, by_erasing

from .shelf.models import Letter, Page

LEFT = [
    Left(
        "who did something stays: it leads to an account that is nobody's any more",
        [
            "auditlog_logentry.actor_id",
            "django_admin_log.user_id",
            "reversion_revision.user_id",
            "shelf_historicalletter.history_user_id",
        ],
    ),
    Left(
        "a letter that was anonymised leads to such an account, too",
        ["shelf_letter.writer_id", *(["shelf_card.owner_id"] if connection.vendor == "postgresql" else [])],
    ),
]
CHANGED = [
    Left(
        "what was said of a revision, or of a request, that changed a row of who is gone is emptied whole",
        ["reversion_revision", *(["pghistory_context"] if connection.vendor == "postgresql" else [])],
    ),
    Left(
        "somebody else has changed a row of who is gone: what was written of that goes with the row",
        ["auditlog_logentry", "django_admin_log", "reversion_version"],
    ),
    Left(
        "who is gone has changed a row of somebody else: Django nulls the key in its history",
        ["shelf_historicalletter"],
        ways=["delete()", "delete() and gdpr_rerun", "delete(), an editor reverts"],
    ),
]


def fill(gone, stays):
    for person in (gone, stays):
        _sign_up(person)
    for person, other in ((gone, stays), (stays, gone)):
        user = get_user_model().objects.get(username=person.username)
        letters = [_write(person, user) for _ in range(2)]
        _correct(person, letters[0], "editor", "10.0.0.7")
        _correct(person, letters[0], other.username, other.address())
        _take_back(letters[1])
        if connection.vendor == "postgresql":
            _keep_cards(person, user)


def _sign_up(person):
    with reversion.create_revision():
        user = get_user_model().objects.create_user(person.username, person.email, person.token())
        reversion.set_comment(person.token())
    user.first_name = person.token()
    user.save()
    person.knows["pk"] = user.pk
    return user


def _write(person, user):
    with reversion.create_revision():
        letter = Letter.objects.create(writer=user, address=person.token(), text=person.token(), number=1)
        Page.objects.create(letter=letter, words=person.token())
        reversion.set_user(user)
        reversion.set_comment(person.token())
    letter.text = person.token()
    letter._change_reason = person.token()
    letter.save()
    return letter


def _correct(person, letter, by, address):
    """In the admin, which takes a version and writes its own log; auditlog notes who it was, and from where."""
    editor, _ = get_user_model().objects.update_or_create(
        username=by, defaults={"is_staff": True, "is_superuser": True}
    )
    client = Client(REMOTE_ADDR=address)
    client.force_login(editor)
    form = {"writer": letter.writer_id, "address": person.token(), "text": person.token(), "number": 2}
    response = client.post(reverse("admin:shelf_letter_change", args=[letter.pk]), form)
    if response.status_code != 302:
        raise AssertionError(response.context["errors"])


def _take_back(letter):
    letter.delete()


def _keep_cards(person, user):
    import pghistory  # noqa: PLC0415  (PostgreSQL only)

    from .shelf.models import Card  # noqa: PLC0415

    with pghistory.context(reason=person.token()):
        card = Card.objects.create(owner=user, number=person.token())
        letter = Letter.objects.filter(writer=user).first()
        letter.text = person.token()
        letter.save()
    card.number = person.token()
    card.save()
    Card.objects.create(owner=user, number=person.token()).delete()


# {model with events: its key to an account}
EVENTS = {"Letter": "writer", "Card": "owner"} if connection.vendor == "postgresql" else {}

# -- ways of going that are of these apps alone ------------------------------------------------------


def by_each_object(bundle):
    """Row by row, with all signals."""
    user = bundle.user
    for found in Subject(user).rows():
        for each in found.rows:
            each.anonymise()
    user.anonymise()


def within_a_revision(bundle):
    """As a page with the middleware of reversion: it holds what was saved before, and writes it at its end."""
    user = bundle.user
    with reversion.create_revision():
        user.save()
        for letter in Letter.objects.filter(writer=user):
            letter.save()
        Subject(user).erase()
        user.refresh_from_db()
        reversion.set_comment("erased")


def an_editor_reverts(go):
    """Return the way to go, after which an editor brings back each version of their rows that there is."""

    def revert(bundle):
        letters, accounts = _keys(Letter, bundle), [bundle.gone.knows["pk"]]
        go(bundle)
        for key in letters:
            bundle.officer.get(reverse("admin:shelf_letter_history", args=[key]))
        bundle.officer.get(reverse("admin:shelf_letter_recoverlist"))
        for model, keys in ((Letter, letters), (get_user_model(), accounts)):
            for key in keys:
                for version in Version.objects.get_for_object_reference(model, key):
                    _try(version.revert)
            for record in model.history.filter(id__in=keys):
                _try(record.instance.save)
        for event in _events(accounts):
            _try(event.revert)

    return revert


def _events(accounts):
    for name, whose in EVENTS.items():
        yield from apps.get_model("shelf", f"{name}Event").objects.filter(**{f"{whose}__in": accounts})


def _keys(model, bundle):
    return list(model.objects.filter(writer_id=bundle.gone.knows["pk"]).values_list("pk", flat=True))


def _try(revert):
    """Of a row whose account is gone, the database refuses it."""
    with suppress(IntegrityError, ObjectDoesNotExist, RevertError), transaction.atomic():
        revert()


WAYS = {
    "each object by itself": by_each_object,
    "erase(), within a revision": within_a_revision,
    "erase(), an editor reverts": an_editor_reverts(by_erasing),
    "delete(), an editor reverts": an_editor_reverts(by_deleting),
}
