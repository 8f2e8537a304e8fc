import pytest
from django.contrib.contenttypes.models import ContentType
from django.db import connections, models
from django.db.migrations.loader import MigrationLoader
from django.db.migrations.state import ModelState
from django.db.migrations.writer import MigrationWriter

from gdpr_assist.models import PrivacyAnonymised
from gdpr_assist.upgrading import MigrateGdprAnonymised
from tests.databases import migrate, unblocked_site

LEAF = ("gdpr_assist", "0005_operations_and_receipts")


class Historic:
    """A database with a table that has the flag of 1.1, and the state of its migrations."""

    def __init__(self, alias, key=None):
        self.alias = alias
        self.connection = connections[alias]
        self.state = MigrationLoader(self.connection).project_state([LEAF])
        fields = [
            ("id", key or models.BigAutoField(primary_key=True)),
            ("name", models.CharField(max_length=50)),
            ("anonymised", models.BooleanField(default=False)),
        ]
        self.state.add_model(ModelState("legacy", "Person", fields))
        self.model = self.state.apps.get_model("legacy", "Person")
        with self.connection.schema_editor() as editor:
            editor.create_model(self.model)

    def add(self, *rows):
        people = [self.model(name=name, anonymised=flag) for name, flag in rows]
        for person in people:
            person.save(using=self.alias)
        return people

    def forwards(self, **names):
        operation = MigrateGdprAnonymised(**(names or {"model_name": "Person"}))
        with self.connection.schema_editor() as editor:
            operation.database_forwards("legacy", editor, self.state, self.state)

    def backwards(self):
        operation = MigrateGdprAnonymised("Person")
        with self.connection.schema_editor() as editor:
            operation.database_backwards("legacy", editor, self.state, self.state)

    def markers(self):
        found = PrivacyAnonymised.objects.using(self.alias).filter(
            content_type__app_label="legacy", content_type__model="person"
        )
        return sorted(found.values_list("object_id", flat=True))

    def flagged(self):
        people = self.model.objects.using(self.alias).filter(anonymised=True)
        return sorted(people.values_list("name", flat=True))


@pytest.fixture(scope="module")
def site(django_db_blocker):
    with unblocked_site(django_db_blocker) as aliases:
        migrate(*aliases)
        yield aliases


@pytest.fixture
def historic_with(site):
    """Make the table with a key of a given kind, and drop it after the test."""
    made = []

    def historic_with(key=None):
        made.append(Historic(site[0], key))
        return made[-1]

    yield historic_with
    for historic in made:
        PrivacyAnonymised.objects.using(historic.alias).all().delete()
        with historic.connection.schema_editor() as editor:
            editor.delete_model(historic.model)


@pytest.fixture
def historic(historic_with):
    return historic_with()


def test_every_flagged_row_is_marked(historic):
    ada, _, cid = historic.add(("Ada", True), ("Bea", False), ("Cid", True))
    historic.forwards()
    assert historic.markers() == sorted([str(ada.pk), str(cid.pk)])


def test_the_marker_is_of_the_models_content_type(historic):
    historic.add(("Ada", True))
    historic.forwards()
    kind = PrivacyAnonymised.objects.using(historic.alias).get().content_type
    assert (kind.app_label, kind.model) == ("legacy", "person")
    assert ContentType.objects.using(historic.alias).filter(app_label="legacy").count() == 1


def test_a_row_that_is_marked_already_is_marked_once(historic):
    historic.add(("Ada", True), ("Bea", True))
    historic.forwards()
    historic.add(("Cid", True))
    historic.forwards()
    assert len(historic.markers()) == 3


def test_no_row_is_no_marker(historic):
    historic.add(("Bea", False))
    historic.forwards()
    assert historic.markers() == []


def test_backwards_the_flag_is_set_again(historic):
    historic.add(("Ada", True), ("Bea", False), ("Cid", True))
    historic.forwards()
    historic.model.objects.using(historic.alias).update(anonymised=False)
    historic.backwards()
    assert historic.flagged() == ["Ada", "Cid"]


def test_backwards_where_nothing_was_marked(historic):
    historic.add(("Bea", False))
    historic.backwards()
    assert historic.flagged() == []


def test_backwards_a_marker_of_a_row_that_is_gone_is_passed_over(historic):
    ada, bea = historic.add(("Ada", True), ("Bea", True))
    historic.forwards()
    historic.model.objects.using(historic.alias).filter(pk=ada.pk).delete()
    historic.model.objects.using(historic.alias).update(anonymised=False)
    historic.backwards()
    assert historic.flagged() == [bea.name]


def test_more_rows_than_one_insert_holds(historic):
    people = [historic.model(name="Ada", anonymised=True) for _ in range(1100)]
    historic.model.objects.using(historic.alias).bulk_create(people)
    historic.forwards()
    assert len(historic.markers()) == 1100
    historic.model.objects.using(historic.alias).update(anonymised=False)
    historic.backwards()
    assert len(historic.flagged()) == 1100


def test_keys_that_are_uuids(historic_with):
    historic = historic_with(models.UUIDField(primary_key=True))
    key = "2b1e1d1c-8d5a-4c3f-9f57-0d6f6f3f1a11"
    historic.model(id=key, name="Ada", anonymised=True).save(using=historic.alias)
    historic.forwards()
    assert historic.markers() == [key]
    historic.model.objects.using(historic.alias).update(anonymised=False)
    historic.backwards()
    assert historic.flagged() == ["Ada"]


def test_the_name_may_be_written_in_any_case(historic):
    historic.add(("Ada", True))
    historic.forwards(model_name="person")
    assert len(historic.markers()) == 1


def test_it_does_nothing_where_the_model_does_not_live(site):
    log = site[1]
    state = MigrationLoader(connections[log]).project_state([LEAF])
    operation = MigrateGdprAnonymised("Person")
    with connections[log].schema_editor() as editor:
        operation.database_forwards("legacy", editor, state, state)
        operation.database_backwards("legacy", editor, state, state)
    assert "gdpr_assist_privacyanonymised" not in connections[log].introspection.table_names()


def test_it_changes_no_state(historic):
    before = historic.state.clone()
    MigrateGdprAnonymised("Person").state_forwards("legacy", historic.state)
    assert historic.state == before


def test_it_can_be_undone_and_says_what_it_does():
    operation = MigrateGdprAnonymised("Person")
    assert operation.reversible
    assert not operation.reduces_to_sql
    assert operation.describe() == "Mark the anonymised rows of Person"


@pytest.mark.parametrize("operation", [MigrateGdprAnonymised("A"), MigrateGdprAnonymised(model_name="A")])
def test_a_migration_that_has_it_can_be_written(operation):
    text, imports = MigrationWriter.serialize(operation)
    assert "gdpr_assist.upgrading.MigrateGdprAnonymised(" in text
    assert "import gdpr_assist.upgrading" in imports
