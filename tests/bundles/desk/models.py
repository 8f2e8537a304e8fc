"""The recipe for django-helpdesk 2.6, which docs/howto/recipes.rst shows from here on."""

from django.contrib.auth.models import User
from helpdesk.models import (
    Checklist,
    ChecklistTask,
    FollowUp,
    FollowUpAttachment,
    IgnoreEmail,
    SavedSearch,
    Ticket,
    TicketCC,
    TicketChange,
    TicketCustomFieldValue,
    UserSettings,
    mk_secret,
)

import gdpr_assist
from gdpr_assist.contrib import auth


class UserPrivacy(auth.UserPrivacy):
    # Only if nobody can have an account with an address that is not theirs
    identifiers = {**auth.UserPrivacy.identifiers, "email": gdpr_assist.Identifier("email", verified=True)}


class TicketPrivacy:
    # Whoever has the key of a ticket, and its address, can read it and answer.
    fields = ["title", "submitter_email", "description", "resolution", "secret_key"]
    keep = [
        "queue",
        "created",
        "modified",
        "assigned_to",
        "status",
        "on_hold",
        "priority",
        "due_date",
        "last_escalation",
        "kbitem",
        "merged_to",
    ]
    identifiers = {"email": "submitter_email"}
    actors = ["assigned_to", "merged_to"]
    search_fields = ["title", "submitter_email"]
    export_exclude = ["secret_key"]

    def anonymise_secret_key(self, instance):
        return mk_secret()


class FollowUpPrivacy:
    fields = ["title", "comment", "message_id", "email_recipients"]
    keep = ["ticket", "date", "public", "user", "new_status", "time_spent"]
    subject = "ticket"
    actors = ["user"]


class OfATicketPrivacy:
    on_erasure = "delete"


class TicketChangePrivacy(OfATicketPrivacy):
    fields = ["field", "old_value", "new_value"]
    keep = ["followup"]
    subject = "followup"


class AttachmentPrivacy(OfATicketPrivacy):
    fields = ["file", "filename"]
    keep = ["followup", "mime_type", "size"]
    subject = "followup"

    def anonymise_file(self, instance):  # the column takes no empty one
        instance.file = "removed.txt"


class ValuePrivacy(OfATicketPrivacy):
    fields = ["value"]
    keep = ["ticket", "field"]
    subject = "ticket"


class ChecklistPrivacy(OfATicketPrivacy):
    fields = ["name"]
    keep = ["ticket"]
    subject = "ticket"


class ChecklistTaskPrivacy(OfATicketPrivacy):
    fields = ["description"]
    keep = ["checklist", "completion_date", "position"]
    subject = "checklist"


class CopyPrivacy:
    """Goes with whoever gets copies, and with whoever has written the ticket."""

    fields = ["email"]
    keep = ["ticket", "user", "can_view", "can_update"]
    subject = ["user", "ticket"]
    identifiers = {"email": "email"}
    on_erasure = "delete"


class IgnoreEmailPrivacy:
    fields = ["name", "email_address"]
    keep = ["date", "keep_in_mailbox"]
    identifiers = {"email": "email_address"}
    on_erasure = "delete"


class SavedSearchPrivacy:
    fields = ["title", "query"]
    keep = ["user", "shared"]
    subject = "user"
    on_erasure = "delete"


class UserSettingsPrivacy:
    fields = []
    keep = [
        "user",
        "settings_pickled",
        "login_view_ticketlist",
        "email_on_ticket_change",
        "email_on_ticket_assign",
        "tickets_per_page",
        "use_email_as_submitter",
        "ticket_respond_layout",
    ]
    subject = "user"
    on_erasure = "delete"


for model, privacy in {
    User: UserPrivacy,
    Ticket: TicketPrivacy,
    FollowUp: FollowUpPrivacy,
    TicketChange: TicketChangePrivacy,
    FollowUpAttachment: AttachmentPrivacy,
    TicketCustomFieldValue: ValuePrivacy,
    Checklist: ChecklistPrivacy,
    ChecklistTask: ChecklistTaskPrivacy,
    TicketCC: CopyPrivacy,
    IgnoreEmail: IgnoreEmailPrivacy,
    SavedSearch: SavedSearchPrivacy,
    UserSettings: UserSettingsPrivacy,
}.items():
    gdpr_assist.register(model, privacy)
