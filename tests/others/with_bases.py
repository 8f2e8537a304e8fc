"""What the packages keep in a row survives an erasure, and their querysets erase. Run by tests/test_owners.py."""

import pytest
from django.core import checks
from django.db import models

from gdpr_assist.models import EventLog
from tests.others.bases.models import Company, Contact, Home, Member, Officer, Patient, Place, Reader

pytestmark = pytest.mark.django_db(databases=["default", "gdpr_log"])


def stored(model, *names):
    """Return the columns of every row as they are, whatever the managers show."""
    return list(models.QuerySet(model).order_by("pk").values_list(*names))


def logged(model):
    events = EventLog.objects.using("gdpr_log").filter(model_name=model.__name__)
    return sorted(events.values_list("event", "target_pk"))


def test_the_check_names_what_a_tree_needs_where_nothing_is_said():
    found = [each for each in checks.run_checks() if each.id == "gdpr_assist.E030"]
    assert ["bases.Unset" in each.msg for each in found] == [True]
    assert "parent, lft, rght, tree_id, level (mptt.models.MPTTModel)" in found[0].msg


class TestTreeOfMPTT:
    COLUMNS = ("parent", "lft", "rght", "tree_id", "level")

    @pytest.fixture
    def mother(self):
        mother = Member.objects.create(name="Ada")
        Member.objects.create(name="Bob", parent=mother)
        Member.objects.create(name="Cleo", parent=mother)
        Member.objects.create(name="Dora")
        return Member.objects.get(pk=mother.pk)

    @pytest.mark.parametrize("way", ["queryset", "object"])
    def test_it_stays_a_tree(self, mother, way):
        before = stored(Member, *self.COLUMNS)
        mother.anonymise() if way == "object" else Member.objects.all().anonymise()
        assert stored(Member, *self.COLUMNS) == before
        assert Member.objects.get(pk=mother.pk).name == str(mother.pk)
        assert mother.get_descendants().count() == 2

    def test_what_its_methods_return_can_be_anonymised(self, mother):
        assert mother.get_descendants().anonymise().anonymised == 2
        assert [name in ("Ada", "Dora") for (name,) in stored(Member, "name")] == [True, False, False, True]

    def test_deleting_a_branch_is_logged_whole(self, mother):
        keys = sorted(str(each.pk) for each in mother.get_descendants(include_self=True))
        mother.delete()
        assert logged(Member) == [("delete", key) for key in keys]
        assert Member.objects.get().name == "Dora"


class TestTreeOfTreebeard:
    COLUMNS = ("path", "depth", "numchild")

    @pytest.fixture
    def root(self):
        root = Officer.add_root(name="Ada")
        root.add_child(name="Bob").add_child(name="Cleo")
        return Officer.objects.get(pk=root.pk)

    @pytest.mark.parametrize("way", ["queryset", "object"])
    def test_it_stays_a_tree(self, root, way):
        before = stored(Officer, *self.COLUMNS)
        root.anonymise() if way == "object" else Officer.objects.all().anonymise()
        assert stored(Officer, *self.COLUMNS) == before
        assert Officer.find_problems() == ([], [], [], [], [])
        assert Officer.objects.get(pk=root.pk).name == str(root.pk)

    def test_what_its_methods_return_can_be_anonymised(self, root):
        assert root.get_descendants().anonymise().anonymised == 2
        assert stored(Officer, "name")[0] == ("Ada",)

    def test_deleting_a_branch_is_logged_whole(self, root):
        keys = [str(key) for (key,) in stored(Officer, "pk")]
        root.delete()
        assert logged(Officer) == [("delete", key) for key in keys]
        assert not Officer.objects.exists()


class TestPolymorphic:
    @pytest.fixture
    def company(self):
        Contact.objects.create(name="Bob")
        return Company.objects.create(name="Quill", manager_name="Ada")

    @pytest.mark.parametrize("model", [Contact, Company])
    @pytest.mark.parametrize("way", ["queryset", "object"])
    def test_one_object_is_all_its_tables_and_keeps_its_type(self, company, model, way):
        found = model.objects.filter(pk=company.pk)
        assert type(found.get()) is Company  # also where the parent is asked
        result = found.get().anonymise() if way == "object" else found.anonymise()
        assert result.anonymised == 1
        again = Contact.objects.get(pk=company.pk)
        assert (type(again), again.name, again.manager_name) == (Company, str(company.pk), str(company.pk))
        assert again.is_anonymised()
        assert stored(Contact, "name")[0] == ("Bob",)

    def test_both_kinds_in_one_queryset(self, company):
        assert Contact.objects.all().anonymise().anonymised == 2
        assert sorted(type(each).__name__ for each in Contact.objects.all()) == ["Company", "Contact"]
        assert Company.objects.get().manager_name == str(company.pk)

    def test_deleting_one_is_logged_for_both_tables(self, company):
        key = str(company.pk)
        Contact.objects.get(pk=company.pk).delete()
        assert (logged(Contact), logged(Company)) == ([("delete", key)], [("delete", key)])


class TestSoftDeleted:
    """A row that is marked as deleted is erased too, and stays marked."""

    def test_safedelete(self):
        Patient.objects.create(name="Ada").delete()
        Patient.objects.create(name="Bob")
        before = stored(Patient, "deleted", "deleted_by_cascade")
        assert Patient.anonymisable_manager().all().anonymise().anonymised == 2
        assert stored(Patient, "deleted", "deleted_by_cascade") == before
        assert Patient.objects.count() == 1
        assert not {("Ada",), ("Bob",)} & set(stored(Patient, "name"))

    def test_model_utils(self):
        reader = Reader.available_objects.create(name="Ada")
        reader.delete()
        before = stored(Reader, "is_removed", "created")
        assert before[0][0] is True
        reader.anonymise()
        assert stored(Reader, "is_removed", "created") == before
        assert Reader.anonymisable_manager().get(pk=reader.pk).name == str(reader.pk)


class TestInheritanceManager:
    def test_its_querysets_give_children_and_anonymise_them(self):
        home = Home.objects.create(name="Harbour Road 1", tenant="Ada")
        [found] = Place.objects.select_subclasses()
        assert isinstance(found, Home)
        assert Place.objects.select_subclasses().anonymise().anonymised == 1
        assert stored(Home, "name", "tenant") == [(str(home.pk), str(home.pk))]
