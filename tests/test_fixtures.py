"""dumpdata and loaddata: what a dump holds, and what it may not do to the database that it is loaded into."""

import json
import uuid
from io import StringIO

import pytest
from django.contrib.contenttypes.models import ContentType
from django.core.management import call_command
from django.utils import timezone
from model_bakery import baker

from gdpr_assist.exceptions import AnonymiseError
from gdpr_assist.models import DatabaseIdentity, PersonalData, PrivacyAnonymised, Receipt
from tests.apps.shop.models import Customer

from .observing import markers, queries, rows

pytestmark = pytest.mark.django_db


def dump(*labels, using="default", **options):
    out = StringIO()
    call_command("dumpdata", *labels, database=using, stdout=out, **options)
    return out.getvalue()


def identity(using="default"):
    """The id of the database, its key, and its receipts. (JSON cuts times to milliseconds.)"""
    return rows(DatabaseIdentity, using), {each["operation"] for each in rows(Receipt, using)}


@pytest.fixture
def load(tmp_path):
    def load(text, using="other"):
        fixture = tmp_path / "fixture.json"
        fixture.write_text(text)
        call_command("loaddata", str(fixture), database=using, verbosity=0)

    return load


@pytest.mark.parametrize("using", ["default", "other", "gdpr_log"])
@pytest.mark.parametrize("every_row", [False, True], ids=["default manager", "base manager"])
def test_each_database_can_be_dumped(using, every_row):
    # Not all apps: those of the tests have a model without a table of their own.
    found = json.loads(dump("gdpr_assist", "auth", "admin", "shop", using=using, use_base_manager=every_row))
    assert "gdpr_assist.personaldata" not in {each["model"] for each in found}


@pytest.mark.parametrize("manager", [PersonalData._default_manager, PersonalData._base_manager])
def test_what_has_no_table_has_no_rows_and_asks_no_database(manager):
    found = []
    assert queries(lambda: found.extend([*manager.all(), manager.count(), manager.filter(pk=1).exists()])) == []
    assert found == [0, False]


def test_markers_mean_the_same_rows_where_content_types_have_other_numbers(load):
    customer = baker.make(Customer)
    customer.anonymise()
    dumped = dump("gdpr_assist.PrivacyAnonymised", use_natural_foreign_keys=True, use_natural_primary_keys=True)
    # In the other database the same number is that of another model.
    kind = ContentType.objects.db_manager("other").get_for_model(Customer)
    ContentType.objects.using("other").filter(pk=kind.pk).delete()
    ContentType.objects.clear_cache()
    there = ContentType.objects.db_manager("other").create(app_label="shop", model="customer")
    assert there.pk != kind.pk

    load(dumped)
    load(dumped)

    assert [row["content_type_id"] for row in rows(PrivacyAnonymised, "other")] == [there.pk]
    assert markers(Customer, "other") == [str(customer.pk)]
    ContentType.objects.clear_cache()


def test_a_dump_of_this_database_can_be_loaded_again(load):
    baker.make(Customer).anonymise()
    before = identity()
    load(dump("gdpr_assist"), using="default")
    assert identity() == before


def test_a_dump_restores_an_empty_database_with_its_id_and_its_receipts(load):
    baker.make(Customer).anonymise()
    load(dump("gdpr_assist", use_natural_foreign_keys=True))
    assert identity("other") == identity()


def test_a_dump_cannot_make_a_database_with_erasures_of_its_own_another_one(load):
    baker.make(Customer).anonymise()
    Receipt.objects.using("other").create(operation=uuid.uuid4(), written=timezone.now())
    before = identity("other")
    dumped = dump("gdpr_assist")

    with pytest.raises(
        AnonymiseError, match=r"gdpr_assist\.DatabaseIdentity of another database, and 'other' has receipts"
    ):
        load(dumped)

    assert identity("other") == before
    without = ["gdpr_assist.databaseidentity", "gdpr_assist.receipt"]
    load(dump("gdpr_assist", exclude=without, use_natural_foreign_keys=True))
    assert identity("other") == before
