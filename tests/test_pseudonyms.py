"""``Pseudonym``: values from a pool, by a keyed digest; in each way the same, and nobody can try old values later."""

import hashlib
import json
import re
from unittest import mock

import pytest
from django.core.management import call_command
from django.db import connections, models
from django.test.utils import CaptureQueriesContext, isolate_apps

from gdpr_assist import Pseudonym
from gdpr_assist.checks.declarations import check_E055, check_E057
from gdpr_assist.databases import picking
from gdpr_assist.declaring.expressions import replaced_by
from gdpr_assist.exceptions import AnonymiseError, FieldAnonymiseError
from gdpr_assist.execution.ranges import begin_scrub, end_scrubs, execute_in_ranges
from gdpr_assist.execution.rewriting import execute_anew, written_anew
from gdpr_assist.invented import invented
from gdpr_assist.models import DatabaseIdentity, Scrub
from gdpr_assist.planning.plans import plan
from gdpr_assist.samples import samples
from gdpr_assist.scrubbing.run import prepare
from gdpr_assist.scrubbing.run import scrub as run_scrub
from gdpr_assist.signals import post_anonymise, post_scrub
from tests.apps.own.models import Account, Reader
from tests.apps.shop.models import Boat, Customer
from tests.observing import changed, listening, row

pytestmark = pytest.mark.django_db

ODD = ["Anna", "Zoë", "O'Hara", 'Say "hi"', "50 %", "back\\slash", "李", "blank behind ", "{}", "long" * 12]
NAMES = [*ODD, *(f"Name {number}" for number in range(90))]
POOLS = {"first_name": NAMES, "short": ["Al", "Bo"], "empty": [], "town": ["Ulm"]}


@pytest.fixture(autouse=True)
def pools(tmp_path, settings):
    path = tmp_path / "pools.json"
    path.write_text(json.dumps(POOLS), encoding="utf-8")
    settings.GDPR_PSEUDONYMS = path
    return path


def replacing(model=Customer, **replace):
    return changed(model, replace=replace)


def customer(number, **values):
    return Customer.objects.create(**{"name": "Ada Quill", "email": f"ada{number}@quill.example", **values})


def by_object(people):
    for each in people:
        each.anonymise()


def by_set(people):
    Customer.objects.filter(pk__in=[each.pk for each in people]).anonymise()


def by_signal(people):
    """Python has all columns, as somebody listens, and they are written back in batches."""
    with changed(Customer, bulk=True), listening(post_anonymise, lambda **kwargs: None, sender=Customer):
        by_set(people)


def by_python(people):
    """As on a database of which nothing is known here."""
    with mock.patch.object(picking, "PICKERS", {}):
        by_set(people)


def by_scrub(people=()):
    scrub(plan(Customer.objects.all()))


def scrub(work):
    begin_scrub(work)
    list(execute_in_ranges(work))


WAYS = pytest.mark.parametrize("anonymise", [by_object, by_set, by_signal, by_python, by_scrub])


def scrub_key():
    return DatabaseIdentity.objects.get().scrub_key


def picked(text, label="first_name", names=NAMES):
    """Work out by hand what takes the place of a text, and the digits behind it."""
    identity = DatabaseIdentity.objects.get()
    key = bytes(identity.scrub_key or identity.key).hex()
    made = hashlib.sha256(f"{key}:{label}:{text}".encode()).hexdigest()
    return names[int(made[:7], 16) % len(names)], made[7:23]


def refilled(model=Customer):
    return plan(model._base_manager.all()).refilled().count()


@WAYS
def test_the_digest_of_the_old_value_picks_it(anonymise):
    olds = ["Ada Quill", "ada quill", "Zoë Ångström", "Ada Quill", "'; --", "Ada Quill ", "100 %s", "李 明"]
    people = [customer(number, name=name) for number, name in enumerate(olds)]
    with replacing(name=Pseudonym("first_name")):
        anonymise(people)
        assert refilled() == 0

    found = [row(each)["name"] for each in people]
    assert found == [picked(name)[0] for name in olds]
    assert found[0] == found[3]
    assert len(set(found)) > 1


@pytest.mark.skipif(connections["default"].vendor != "postgresql", reason="PostgreSQL writes tables anew")
def test_a_table_that_is_written_anew_has_the_same():
    olds = ["Ada Quill", "Zoë Ångström", "", "Ada Quill", "100 %s"]
    people = [customer(number, name=name, notes="paid by card") for number, name in enumerate(olds)]
    with replacing(name=Pseudonym("first_name"), notes=Pseudonym("town", of="key")):
        (work,) = written_anew([plan(Customer.objects.all())])
        assert work.way.is_anew
        begin_scrub(work)
        assert list(execute_anew(work)) == [5]
    assert [row(each)["name"] for each in people] == [picked(name)[0] if name else "" for name in olds]
    assert {row(each)["notes"] for each in people} == {"Ulm"}


@WAYS
def test_the_values_of_a_pool_are_written_as_they_are(anonymise):
    people = [customer(number, name=f"Person {number}") for number in range(60)]
    with replacing(name=Pseudonym("first_name", choices=len(ODD))):
        anonymise(people)
        assert refilled() == 0

    assert [row(each)["name"] for each in people] == [picked(f"Person {number}", names=ODD)[0] for number in range(60)]


def test_two_pools_that_begin_alike_in_one_statement():
    person = customer(1, phone="Ada Quill")
    with replacing(name=Pseudonym("first_name", choices=97), phone=Pseudonym("first_name", choices=6)):
        by_scrub()
    assert row(person)["name"] == picked("Ada Quill", names=NAMES[:97])[0]
    assert row(person)["phone"] == picked("Ada Quill", names=NAMES[:6])[0]


@pytest.mark.skipif(connections["default"].vendor != "sqlite", reason="SQLite has a function for it")
def test_each_new_connection_can_pick():
    new = connections["default"].copy()
    try:
        with new.cursor() as cursor:
            digest = hashlib.sha256(b"a text").hexdigest()
            for text, made in ("a text", NAMES[int(digest[:7], 16) % len(NAMES)]), (None, None):
                sql, parameters = picking.picked(new, ("%s", (text,)), NAMES)
                cursor.execute(f"SELECT {sql}", parameters)
                assert cursor.fetchone() == (made,)
    finally:
        new.close()


@WAYS
def test_by_the_key_says_nothing_of_the_old_value(anonymise):
    people = [customer(number) for number in range(4)]
    with replacing(name=Pseudonym("first_name", of="key")):
        anonymise(people)
        assert refilled() == 0
    assert [row(each)["name"] for each in people] == [
        picked(each.pk, "first_name:shop.Customer")[0] for each in people
    ]


@WAYS
def test_only_the_first_choices(anonymise):
    people = [customer(number, name=f"Person {number}") for number in range(12)]
    with replacing(name=Pseudonym("first_name", choices=2)):
        anonymise(people)
    assert {row(each)["name"] for each in people} == set(NAMES[:2])


@WAYS
def test_what_is_empty_stays_so(anonymise):
    people = [customer(1, name=""), customer(2, phone="0170")]
    with replacing(name=Pseudonym("first_name"), phone=Pseudonym("short")):
        anonymise(people)
        assert refilled() == 0
    assert (row(people[0])["name"], row(people[0])["phone"]) == ("", "")
    assert row(people[1])["phone"] in ("Al", "Bo")


def test_equal_values_are_equal_across_tables():
    person = customer(1, name="Ada")
    other = Boat.objects.create(owner="Ada")
    with replacing(name=Pseudonym("first_name")), replacing(Boat, owner=Pseudonym("first_name")):
        for model in (Customer, Boat):
            scrub(plan(model._base_manager.all()))
    assert row(person)["name"] == row(other)["owner"] == picked("Ada")[0]


@pytest.mark.parametrize("name", ["Ada Quill", "anna", "Name 93"])
def test_what_is_not_in_the_pool_is_filled_again(name):
    person = customer(1)
    with replacing(name=Pseudonym("first_name")):
        by_set([person])
        Customer.objects.update(name="Anna")
        assert refilled() == 0
        Customer.objects.update(name=name)
        assert refilled() == 1


def accounts(*logins):
    return [Reader.objects.create(login=each, nick="x") for each in logins]


@pytest.mark.parametrize("anonymise", ["set", "object", "python"])
def test_a_unique_column_stays_unique_with_digits_behind_the_name(anonymise):
    readers = accounts("ada", "Ada2", "bea")
    with replacing(Reader, login=Pseudonym("town")):
        if anonymise == "object":
            for each in readers:
                each.anonymise()
        else:
            with mock.patch.object(picking, "PICKERS", {} if anonymise == "python" else picking.PICKERS):
                Reader.objects.all().anonymise()
        assert refilled(Reader) == 0
        found = list(Account.objects.order_by("pk").values_list("login", flat=True))
        assert found == [f"Ulm {picked(name, 'town', ['Ulm'])[1]}" for name in ("ada", "Ada2", "bea")]
        Account.objects.filter(login=found[0]).update(login="Ulmer")
        assert refilled(Reader) == 1


def made(field, given, **options):
    with isolate_apps("tests.apps.fields"):
        place = type(
            "Place",
            (models.Model,),
            {
                "__module__": __name__,
                "name": field,
                "Meta": type("Meta", (), {"app_label": "fields"}),
            },
        )
        meta = type(
            "PrivacyMeta", (), {"replace": {"name": given}, "fields": ["name"], "json_fields": {}, "model": place}
        )
        return replaced_by(meta(), place._meta.get_field("name"))


@pytest.mark.parametrize(
    ("field", "given", "check", "what"),
    [
        (models.IntegerField(), "short", "E055", "has a Pseudonym for a IntegerField"),
        (models.DateField(), "short", "E055", "has a Pseudonym for a DateField"),
        (models.EmailField(unique=True), "short", "E055", "has a Pseudonym for a unique EmailField"),
        (models.CharField(max_length=1), "short", "E057", "the longest value of the pool 'short' has no room in 1 "),
        (models.CharField(max_length=10, unique=True), "short", "E057", "with 8 digits behind it as it must differ"),
        (models.CharField(max_length=50), "nobody", "E057", "has no pool 'nobody'; it has empty, first_name, short, "),
        (models.CharField(max_length=50), "empty", "E057", "the pool 'empty' of pools.json is empty"),
    ],
)
def test_a_field_or_a_pool_that_is_not_made_for_it(field, given, check, what):
    with pytest.raises(FieldAnonymiseError, match=re.escape(what)) as caught:
        made(field, Pseudonym(given))
    assert caught.value.check == check
    assert caught.value.hint


@pytest.mark.parametrize(
    ("field", "form"),
    [
        (models.CharField(max_length=11, unique=True), "(Al|Bo) [0-9a-f]{8}"),
        (models.CharField(max_length=50, unique=True), "(Al|Bo) [0-9a-f]{16}"),
        (models.TextField(unique=True), "(Al|Bo) [0-9a-f]{16}"),
        (models.SlugField(unique=True), "(Al|Bo)-[0-9a-f]{16}"),
        (models.CharField(max_length=2), "(Al|Bo)"),
        (models.EmailField(), "(Al|Bo)"),
    ],
)
def test_as_many_digits_as_there_is_room_for(field, form):
    replacement = made(field, Pseudonym("short"))
    row = mock.Mock(spec=["name", "pk", "_state"])
    row.name, row._state.db = "ada", "default"
    setattr(row, field.attname, "ada")
    assert re.fullmatch(form, replacement.value(row))


@pytest.mark.parametrize(
    ("arguments", "error"),
    [
        ((7,), TypeError),
        (("first_name", 0), ValueError),
        (("first_name", "many"), ValueError),
        (("first_name", None, "row"), ValueError),
    ],
)
def test_arguments_that_mean_nothing(arguments, error):
    with pytest.raises(error, match="Pseudonym"):
        Pseudonym(*arguments)


class TestE057:
    def refused(self, given="first_name", choices=None):
        """Return what the check says; and nothing is erased."""
        person = customer(1)
        with replacing(name=Pseudonym(given, choices=choices)):
            (message,) = check_E057()
            assert (message.id, message.obj) == ("gdpr_assist.E057", Customer)
            assert check_E055() == []
            with pytest.raises(AnonymiseError) as caught:
                person.anonymise()
        assert str(caught.value).startswith(message.msg)
        assert row(person)["name"] == "Ada Quill"
        return f"{message.msg} {message.hint}"

    def test_no_setting(self, settings):
        settings.GDPR_PSEUDONYMS = None
        said = self.refused()
        assert "shop.Customer.name: the pool 'first_name' is not there: GDPR_PSEUDONYMS is not set." in said
        assert "manage.py gdpr_fakes --locale en_GB --rows 1000 > pools.json" in said

    def test_a_setting_that_is_no_path(self, settings):
        settings.GDPR_PSEUDONYMS = 7
        assert 'GDPR_PSEUDONYMS is no path. Write BASE_DIR / "pools.json".' in self.refused()

    def test_no_file(self, settings, tmp_path):
        settings.GDPR_PSEUDONYMS = str(tmp_path / "nowhere.json")
        assert "nowhere.json, which cannot be read (FileNotFoundError)." in self.refused()

    @pytest.mark.parametrize("text", ["", "{", "[]", '{"first_name": "Anna"}', '{"first_name": [""]}', '{"x": [7]}'])
    def test_a_file_of_another_shape(self, pools, text):
        pools.write_text(text, encoding="utf-8")
        assert "pools.json, which is no JSON of the shape {name: [text, ...]}." in self.refused()

    def test_bytes_that_are_no_text(self, pools):
        pools.write_bytes(b'{"first_name": ["\xff"]}')
        assert "which is no JSON of the shape" in self.refused()

    def test_no_such_pool(self):
        assert "pools.json has no pool 'last_name'; it has empty, first_name, short, town." in self.refused(
            "last_name"
        )

    def test_too_few_values(self):
        said = self.refused(choices=101)
        assert "the pool 'first_name' of pools.json has 100 values, fewer than choices=101." in said
        assert "gdpr_fakes --rows 101" in said


class TestTheKeyOfAScrub:
    def test_it_goes_with_the_end_and_the_next_one_is_another(self):
        customer(1)
        with replacing(name=Pseudonym("first_name")):
            work = plan(Customer.objects.all())
            keys = []
            for _ in range(2):
                scrub(work)
                keys.append(bytes(scrub_key()))
                end_scrubs([work])
                assert scrub_key() is None
        assert [len(each) for each in keys] == [32, 32]
        assert keys[0] != keys[1] != bytes(DatabaseIdentity.objects.get().key)

    def test_an_interrupted_run_goes_on_with_its_own(self):
        people = [customer(number, name="Ada") for number in range(4)]
        with replacing(name=Pseudonym("first_name")):
            work = plan(Customer.objects.all())
            begin_scrub(work)
            assert next(execute_in_ranges(work, 2)) == 2
            key = bytes(scrub_key())
            scrub(plan(Customer.objects.all()))
            assert bytes(scrub_key()) == key
        assert len({row(each)["name"] for each in people}) == 1

    def test_another_run_does_not_take_it_from_one_that_was_interrupted(self):
        with replacing(name=Pseudonym("first_name")), replacing(Boat, owner=Pseudonym("first_name")):
            work, other = plan(Customer.objects.all()), plan(Boat._base_manager.all())
            begin_scrub(work)
            key = bytes(scrub_key())
            scrub(other)
            end_scrubs([other])
            assert bytes(scrub_key()) == key
            end_scrubs([work])
        assert scrub_key() is None

    @pytest.mark.parametrize("is_whole", [True, False])
    def test_a_run_says_that_it_stays_and_how_it_goes(self, settings, is_whole):
        settings.GDPR_CAN_ANONYMISE_DATABASE = True
        customer(1)

        def left(*models):
            return run_scrub(prepare(["default"], only=models, dry_run=True), compact=False)[:-1]

        with replacing(name=Pseudonym("first_name")):
            begin_scrub(plan(Customer.objects.all()))
            [line] = left("shop.Boat")
            assert line.startswith(
                "default: shop.Customer: a run over it was interrupted, so rows may hold old values. The key of "
                "pseudonyms stays until then: with it, old values can be tried. Run the command again without --model"
            )
            assert scrub_key() is not None
            assert left(*([] if is_whole else ["shop.Customer"])) == []
        assert scrub_key() is None

    def test_a_scrub_without_pseudonyms_makes_none(self):
        scrub(plan(Customer.objects.all()))
        assert Scrub.objects.exists()
        assert not DatabaseIdentity.objects.exclude(scrub_key=None).exists()

    def test_a_run_without_marks_has_one_too(self):
        ada = customer(1)
        stays = bytes(DatabaseIdentity.objects.get().key)
        taken = []
        with (
            replacing(name=Pseudonym("first_name")),
            listening(post_scrub, lambda **kwargs: taken.append(bytes(scrub_key()))),
        ):
            run_scrub(prepare(["default"], only=["shop.Customer"], marks=False, dry_run=True), compact=False)
        assert taken[0] != stays
        digest = hashlib.sha256(f"{taken[0].hex()}:first_name:Ada Quill".encode()).hexdigest()
        assert row(ada)["name"] == NAMES[int(digest[:7], 16) % len(NAMES)]
        assert scrub_key() is None

    def test_an_erasure_takes_that_of_the_database(self):
        person = customer(1)
        with replacing(name=Pseudonym("first_name")):
            by_object([person])
        assert scrub_key() is None
        assert row(person)["name"] == picked("Ada Quill")[0]

    def test_it_stands_in_no_statement(self):
        customer(1, name="Ada")
        with CaptureQueriesContext(connections["default"]) as captured, replacing(name=Pseudonym("first_name")):
            work = plan(Customer.objects.all())
            scrub(work)
            for each in (scrub_key(), DatabaseIdentity.objects.get().key):
                spoken = [query["sql"].lower() for query in captured]
                hex_digits = bytes(each).hex()
                assert not [sql for sql in spoken if hex_digits[:16] in sql or repr(bytes(each)).lower() in sql]
            end_scrubs([work])

    def test_old_values_cannot_be_tried_afterwards(self):
        """With the key that stays, the pool and the right old value: no better than by chance."""
        people = [customer(number, name=f"Person {number}") for number in range(60)]
        with replacing(name=Pseudonym("first_name")):
            work = plan(Customer.objects.all())
            scrub(work)
            end_scrubs([work])
        hits = sum(row(each)["name"] == picked(each.name)[0] for each in people)
        assert hits < 15

    def test_a_command_leaves_none_behind(self, settings):
        settings.GDPR_CAN_ANONYMISE_DATABASE = True
        person = customer(1)
        with replacing(name=Pseudonym("first_name")):
            call_command("anonymise_db", "--noinput", "--model", "shop.Customer", "--no-compact", verbosity=0)
        assert row(person)["name"] in NAMES
        assert scrub_key() is None

    @pytest.mark.parametrize("given", [Pseudonym("first_name"), "x"])
    def test_the_files_that_held_it_are_compacted_after_it_is_gone(self, settings, given):
        settings.GDPR_CAN_ANONYMISE_DATABASE = True
        customer(1)
        seen = []

        def compact(models, using, anew):
            seen.append((DatabaseIdentity in models, scrub_key()))
            return []

        with replacing(name=given), mock.patch("gdpr_assist.databases.compaction.compact", compact):
            call_command("anonymise_db", "--noinput", "--model", "shop.Customer", "--database", "default", verbosity=0)
        assert seen == [(given != "x", None)]

    @pytest.mark.parametrize("is_old", [False, True])
    def test_a_server_that_makes_none_gets_one(self, is_old):
        connection = mock.Mock(mysql_is_mariadb=True, mysql_version=(10, 6 if is_old else 10, 1))
        sql, parameters = picking.RandomKey().as_mysql(None, connection)
        assert (sql, len(parameters)) == (("%s", 1) if is_old else ("RANDOM_BYTES(32)", 0))


def test_a_preview_names_the_pool_and_no_value():
    person = customer(1)
    with replacing(name=Pseudonym("first_name")):
        work = plan(Customer.objects.all())
        for rows, are_invented in (([person], False), ([invented(Customer)], True)):
            [sample] = samples(work, rows, are_invented=are_invented)
            after = {each.name: each.after for each in sample.fields}["name"]
            assert after == "will become: one of the invented values “first_name”, where it is not empty"


class Sealed(models.CharField):
    """Stores something else than what Python has."""

    def get_prep_value(self, value):
        return f"sealed {value}"


def test_what_the_database_cannot_store_is_picked_in_python():
    replacement = made(Sealed(max_length=50), Pseudonym("short"))
    assert (replacement.expression, replacement.holds) == (None, None)
    assert made(models.CharField(max_length=50), Pseudonym("short")).expression is not None
