"""What the tests rely on: the rows that a test leaves in the databases of the run."""

import pytest
from django.contrib.auth.models import Permission
from django.contrib.contenttypes.models import ContentType

from gdpr_assist.models import DatabaseIdentity
from tests.databases import ALIASES, dump, restore
from tests.logbook import customer

pytestmark = pytest.mark.django_db(transaction=True)


def test_rows_that_a_test_wrote_changed_or_deleted_are_as_migrate_left_them():
    before = dump()
    customer(name="Ottoline").anonymise()
    ContentType.objects.create(app_label="gone", model="gone")
    ContentType.objects.filter(app_label="shop", model="customer").delete()
    Permission.objects.using("other").update(name="Another")
    DatabaseIdentity.objects.using("other").all().delete()
    assert dump() != before
    for using in ALIASES:
        restore(using)
    assert dump() == before
    assert Permission.objects.filter(codename="view_customer").exists()
