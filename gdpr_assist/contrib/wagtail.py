"""wagtail: what its revisions and its logs hold of an erased page or snippet is erased with it.

Publishing a revision writes all of its content into the row. So the personal fields in it get what the row has got;
all others stay, and drafts of them too. Whose a form is that was sent in, an answer in it says.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from django.db.models import Field, Model

from ..declaring.clauses import Generic
from ..declaring.declaration import Declaration
from ..declaring.defaults import text
from ..declaring.meta import all_rows
from ..declaring.rules import Replacement, Rule, constant
from ..registry import registry

APP = "wagtail"

ENTRY = ["content_type", "action", "timestamp", "uuid", "user", "revision", "content_changed", "deleted"]


# What wagtail calls the answer to a field with a usual label: "E-mail", "Your email address", "Courriel"
MAIL = (
    "email", "e_mail", "mail", "email_address", "e_mail_address", "your_email", "your_e_mail", "your_email_address",
    "e_mail_adresse", "adresse_e_mail", "courriel", "correo_electronico", "indirizzo_email", "e_mailadres",
)  # fmt: skip


class RevisionPrivacy:
    fields = ["object_str", "content"]
    keep = ["content_type", "base_content_type", "object_id", "created_at", "user", "approved_go_live_at"]
    copy_of = Generic("content_type", "object_id")
    actors = ["user"]

    def anonymise_content(self, revision: Any) -> dict[str, Any]:
        """Return the content with the values in it that the rules give, also where the row has not got them yet."""
        model = revision.content_type.model_class()
        if model not in registry:
            return dict(revision.content)  # of a scrub, which comes by all revisions
        row = all_rows(model, revision._state.db).filter(pk=revision.object_id).first()
        return {} if row is None else _erased(revision.content, row)


def _erased(content: dict[str, Any], row: Model) -> dict[str, Any]:
    names, cleared = set(), set()
    for declared in _declarations(type(row)):
        names |= set(_apply(declared, row))
        cleared |= {getattr(type(row), name).through for name in declared.meta.clear}
    now = row.serializable_data()  # type: ignore[attr-defined]
    children = {
        each.get_accessor_name()
        for each in row._meta.related_objects
        if each.related_model in registry or each.related_model in cleared
    }
    # What is not in the content stays as it is when it is published: rows of children, and the path, made of slugs.
    return {
        name: now[name] if name in names and name in now else value
        for name, value in content.items()
        if name not in {*children, "url_path"}
    }


def _declarations(model: type[Model]) -> Iterator[Declaration]:
    """Yield what is declared of a row of ``model``, in its own table and in those of its parents."""
    return (registry.declaration(each) for each in registry.relatives(model) if issubclass(model, each))


def _apply(declared: Declaration, row: Model) -> Iterator[str]:
    """Change ``row`` in memory; yield the names of its columns that are personal."""
    for change in declared.changes:
        field: Any = change.field
        if field.many_to_many:
            continue
        value = change.anonymiser(row) if change.anonymiser else change.replacement.value(row)  # type: ignore[union-attr]
        if change.replacement is not None or value is not None:  # else it has set the value itself
            field.save_form_data(row, value)
        yield field.name


class LogEntryPrivacy:
    fields = ["label", "data"]
    actors = ["user"]


class ModelLogEntryPrivacy(LogEntryPrivacy):
    keep = [*ENTRY, "object_id"]
    copy_of = Generic("content_type", "object_id")


class PageLogEntryPrivacy(LogEntryPrivacy):
    keep = [*ENTRY, "page"]
    copy_of = Generic("content_type", "page")
    actors = ["user", "page"]


class PassingPrivacy:
    """What there is beside a row for a while, and is made anew."""

    copy_of = Generic("content_type", "object_id")
    on_erasure = "delete"


class SearchPrivacy(PassingPrivacy):
    """What the database is searched for, in place of its rows. It is made anew when they are saved."""

    fields = ["title", "title_text", "body", "body_text", "autocomplete"]
    keep = ["content_type", "object_id", "title_norm"]


class FormStatePrivacy(PassingPrivacy):
    """What somebody had typed when they looked at a preview."""

    fields = ["data"]
    keep = ["user", "content_type", "object_id", "parent_object_id", "last_updated_at"]
    actors = ["user"]


class EditingSessionPrivacy(PassingPrivacy):
    fields: list[str] = []
    keep = ["user", "content_type", "object_id", "last_seen_at", "is_editing"]
    actors = ["user"]


class WorkflowStatePrivacy:
    fields: list[str] = []
    keep = [
        "content_type", "base_content_type", "object_id", "workflow", "status", "created_at", "requested_by",
        "current_task_state",
    ]  # fmt: skip
    copy_of = Generic("base_content_type", "object_id")
    actors = ["requested_by"]


class TaskStatePrivacy:
    """What a comment says of whom nobody can tell: it is scrubbed."""

    fields = ["comment"]
    keep = [
        "workflow_state", "revision", "task", "status", "started_at", "finished_at", "finished_by", "content_type",
    ]  # fmt: skip
    actors = ["finished_by"]
    search_fields: list[str] = []  # by no word


class CommentPrivacy:
    """Written in sets: its ``save()`` takes no ``update_fields``."""

    bulk = True
    fields = ["text"]
    keep = [
        "page", "user", "contentpath", "position", "created_at", "updated_at", "revision_created", "resolved_at",
        "resolved_by",
    ]  # fmt: skip
    subject = "user"
    actors = ["resolved_by", "page", "revision_created"]


class CommentReplyPrivacy:
    fields = ["text"]
    keep = ["comment", "user", "created_at", "updated_at"]
    subject = "user"
    actors = ["comment"]


class OfTheUserPrivacy:
    """Goes with the account."""

    fields: list[str] = []
    subject = "user"
    on_erasure = "delete"


class PageSubscriptionPrivacy(OfTheUserPrivacy):
    keep = ["user", "page", "comment_notifications"]
    actors = ["page"]


class APITokenPrivacy(OfTheUserPrivacy):
    fields = ["name"]
    keep = ["user", "key_hash", "prefix", "created", "revoked_at", "last_used_at"]
    export_exclude = ["key_hash", "prefix"]


class UserProfilePrivacy(OfTheUserPrivacy):
    fields = ["preferred_language", "current_time_zone", "avatar", "dismissibles"]
    keep = [
        "user", "submitted_notifications", "approved_notifications", "rejected_notifications",
        "updated_comments_notifications", "theme", "contrast", "density", "keyboard_shortcuts",
    ]  # fmt: skip


class FormSubmissionPrivacy:
    fields = ["form_data"]
    keep = ["page", "submit_time"]
    identifiers = {"email": [f"form_data__{name}" for name in MAIL]}
    actors = ["page"]


class UploadPrivacy:
    """Whom a file is about is for the site to say."""

    fields: list[str] = []
    keep = [
        "title", "file", "description", "collection", "created_at", "uploaded_by_user", "file_size", "file_hash",
        "width", "height", "focal_point_x", "focal_point_y", "focal_point_width", "focal_point_height",
    ]  # fmt: skip
    actors = ["uploaded_by_user"]


class UploadedFilePrivacy:
    fields: list[str] = []
    keep = ["for_content_type", "file", "uploaded_by_user"]
    actors = ["uploaded_by_user"]


def declarations() -> dict[str, type[Any]]:
    """Return what is declared of the models of those of its apps that are installed."""
    return {
        "wagtailcore.Revision": RevisionPrivacy,
        "wagtailcore.ModelLogEntry": ModelLogEntryPrivacy,
        "wagtailcore.PageLogEntry": PageLogEntryPrivacy,
        "wagtailcore.WorkflowState": WorkflowStatePrivacy,
        "wagtailcore.TaskState": TaskStatePrivacy,
        "wagtailcore.Comment": CommentPrivacy,
        "wagtailcore.CommentReply": CommentReplyPrivacy,
        "wagtailcore.PageSubscription": PageSubscriptionPrivacy,
        "wagtailcore.APIToken": APITokenPrivacy,
        "wagtailcore.UploadedFile": UploadedFilePrivacy,
        "wagtailadmin.EditingSession": EditingSessionPrivacy,
        "wagtailadmin.FormState": FormStatePrivacy,
        "wagtailsearch.IndexEntry": SearchPrivacy,
        "wagtailusers.UserProfile": UserProfilePrivacy,
        "wagtaildocs.Document": UploadPrivacy,
        "wagtailimages.Image": UploadPrivacy,
        "wagtailforms.FormSubmission": FormSubmissionPrivacy,
    }


def rules() -> dict[str, Rule]:
    return {"wagtail.fields.RichTextField": text, "wagtail.fields.StreamField": stream}


def stream(field: Field[Any, Any]) -> Replacement:
    return constant(None if field.null else [])
