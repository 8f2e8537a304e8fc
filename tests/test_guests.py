"""People known by values alone: who shares one with others is told apart, and nothing of the others is taken."""

import io
import zipfile

import pytest

from gdpr_assist import AnonymiseError, Identifier, Subject
from gdpr_assist.exceptions import TooManyPeople
from gdpr_assist.subjects import guests
from tests.apps.people.models import Account, Profile, Reader, Sale, SaleLine

from .observing import changed, row, unchanged, unchanged_rows
from .people import account, sale

pytestmark = pytest.mark.django_db

GIL, EVE = "gil@quill.example", "eve@quill.example"


def keys(subject):
    return {
        (each.label, key)
        for each in subject.rows()
        if each.using == "default"
        for key in each.rows.values_list("pk", flat=True)
    }


def doubted(subject):
    return {each.name: set(each.rows.values_list("pk", flat=True)) for each in subject.doubts()}


@pytest.fixture
def household():
    """Two who share a telephone."""
    return sale(email=GIL, phone="555"), sale(email=EVE, phone="555")


class TestWho:
    def test_each_of_several_is_a_person_of_their_own(self, household):
        gils, eves = household
        found = Subject.find(phone="555")
        assert sorted(map(keys, found), key=str) == sorted(
            [{("people.Sale", gils.pk)}, {("people.Sale", eves.pk)}], key=str
        )
        assert {str(each) for each in found} == {
            f"somebody without a row of their own (people.Sale {each.pk})" for each in household
        }

    def test_who_has_the_address_is_one_person_whatever_telephones_they_gave(self):
        given = [sale(email=GIL, phone=phone) for phone in ("555", "+49 555", "")]
        [gil] = Subject.find(email=GIL)
        assert keys(gil) == {("people.Sale", each.pk) for each in given}
        assert str(gil) == "somebody without a row of their own"

    @pytest.mark.parametrize("others", [[GIL, ""], [GIL, GIL.upper()], ["", ""]])
    def test_rows_that_do_not_contradict_one_another_are_of_one(self, others):
        given = [sale(email=email, phone="555") for email in others]
        [subject] = Subject.find(phone="555")
        assert keys(subject) == {("people.Sale", each.pk) for each in given}
        assert doubted(subject) == {}

    def test_what_only_has_the_shared_value_is_of_none_of_them(self, household):
        neither = sale(phone="555")
        for subject in Subject.find(phone="555"):
            assert neither.pk not in {key for _, key in keys(subject)}
            assert neither.pk in doubted(subject)["people.Sale by phone"]

    def test_a_second_shared_value_joins_nobody(self, household):
        """Two who live together may have two telephones together."""
        with changed(Reader, identifiers={"email": "email"}), changed(Sale, **also_by_recipient()):
            Sale.objects.update(recipient="Mill Lane")
            assert len(Subject.find(phone="555")) == 2

    def test_without_addresses_they_are_told_apart_by_what_there_is(self):
        with changed(Sale, **also_by_recipient()):
            one, other = (sale(phone="555", recipient=name) for name in ("Gil", "Eve"))
            found = Subject.find(phone="555")
            assert {frozenset(keys(each)) for each in found} == {
                frozenset({("people.Sale", each.pk)}) for each in (one, other)
            }

    def test_what_tells_them_apart_may_be_shared_in_turn(self, household):
        """Then nothing is certain to be theirs, and each row is a choice."""
        with changed(Sale, **also_by_recipient()):
            Sale.objects.update(email="", recipient="Ada")
            for recipient, email in (("Gil", ""), ("Ada", GIL), ("Ada", EVE)):
                sale(phone="555" if recipient == "Gil" else "777", recipient=recipient, email=email)
            ada = next(each for each in Subject.find(phone="555") if "people.Sale by recipient" in doubted(each))
            assert keys(ada) == set()

    def test_what_a_rule_has_made_tells_nobody_apart(self, household):
        gils, eves = household
        with changed(Sale, fields=["email", "recipient"], keep=["phone", "buyer", "packed_by", "parcel"]):
            eves.anonymise()
            [gil] = Subject.find(phone="555")
        assert keys(gil) == {("people.Sale", gils.pk), ("people.Sale", eves.pk)}

    def test_an_address_of_an_account_is_not_certain_to_be_the_guests(self, household, ada):
        Sale.objects.filter(email=EVE).update(email=ada.email)
        found = Subject.find(phone="555")
        assert sorted(len(keys(each)) for each in found) == [0, 1]
        assert all(each.keys == {} for each in found)

    def test_on_several_databases(self):
        here, there = sale(email=GIL, phone="555"), Sale.objects.using("other").create(email=EVE, phone="555")
        found = Subject.find(phone="555")
        assert {each.using for subject in found for each in subject.rows() if each.rows.exists()} == {
            "default",
            "other",
        }
        assert len(found) == 2
        assert (here.phone, there.phone) == ("555", "555")

    def test_more_than_are_people(self, monkeypatch, household):
        sale(email="rob@quill.example", phone="555")
        monkeypatch.setattr(guests, "MOST_PEOPLE", 2)
        with pytest.raises(TooManyPeople, match=r"^More than \d+ people have this phone: it is no"):
            Subject.find(phone="555")


def also_by_recipient():
    return {"identifiers": {"email": "email", "phone": "phone", "recipient": "recipient"}, "on_erasure": "anonymise"}


class TestWhatIsDone:
    def test_one_is_erased_and_nothing_of_the_other(self, household):
        gils, eves = household
        SaleLine.objects.create(sale=eves, engraving="Eve")
        gil = next(each for each in Subject.find(phone="555") if ("people.Sale", gils.pk) in keys(each))
        before = row(eves)
        result = gil.erase()
        assert result.erased == {"people.Sale (free)": 1}
        assert [str(each) for each in result.uncertain] == [
            "people.Sale: 1 row, by phone, which is not certain to be this person's alone",
            "people.SaleLine: 1 row, by phone, which is not certain to be this person's alone",
        ]
        assert row(eves) == before
        assert row(gils)["email"] != GIL
        [eve] = Subject.find(phone="555")  # she is alone by now
        assert ("people.Sale", eves.pk) in keys(eve)

    def test_the_rows_of_the_other_are_taken_if_somebody_says_so(self, household):
        gils, eves = household
        gil = next(each for each in Subject.find(phone="555") if ("people.Sale", gils.pk) in keys(each))
        assert gil.including("people.Sale by phone").erase().erased == {"people.Sale (free)": 2}
        assert row(eves)["phone"] != "555"

    def test_the_export_has_nothing_of_the_other(self, household):
        gils, _ = household
        gil = next(each for each in Subject.find(phone="555") if ("people.Sale", gils.pk) in keys(each))
        file = io.BytesIO()
        assert gil.export(file) == {"people-Sale.csv": 1}
        with zipfile.ZipFile(file) as archive:
            texts = [archive.read(name).decode() for name in archive.namelist()]
        assert any(GIL in text for text in texts)
        assert not any(EVE in text for text in texts)

    def test_somebody_else_who_comes_after_the_search(self):
        """What was certain when the person was found is looked at again when she is erased."""
        gils = sale(email=GIL, phone="555")
        [gil] = Subject.find(phone="555")
        assert keys(gil) == {("people.Sale", gils.pk)}
        sale(email=EVE, phone="555")
        with unchanged(Sale):
            result = gil.erase()
        assert (result.erased, len(result.uncertain)) == ({}, 1)

    def test_an_account_that_comes_after_the_search(self):
        gils = sale(email=GIL)
        [gil] = Subject.find(email=GIL)
        account("gil")
        with unchanged(Sale, Account):
            assert gil.erase().erased == {}
        assert row(gils)["email"] == GIL

    def test_two_accounts_are_two_people_as_ever(self, household, ada):
        with changed(Profile, identifiers={"phone": Identifier("phone", verified=True)}):
            Profile.objects.create(account=ada, phone="555")
            [found] = Subject.find(phone="555")
        assert found.keys[Account] == {ada.pk}

    def test_no_error_tells_a_value(self, household):
        gil = Subject.find(phone="555")[0]
        with unchanged_rows(Sale), pytest.raises(AnonymiseError) as caught:
            gil.including("people.Sale by email")
        assert "quill" not in str(caught.value)
        assert "555" not in str(caught.value)
