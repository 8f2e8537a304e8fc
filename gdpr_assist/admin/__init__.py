"""The admin: an action for the project's own models, and the Personal data tool. Erases nothing by itself."""

from __future__ import annotations

from django.contrib import admin

from ..tables import PersonalData
from .model_admin import ModelAdmin, extend
from .personal_data import PersonalDataAdmin

__all__ = ["ModelAdmin", "PersonalDataAdmin", "extend"]

# Django imports the module ``admin`` of each app for this.
admin.site.register(PersonalData, PersonalDataAdmin)
