"""Accounts and profiles in the admin, with the action that anonymises them."""

from django.contrib import admin
from django.contrib.auth.admin import UserAdmin
from django.contrib.auth.models import User

import gdpr_assist.admin

from .models import Profile

admin.site.unregister(User)


@admin.register(User)
class CustomerAdmin(gdpr_assist.admin.ModelAdmin, UserAdmin):
    list_display = ["username", "email", "first_name", "last_name", "date_joined", "is_staff"]
    date_hierarchy = "date_joined"


@admin.register(Profile)
class ProfileAdmin(gdpr_assist.admin.ModelAdmin):
    list_display = ["id", "user", "phone", "date_of_birth", "country", "has_avatar"]
    list_filter = ["country"]
    list_select_related = ["user"]
    raw_id_fields = ["user"]
    search_fields = ["user__username", "user__email", "phone"]

    @admin.display(boolean=True, description="avatar")
    def has_avatar(self, profile: Profile) -> bool:
        return bool(profile.avatar)
