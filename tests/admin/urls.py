"""A site of the tests' own beside the default one, with admins for some models and none for others."""

from django.contrib import admin
from django.contrib.admin.actions import delete_selected
from django.contrib.admin.models import LogEntry
from django.contrib.auth.admin import UserAdmin
from django.contrib.auth.models import User
from django.urls import path

import gdpr_assist.admin
from gdpr_assist.models import PersonalData
from gdpr_assist.tables import Export, Operation
from tests.apps.fields.models import TextKey
from tests.apps.people.models import Account, Chat, Sale
from tests.apps.shop.models import AuditEntry, Boat, Category, Customer, ForeignCustomer, Order, Reservation

site = admin.AdminSite(name="shop_admin")


@admin.action(description="Greet")
def greet(model_admin, request, queryset):
    pass


@admin.action(description="Remove")
def remove(model_admin, request, queryset):
    """Deletes in a way of its own, and says so too early."""
    model_admin.message_user(request, "Removed.")
    model_admin.delete_queryset(request, queryset)


@admin.action(description="Discard")
def discard(model_admin, request, queryset):
    """Django's own action under another name: first it writes the history."""
    return delete_selected(model_admin, request, queryset)


@admin.register(Customer, site=site)
class CustomerAdmin(gdpr_assist.admin.ModelAdmin):
    """Shows what the default manager shows: no soft-deleted customers."""

    actions = [greet, remove, discard]
    list_display = ["name", "initial"]
    list_filter = ["country"]
    search_fields = ["name"]

    def initial(self, obj):
        return obj.name[:1]

    def has_anonymise_permission(self, request, obj=None):
        allowed = super().has_anonymise_permission(request, obj)
        return allowed and (obj is None or obj.country != "XX")


class OrdersInline(admin.TabularInline):
    model = Order
    fk_name = "customer"
    fields = []
    extra = 0


@admin.register(ForeignCustomer, site=site)
class ForeignCustomerAdmin(gdpr_assist.admin.ModelAdmin):
    """Its page can delete rows of another model."""

    inlines = [OrdersInline]


@admin.register(AuditEntry, Boat, Category, Reservation, TextKey, site=site)
class PlainAdmin(gdpr_assist.admin.ModelAdmin):
    """Category is not registered with gdpr_assist, AuditEntry cannot be anonymised."""


@admin.register(Order, site=site)
class ReadOnlyAdmin(admin.ModelAdmin):
    """Lets nobody edit orders, and leaves who may erase what is in them to the permissions of the user."""

    def has_change_permission(self, request, obj=None):
        return False

    def has_anonymise_permission(self, request, obj=None):
        return request.user.has_perm("shop.change_order")


@admin.register(User, site=site)
class AccountAdmin(gdpr_assist.admin.ModelAdmin, UserAdmin):
    pass


@admin.register(Account, Chat, site=site)
class PeopleAdmin(gdpr_assist.admin.ModelAdmin):
    """Hides the accounts of the north from all but superusers."""

    def get_queryset(self, request):
        rows = super().get_queryset(request)
        is_limited = self.model is Account and not request.user.is_superuser
        return rows.exclude(email__startswith="north") if is_limited else rows


@admin.register(Sale, site=site)
class SaleAdmin(gdpr_assist.admin.ModelAdmin):
    """Hides what was sold to the north and to Dora, and leaves Cleo's to superusers."""

    def get_queryset(self, request):
        rows = super().get_queryset(request)
        return rows if request.user.is_superuser else rows.exclude(recipient="north")

    def has_change_permission(self, request, obj=None):
        is_free = obj is None or obj.recipient != "Cleo" or request.user.is_superuser
        return is_free and super().has_change_permission(request, obj)

    def has_view_permission(self, request, obj=None):
        is_free = obj is None or obj.recipient != "Dora" or request.user.is_superuser
        return is_free and super().has_view_permission(request, obj)


site.register(LogEntry)
site.register(PersonalData, gdpr_assist.admin.PersonalDataAdmin)
site.register(Operation, gdpr_assist.admin.ErasuresAdmin)
site.register(Export, gdpr_assist.admin.ExportsAdmin)

urlpatterns = [path("admin/", admin.site.urls), path("shop/", site.urls)]
