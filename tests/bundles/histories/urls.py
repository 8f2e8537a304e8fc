"""The admin, with pages by which an editor brings an older version back."""

from django.contrib import admin
from django.urls import path
from reversion.admin import VersionAdmin

from .shelf.models import Letter, Page

if not admin.site.is_registered(Letter):
    admin.site.register(Letter, VersionAdmin)
    admin.site.register(Page, VersionAdmin)

urlpatterns = [path("admin/", admin.site.urls)]
