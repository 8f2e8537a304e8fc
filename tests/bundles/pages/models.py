"""The recipe for wagtail 8.0, which docs/howto/recipes shows from here on."""

from django.conf import settings
from django.contrib.auth.models import User
from django.db import models
from modelcluster.fields import ParentalKey
from wagtail.contrib.forms.models import AbstractForm, AbstractFormField
from wagtail.contrib.redirects.models import Redirect
from wagtail.fields import RichTextField
from wagtail.images.models import AbstractImage, AbstractRendition, Image
from wagtail.models import Page

import gdpr_assist
from gdpr_assist.contrib import auth


class UserPrivacy(auth.UserPrivacy):
    # Only if nobody can have an account with an address that is not theirs
    identifiers = {**auth.UserPrivacy.identifiers, "email": gdpr_assist.Identifier("email", verified=True)}


class Portrait(AbstractImage):
    """Of whom it is, its column says."""

    person = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.SET_NULL, related_name="+"
    )
    admin_form_fields = (*Image.admin_form_fields, "person")

    class PrivacyMeta:
        fields = ["title", "file", "description", "file_hash"]
        keep = [
            "person",
            "collection",
            "created_at",
            "uploaded_by_user",
            "file_size",
            "width",
            "height",
            "focal_point_x",
            "focal_point_y",
            "focal_point_width",
            "focal_point_height",
        ]
        clear = ["tags"]
        subject = "person"
        actors = ["uploaded_by_user"]
        on_erasure = "delete"

        def anonymise_file(self, instance):  # the column takes no empty one
            instance.file = "removed.png"


class PortraitRendition(AbstractRendition):
    image = models.ForeignKey(Portrait, on_delete=models.CASCADE, related_name="renditions")

    class Meta:
        unique_together = [("image", "filter_spec", "focal_point_key")]

    class PrivacyMeta:
        fields = ["file"]
        keep = ["image", "filter_spec", "focal_point_key", "width", "height"]
        copy_of = "image"
        on_erasure = "delete"

        def anonymise_file(self, instance):
            instance.file = "removed.png"


class StaffPage(Page):
    # blank, as a page is validated when it is saved, also after the account has been deleted
    person = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.SET_NULL, related_name="+"
    )
    name = models.CharField(max_length=50)
    email = models.EmailField()
    bio = RichTextField(blank=True)
    room = models.CharField(max_length=50)
    portrait = models.ForeignKey(Portrait, null=True, blank=True, on_delete=models.SET_NULL, related_name="+")

    class PrivacyMeta:
        fields = ["title", "draft_title", "slug", "seo_title", "search_description", "name", "email", "bio"]
        keep = [
            "person",
            "room",
            "portrait",
            "show_in_menus",
            "owner",
            "live",
            "has_unpublished_changes",
            "first_published_at",
            "last_published_at",
            "go_live_at",
            "expire_at",
            "expired",
            "locked",
            "locked_at",
            "locked_by",
            "latest_revision",
            "latest_revision_created_at",
            "live_revision",
        ]
        subject = "person"
        identifiers = {}
        actors = ["portrait"]
        bulk = False  # a page computes its path from its slug when it is saved


class RedirectPrivacy:
    """From where a page was before: its path is made of what it was called."""

    fields = ["old_path", "redirect_link", "redirect_page_route_path"]
    keep = ["site", "is_permanent", "redirect_page", "automatically_created", "created_at"]
    copy_of = "redirect_page__staffpage"
    on_erasure = "delete"


gdpr_assist.register(User, UserPrivacy)
gdpr_assist.register(Redirect, RedirectPrivacy)


class ContactField(AbstractFormField):
    page = ParentalKey("ContactPage", on_delete=models.CASCADE, related_name="form_fields")


class ContactPage(AbstractForm):
    """As wagtail has it: of what is sent in, the ready declaration knows whose it is."""
