"""Discussions that must stay readable when one who took part has gone."""

from django.conf import settings
from django.db import models
from django.db.models.functions import Upper
from django.utils import timezone

import gdpr_assist

ANONYMOUS = "Anonymous user"
REMOVED = "[removed at the author's request]"


class Thread(models.Model):
    title = models.CharField(max_length=200)
    author = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        null=True,
        blank=True,
        on_delete=gdpr_assist.ANONYMISE(models.SET_NULL),
        related_name="threads",
    )
    author_name = models.CharField(max_length=255)
    started = models.DateTimeField(default=timezone.now)

    class Meta:
        # What the Personal data tool searches, as it compares on PostgreSQL
        indexes = [
            models.Index(Upper("author_name"), name="forum_thread_author_name_upper"),
        ]

    class PrivacyMeta:
        fields = ["author_name"]
        keep = ["title", "author", "started"]
        subject = "author"
        search_fields = ["author__email__iexact", "author_name"]
        purpose = "The forum"
        recipients = "Everybody who reads the forum"
        export_filename = "forum-threads.csv"

        def anonymise_author_name(self, instance: "Thread") -> str:
            return ANONYMOUS

    def __str__(self) -> str:
        return self.title


class Comment(models.Model):
    thread = models.ForeignKey(Thread, on_delete=models.CASCADE, related_name="comments")
    author = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        null=True,
        blank=True,
        on_delete=gdpr_assist.ANONYMISE(models.SET_NULL),
        related_name="comments",
    )
    display_name = models.CharField(max_length=255)
    body = models.TextField()
    ip_address = models.GenericIPAddressField(null=True, blank=True)
    posted = models.DateTimeField(default=timezone.now)

    class Meta:
        # What the Personal data tool searches, as it compares on PostgreSQL
        indexes = [
            models.Index(Upper("display_name"), name="forum_comment_displ_41a9_upper"),
        ]

    class PrivacyMeta:
        fields = ["display_name", "body", "ip_address"]
        keep = ["thread", "author", "posted"]
        subject = "author"
        actors = ["thread"]  # whoever began it
        search_fields = ["author__email__iexact", "display_name"]
        purpose = "The forum"
        recipients = "Everybody who reads the forum"
        export_filename = "forum-comments.csv"

        def anonymise_display_name(self, instance: "Comment") -> str:
            return ANONYMOUS

        def anonymise_body(self, instance: "Comment") -> None:
            # Free text: nobody knows what a person wrote about themselves.
            instance.body = REMOVED

    def __str__(self) -> str:
        return f"Comment {self.pk}"


class Message(models.Model):
    """From one customer to another: each may be erased without the other."""

    sender = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        null=True,
        blank=True,
        on_delete=gdpr_assist.ANONYMISE(models.SET_NULL),
        related_name="messages_sent",
    )
    recipient = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        null=True,
        blank=True,
        on_delete=gdpr_assist.ANONYMISE(models.SET_NULL),
        related_name="messages_received",
    )
    sender_name = models.CharField(max_length=255)
    recipient_name = models.CharField(max_length=255)
    body = models.TextField()
    sent = models.DateTimeField(default=timezone.now)

    class Meta:
        # What the Personal data tool searches, as it compares on PostgreSQL
        indexes = [
            models.Index(Upper("sender_name"), name="forum_message_sender_upper"),
            models.Index(Upper("recipient_name"), name="forum_message_recipient_upper"),
        ]

    class PrivacyMeta:
        fields = ["sender_name", "recipient_name", "body"]
        keep = ["sender", "recipient", "sent"]
        subject = {
            "sender": gdpr_assist.Party(erases=["sender_name", "body"], sees=["recipient_name"]),
            "recipient": gdpr_assist.Party(erases=["recipient_name"], sees=["sender_name", "body"]),
        }
        search_fields = ["sender__email__iexact", "recipient__email__iexact", "sender_name", "recipient_name"]
        purpose = "Messages between customers"
        recipients = "The other customer"
        export_filename = "forum-messages.csv"

        def anonymise_sender_name(self, instance: "Message") -> str:
            return ANONYMOUS

        def anonymise_recipient_name(self, instance: "Message") -> str:
            return ANONYMOUS

        def anonymise_body(self, instance: "Message") -> None:
            instance.body = REMOVED

    def __str__(self) -> str:
        return f"Message {self.pk}"
