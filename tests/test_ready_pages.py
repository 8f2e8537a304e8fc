"""What wagtail and taggit keep of an erased row: taken by a setting."""

import importlib.util

import pytest
from django.contrib.contenttypes.models import ContentType
from django.db import models
from django.test.utils import isolate_apps

from gdpr_assist import Generic
from gdpr_assist.copies.rows import can_point
from gdpr_assist.declaring.declaration import declare
from tests.apps.fields.models import PlainFields, TextKey, UUIDKey
from tests.apps.thirdparty.models import Ticket

from .others.alone import run_alone


@pytest.fixture
def model():
    """Return the function that makes a model with this column for the key of a row of any other."""

    def make(column):
        columns = {"kind": models.ForeignKey(ContentType, models.CASCADE), "key": column, "note": models.TextField()}
        meta = type("Meta", (), {"app_label": "shop"})
        return type("Remark", (models.Model,), {"__module__": "shop.models", "Meta": meta, **columns})

    with isolate_apps("tests.apps.shop"):
        yield make


@pytest.mark.parametrize(
    ("column", "pointed_at"),
    [
        (models.CharField(max_length=50), [PlainFields, TextKey, UUIDKey, Ticket]),
        (models.TextField(), [PlainFields, TextKey, UUIDKey, Ticket]),
        (models.PositiveIntegerField(), [PlainFields, Ticket]),
        (models.UUIDField(), [UUIDKey]),
        (models.ForeignKey(PlainFields, models.CASCADE), [PlainFields, Ticket]),
        (models.ForeignKey(UUIDKey, models.CASCADE), [UUIDKey]),
    ],
    ids=lambda value: type(value).__name__,
)
def test_a_copy_is_of_rows_of_which_it_can_hold_the_key(model, column, pointed_at):
    made = model(column)
    every = (PlainFields, TextKey, UUIDKey, Ticket)
    assert [each for each in every if can_point(made, Generic("kind", "key"), each)] == pointed_at


@pytest.mark.parametrize(("on_delete", "mistakes"), [(models.DO_NOTHING, []), (models.SET_NULL, ["E043"])])
def test_the_key_of_a_copy_may_be_one_to_a_parent_if_it_stays(model, on_delete, mistakes):
    class Privacy:
        fields = ["note"]
        keep = ["kind", "key"]
        copy_of = Generic("kind", "key")

    made = model(models.ForeignKey(PlainFields, on_delete, null=True, related_name="+"))
    assert [each.check for each in declare(made, Privacy).mistakes] == mistakes


# Not part of every test environment: see tests/others/requirements.txt.
if importlib.util.find_spec("wagtail"):

    def test_with_the_packages_themselves():
        # model_bakery, which pytest-randomly loads, leaves Django half imported: wagtail then misses a part of it.
        run_alone("settings_pages", "with_pages", "-p", "no:randomly")
