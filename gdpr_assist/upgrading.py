"""For sites that come from 1.1: the migration operation that turns the old flag into markers."""

from __future__ import annotations

from typing import Any

from django.core.checks import CheckMessage
from django.db import router
from django.db.migrations.operations.base import Operation

from .declaring.keys import stored_texts
from .former import warn

ROWS_PER_INSERT = 1000

OLD_FLAG = "anonymised"


def check_migrate_gdpr_anonymised(app_configs: Any = None, **kwargs: Any) -> list[CheckMessage]:
    """Find nothing: the app registers gdpr_assist.E001 by itself. Kept for existing code."""
    warn("upgrading.check_migrate_gdpr_anonymised", "Leave it out: gdpr_assist.E001 is registered by the app.")
    return []


class MigrateGdprAnonymised(Operation):
    """Mark every row of ``model_name`` that has the flag ``anonymised``; backwards, set the flag of the marked rows.

    Belongs before the operation that removes the flag, in a migration that depends on
    ``("gdpr_assist", "0002_privacyanonymised")``.
    """

    reversible = True
    reduces_to_sql = False

    def __init__(self, model_name: str) -> None:
        self.model_name = model_name

    def state_forwards(self, app_label: str, state: Any) -> None:
        pass

    def database_forwards(self, app_label: str, schema_editor: Any, from_state: Any, to_state: Any) -> None:
        using = schema_editor.connection.alias
        if not router.allow_migrate(using, app_label, model_name=self.model_name.lower()):
            return
        rows, markers, kind = self._parts(app_label, using, from_state.apps)
        marker = markers.model
        texts = stored_texts(rows.model, rows.filter(**{OLD_FLAG: True}).values_list("pk", flat=True))
        marked = set(markers.filter(content_type=kind).values_list("object_id", flat=True))
        markers.bulk_create(
            [marker(content_type=kind, object_id=text) for text in texts if text not in marked],
            batch_size=ROWS_PER_INSERT,
        )

    def database_backwards(self, app_label: str, schema_editor: Any, from_state: Any, to_state: Any) -> None:
        using = schema_editor.connection.alias
        if not router.allow_migrate(using, app_label, model_name=self.model_name.lower()):
            return
        rows, markers, kind = self._parts(app_label, using, from_state.apps)
        to_python = rows.model._meta.pk.to_python
        texts = list(markers.filter(content_type=kind).values_list("object_id", flat=True))
        for start in range(0, len(texts), ROWS_PER_INSERT):
            keys = [to_python(text) for text in texts[start : start + ROWS_PER_INSERT]]
            rows.filter(pk__in=keys).update(**{OLD_FLAG: True})

    def describe(self) -> str:
        return f"Mark the anonymised rows of {self.model_name}"

    def _parts(self, app_label: str, using: str, apps: Any) -> tuple[Any, Any, Any]:
        content_types = apps.get_model("contenttypes", "ContentType").objects.using(using)
        kind, _ = content_types.get_or_create(app_label=app_label, model=self.model_name.lower())
        markers = apps.get_model("gdpr_assist", "PrivacyAnonymised").objects.using(using)
        return apps.get_model(app_label, self.model_name)._base_manager.using(using), markers, kind
