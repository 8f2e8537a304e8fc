"""Two people write to a desk, on its page and by mail, and work there, too."""

from email.message import EmailMessage
from io import StringIO
from logging import getLogger

from django.contrib.auth import get_user_model
from django.core.files.uploadedfile import SimpleUploadedFile
from django.core.management import call_command
from django.test import Client
from helpdesk.email import extract_email_metadata
from helpdesk.models import CustomField, FollowUp, Queue, Ticket

from tests.bundles.browsing import post
from tests.bundles.people import PASSWORD, Left
from tests.bundles.running import DELETED, by_deleting

ADDRESS = "desk@desk.example"

LEFT = [
    Left(
        "what somebody does for others stays: it leads to an account that is nobody's any more",
        ["helpdesk_followup.user_id", "helpdesk_ticket.assigned_to_id"],
    ),
    Left(
        "a ticket says by name to whom it was given: with the ticket it goes, and gdpr_residue finds it before",
        ["helpdesk_followup.title", "helpdesk_ticketchange.new_value"],
    ),
]
CHANGED = [
    Left(
        "whoever goes gets no copies of the tickets of others, and nobody gets any of theirs",
        ["helpdesk_ticketcc"],
    ),
    Left(
        "what somebody has done for others is done by nobody", ["helpdesk_followup", "helpdesk_ticket"], ways=DELETED
    ),
]


def fill(gone, stays):
    queue = Queue.objects.create(
        title="Help", slug="help", allow_public_submission=True, email_address="desk@desk.example"
    )
    CustomField.objects.create(name="room", label="Room", data_type="varchar", max_length=50, ordering=1)
    for person in (gone, stays):
        _have_account(person)
        _write(person, queue)
        _send_mail(person, queue)
        _work(person)
    officer = get_user_model().objects.get(username="officer")
    _have_it_answered(gone, officer, copy_to=stays)
    _have_it_answered(stays, _user(gone), copy_to=gone)


def _have_account(person):
    user = get_user_model().objects.create_user(
        person.username,
        person.email,
        PASSWORD,
        first_name=person.token(),
        last_name=person.token(),
        is_staff=True,
        is_superuser=True,
    )
    person.knows["pk"] = user.pk


def _write(person, queue):
    """On the page of the desk, with no account."""
    form = {
        "queue": queue.pk,
        "title": person.token(),
        "body": person.token(),
        "priority": 3,
        "submitter_email": person.email.upper(),
        "custom_room": person.token(),
        "attachment": SimpleUploadedFile(f"{person.token()}.txt", person.token().encode()),
    }
    person.knows["link"] = post(Client(), "/tickets/submit/", form)
    person.knows["ticket"] = Ticket.objects.get(title=form["title"]).pk


def _send_mail(person, queue):
    message = EmailMessage()
    message["From"] = f"{person.token()} <{person.email}>"
    message["To"] = ADDRESS
    message["Cc"] = f"{person.token()} <{person.token()}@quill.example>"
    message["Subject"] = person.token()
    message["Message-Id"] = f"<{person.token()}@quill.example>"
    message.set_content(person.token())
    message.add_attachment(person.token(), filename=f"{person.token()}.txt")
    extract_email_metadata(message.as_string(), queue, getLogger(__name__))


def _have_it_answered(person, by, copy_to):
    """Somebody takes it over and answers; and somebody gets copies of that."""
    ticket, client = Ticket.objects.get(pk=person.knows["ticket"]), _browser(by)
    form = {
        "comment": f"Dear {person.token()}",
        "public": "True",
        "new_status": Ticket.RESOLVED_STATUS,
        "priority": 2,
        "title": person.token(),
        "queue": ticket.queue_id,
        "owner": by.pk,
    }
    post(client, f"/tickets/{ticket.pk}/update/", form)
    post(client, f"/tickets/{ticket.pk}/cc/add/", {"email": copy_to.email})
    checklist = ticket.checklists.create(name=person.token())
    checklist.tasks.create(description=person.token(), position=1)


def _work(person):
    """What somebody of the desk has of their own."""
    client = _browser(_user(person))
    post(client, "/save_query/", {"title": person.token(), "query_encoded": person.token()})
    post(client, "/ignore/add/", {"name": person.token(), "email_address": person.email})


def _user(person):
    return get_user_model().objects.get(pk=person.knows["pk"])


def _browser(user):
    client = Client()
    client.force_login(user)
    return client


# Django deletes no account while an answer, or a ticket to work on, is its own: a site takes these off, and once more
# in a backup that it has restored.


def _take_off(bundle):
    FollowUp.objects.filter(user=bundle.user).update(user=None)
    Ticket.objects.filter(assigned_to=bundle.user).update(assigned_to=None)


def by_deleting_at_last(bundle):
    _take_off(bundle)
    by_deleting(bundle)


def by_deleting_and_restoring(bundle):
    by_deleting_at_last(bundle)
    bundle.kept.put_back(["default"])
    _take_off(bundle)
    call_command("gdpr_rerun", stdout=StringIO())


WAYS = dict(zip(DELETED, (by_deleting_at_last, by_deleting_and_restoring), strict=True))
