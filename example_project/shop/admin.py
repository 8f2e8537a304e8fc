"""The shop in the admin."""

from django.contrib import admin

import gdpr_assist.admin

from .models import Address, Order, OrderLine, Product


@admin.register(Product)
class ProductAdmin(admin.ModelAdmin):
    list_display = ["name", "price"]
    search_fields = ["name"]


class OrderLineInline(admin.TabularInline):
    model = OrderLine
    extra = 0
    autocomplete_fields = ["product"]


@admin.register(Order)
class OrderAdmin(gdpr_assist.admin.ModelAdmin):
    list_display = ["number", "customer", "delivery_name", "placed", "status", "total"]
    list_filter = ["status"]
    list_select_related = ["customer"]
    date_hierarchy = "placed"
    raw_id_fields = ["customer", "packed_by"]
    search_fields = ["number", "email", "delivery_name"]
    inlines = [OrderLineInline]


@admin.register(Address)
class AddressAdmin(gdpr_assist.admin.ModelAdmin):
    list_display = ["id", "user", "label", "recipient", "town", "postcode"]
    list_select_related = ["user"]
    raw_id_fields = ["user"]
    search_fields = ["recipient", "postcode", "user__email"]
