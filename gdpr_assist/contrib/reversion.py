"""django-reversion: the versions of an erased or deleted row are deleted, and the comments of their revisions emptied.

A version of which the data were emptied could not be read any more: the pages of the admin, and the next save where
``ignore_duplicates`` is set, would fail. And whoever reverts to it must not bring the person back.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from django.utils.module_loading import import_string

from ..declaring.clauses import Generic, PointedAtBy
from ..switches import Switch
from .histories import of_declared

APP = "reversion"


@contextmanager
def _off(using: str) -> Iterator[None]:
    """Add nothing to a revision that is open around the erasure, as by its middleware, an admin page or a block.

    What it has of rows so far, it writes at its end, after the erasure: it takes them anew, as they are then.
    """
    if not import_string("reversion.is_active")():
        yield
        return
    with import_string("reversion.create_revision")(manage_manually=True, atomic=False):
        yield
    _take_anew()


def _take_anew() -> None:
    add, options = import_string("reversion.add_to_revision"), import_string("reversion.revisions._get_options")
    # Nothing that is public says what an open revision holds.
    held = import_string("reversion.revisions._current_frame")().db_versions.values()
    for version in [version for versions in held for version in versions.values()]:
        model = version.content_type.model_class()
        rows = model._base_manager.using(version.db).filter(**{options(model).object_id_field: version.object_id})
        for row in rows:
            add(row, model_db=version.db)


SWITCH = Switch(name=APP, off=_off, receivers=("reversion.revisions._post_save_receiver",))


class VersionPrivacy:
    fields = ["serialized_data", "object_repr"]
    keep = ["revision", "object_id", "content_type", "db", "format"]
    copy_of = Generic("content_type", "object_id", using="db")
    on_erasure = "delete"
    scrub = of_declared


class RevisionPrivacy:
    fields = ["comment"]
    keep = ["date_created", "user"]
    copy_of = PointedAtBy("revision")
    actors = ["user"]


def declarations() -> dict[str, type[Any]]:
    return {"reversion.Version": VersionPrivacy, "reversion.Revision": RevisionPrivacy}
