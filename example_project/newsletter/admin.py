"""The newsletter in the admin."""

from django.contrib import admin

import gdpr_assist.admin

from .models import Subscription


@admin.register(Subscription)
class SubscriptionAdmin(gdpr_assist.admin.ModelAdmin):
    list_display = ["email", "source", "subscribed"]
    list_filter = ["source"]
    date_hierarchy = "subscribed"
    search_fields = ["email"]
