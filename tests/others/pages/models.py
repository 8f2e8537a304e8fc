"""Pages and snippets about people, and rows with tags: what becomes of each table beside them.

A whole site, which an editor uses, is in tests/bundles/pages.
"""

import uuid

from django.conf import settings
from django.db import models
from modelcluster.contrib.taggit import ClusterTaggableManager
from modelcluster.fields import ParentalKey
from taggit.managers import TaggableManager
from taggit.models import TaggedItemBase
from wagtail import blocks
from wagtail.fields import RichTextField, StreamField
from wagtail.models import DraftStateMixin, Page, RevisionMixin

NAME = {"max_length": 50}


class StaffTag(TaggedItemBase):
    content_object = ParentalKey("StaffPage", on_delete=models.CASCADE, related_name="tagged_items")


class StaffPage(Page):
    name = models.CharField(**NAME)
    email = models.EmailField()
    bio = RichTextField(blank=True)
    body = StreamField([("text", blocks.TextBlock())], blank=True)
    room = models.CharField(**NAME)
    tags = ClusterTaggableManager(through=StaffTag, blank=True)

    class PrivacyMeta:
        fields = ["title", "draft_title", "slug", "name", "email", "bio", "body"]
        keep = ["room", "seo_title", "search_description", "show_in_menus", "owner"]
        clear = ["tags"]
        bulk = False  # a page computes its path from its slug when it is saved


class Phone(models.Model):
    """Of a page about somebody; in its form."""

    page = ParentalKey(StaffPage, on_delete=models.CASCADE, related_name="phones")
    number = models.CharField(**NAME)

    class PrivacyMeta:
        fields = ["number"]


class Visitor(DraftStateMixin, RevisionMixin, models.Model):
    user = models.ForeignKey(settings.AUTH_USER_MODEL, models.CASCADE, null=True, db_constraint=False)
    name = models.CharField(**NAME)
    email = models.EmailField()
    badge = models.CharField(**NAME)
    tags = TaggableManager(blank=True)

    class PrivacyMeta:
        fields = ["name", "email"]
        keep = ["badge"]
        subject = "user"

        def anonymise_name(self, instance):
            return "A visitor"

    def __str__(self):
        return self.name


class Guest(models.Model):
    name = models.CharField(**NAME)
    tags = TaggableManager(blank=True)

    class PrivacyMeta:
        fields = ["name"]
        clear = ["tags"]


class Notice(models.Model):
    """Not declared."""

    title = models.CharField(**NAME)
    tags = TaggableManager(blank=True)


class Parcel(models.Model):
    """The column of a tag cannot hold its key."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4)
    name = models.CharField(**NAME)

    class PrivacyMeta:
        fields = ["name"]


class Wrong(models.Model):
    tags = TaggableManager(blank=True)

    class PrivacyMeta:
        fields = ["tags"]
