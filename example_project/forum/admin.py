"""The forum in the admin."""

from django.contrib import admin
from django.utils.text import Truncator

import gdpr_assist.admin

from .models import Comment, Message, Thread


@admin.register(Thread)
class ThreadAdmin(gdpr_assist.admin.ModelAdmin):
    list_display = ["title", "author_name", "author", "started"]
    list_select_related = ["author"]
    date_hierarchy = "started"
    raw_id_fields = ["author"]
    search_fields = ["title", "author_name"]


@admin.register(Comment)
class CommentAdmin(gdpr_assist.admin.ModelAdmin):
    list_display = ["id", "thread", "display_name", "author", "excerpt", "posted"]
    list_select_related = ["thread", "author"]
    date_hierarchy = "posted"
    raw_id_fields = ["thread", "author"]
    search_fields = ["display_name", "body"]

    @admin.display(description="comment")
    def excerpt(self, comment: Comment) -> str:
        return Truncator(comment.body).words(10)


@admin.register(Message)
class MessageAdmin(gdpr_assist.admin.ModelAdmin):
    list_display = ["id", "sender_name", "recipient_name", "sent"]
    date_hierarchy = "sent"
    raw_id_fields = ["sender", "recipient"]
    search_fields = ["sender_name", "recipient_name"]
