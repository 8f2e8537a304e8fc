"""The admin: an action for the project's own models, and the Personal data tool. Erases nothing by itself."""

from __future__ import annotations

from django.contrib import admin

from ..tables import Export, Operation, PersonalData
from .erasures import ErasuresAdmin
from .exports import ExportsAdmin
from .model_admin import ModelAdmin, extend
from .personal_data import PersonalDataAdmin

__all__ = ["ErasuresAdmin", "ExportsAdmin", "ModelAdmin", "PersonalDataAdmin", "extend"]

# Django imports the module ``admin`` of each app for this.
admin.site.register(PersonalData, PersonalDataAdmin)
admin.site.register(Operation, ErasuresAdmin)
admin.site.register(Export, ExportsAdmin)
