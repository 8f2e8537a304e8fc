"""Rows of people with a key of several columns: they are found, shown, exported and deleted as any other."""

import io
import zipfile

import django
import pytest
from django.contrib.contenttypes.models import ContentType

from gdpr_assist import Generic, Subject
from gdpr_assist.checks.people import check_E043
from gdpr_assist.registry import registry
from tests.apps.people.models import Account, Remark
from tests.apps.thirdparty.models import Device

from .observing import changed

if django.VERSION < (5, 2):
    pytest.skip("no composite keys before Django 5.2", allow_module_level=True)

from tests.apps.thirdparty.models import Reading

pytestmark = pytest.mark.django_db


def meta(**attributes):
    return type("PrivacyMeta", (), attributes)


@pytest.fixture
def devices():
    """Let a device be of the account whose address it has."""
    with registry.registered(Device, meta(fields=["owner"], identifiers={"email": "owner"}, on_erasure="delete")):
        yield


def device(person, *numbers):
    made = Device.objects.create(owner=person.email, address="192.0.2.1")
    return made, [Reading.objects.create(device=made, number=number, text="warm") for number in numbers]


def readings():
    return set(Reading.objects.values_list("device_id", "number"))


class TestByCascade:
    """Of a model that is not registered."""

    def test_they_are_counted_before_and_deleted(self, devices, ada, bob):
        device(ada, 2, 1)
        other, _ = device(bob, 1)
        assert "thirdparty.Reading: 2 rows, by cascade: deleted with the above" in Subject(ada).preview().splitlines()
        [line] = [each for each in Subject(ada).lines() if each.share.is_cascade]
        assert line.share.found.rows.count() == 2
        result = Subject(ada).erase()
        assert result.deleted == {"thirdparty.Device": 1, "thirdparty.Reading": 2}
        assert readings() == {(other.pk, 1)}


HERS = {"fields": ["text"], "subject": "device", "can_anonymise": False}


class TestOfAPerson:
    """Of a model that says whose its rows are; generic keys of others are looked for at rows of each such model."""

    @pytest.fixture(params=["kept", "deleted", "by two ways"])
    def hers(self, request, devices):
        more = {
            "kept": {},
            "deleted": {"on_erasure": "delete"},
            "by two ways": {"on_erasure": "delete", "identifiers": {"email": "text"}},
        }
        with (
            changed(Device, on_erasure="anonymise"),
            registry.registered(Reading, meta(**HERS, **more[request.param])),
        ):
            yield request.param

    def test_they_are_shown_exported_and_seen_to(self, hers, ada, bob):
        other, _ = device(bob, 1)
        device(ada, 1, 2)
        by_value = Reading.objects.create(device=Device.objects.create(address="192.0.2.2"), number=7, text=ada.email)
        person = Subject(ada)
        number = 3 if hers == "by two ways" else 2
        assert f"thirdparty.Reading: {number} rows, " in person.preview()
        file = io.BytesIO()
        person.export(file)
        with zipfile.ZipFile(file) as exported:
            assert exported.read("thirdparty-Reading.csv").count(b"\n") == 1 + number
        result = person.erase()
        if hers == "kept":
            [kept] = map(str, result.kept)
            assert kept == "thirdparty.Reading: 2 rows, kept (declared as not to be anonymised)"
            assert len(readings()) == 4
        else:
            assert result.deleted == {"thirdparty.Reading": number}
            left = {(other.pk, 1)} if number == 3 else {(other.pk, 1), (by_value.device_id, 7)}
            assert readings() == left

    def test_the_person_can_be_deleted(self, hers, ada, bob):
        other, _ = device(bob, 1)
        mine, _ = device(ada, 1)
        ada.delete()
        assert not Account.objects.filter(pk=ada.pk).exists()
        assert readings() == ({(other.pk, 1), (mine.pk, 1)} if hers == "kept" else {(other.pk, 1)})

    def test_what_points_at_them_is_found(self, hers, ada, bob):
        """By the text that Django writes for such a key in a fixture, and reads again."""
        (mine, _), (other, _) = device(ada, 1), device(bob, 1)
        kind = ContentType.objects.get_for_model(Reading)
        for each in (mine, other):
            Remark.objects.create(content_type=kind, object_id=f'["{each.pk}", "1"]', text="late")
        assert Subject(ada).erase().erased["people.Remark"] == 1
        assert [each.text for each in Remark.objects.all() if str(other.pk) in each.object_id] == ["late"]
        assert Remark.objects.filter(text="late").count() == 1

    def test_copies_of_them_are_emptied(self, hers, ada, bob):
        (mine, _), (other, _) = device(ada, 1), device(bob, 1)
        kind = ContentType.objects.get_for_model(Reading)
        for each in (mine, other):
            Remark.objects.create(content_type=kind, object_id=f'["{each.pk}", "1"]', text="late")
        with changed(Remark, subject=None, copy_of=Generic("content_type", "object_id")):
            is_told = "people.Remark: 1 row, copies of the above: anonymised: text" in Subject(ada).preview()
            Subject(ada).erase()
        left = [each.object_id for each in Remark.objects.filter(text="late")]
        assert (is_told, f'["{other.pk}", "1"]' in left, len(left)) == (
            (False, True, 2) if hers == "kept" else (True, True, 1)
        )


def test_a_row_with_such_a_key_is_no_person():
    declared = {"fields": ["text"], "subject": "self", "can_anonymise": False}
    with registry.registered(Reading, meta(**declared)):
        [mistake] = check_E043()
    assert mistake.msg == "thirdparty.Reading has a composite primary key, so that its rows are no people."
