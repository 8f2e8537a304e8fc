"""Tables that a scrub empties: ``scrub = "empty"`` and ``GDPR_SCRUB_EMPTY``."""

import json
from contextlib import contextmanager
from io import StringIO
from types import SimpleNamespace
from unittest import mock

import pytest
from django.contrib.auth.models import User
from django.contrib.sessions.models import Session
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from django.core.management import CommandError, call_command
from django.db import OperationalError, connection
from django.db.models import PROTECT, Q
from django.db.models.signals import post_delete
from django.utils import timezone
from model_bakery import baker

from gdpr_assist import AnonymiseError
from gdpr_assist.checks.leaving import check_E056
from gdpr_assist.checks.people import check_E049
from gdpr_assist.databases import compaction, whole_tables
from gdpr_assist.execution.execute import execute
from gdpr_assist.planning.plans import plan
from gdpr_assist.scrubbing import choice, emptied
from gdpr_assist.scrubbing.preview import described, done, untouched, warning
from gdpr_assist.scrubbing.run import prepare, scrub
from gdpr_assist.scrubbing.verification import failures, verify
from tests.apps.fields.models import TextKey
from tests.apps.own.models import Document, Person
from tests.apps.shop.models import (
    Address,
    AuditEntry,
    Boat,
    Category,
    Customer,
    ForeignCustomer,
    GiftOrder,
    Invoice,
    Order,
    OrderLine,
    Product,
    Tree,
)
from tests.apps.thirdparty.models import Device, Letter

from .logbook import customer, logged
from .observing import changed, listening, markers, queries, row

pytestmark = pytest.mark.django_db(transaction=True)

TRIGGER = """
CREATE FUNCTION heard() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN OLD; END';
CREATE TRIGGER heard BEFORE DELETE ON django_session FOR EACH ROW EXECUTE FUNCTION heard();
"""

only_postgresql = pytest.mark.skipif(connection.vendor != "postgresql", reason="only PostgreSQL has a TRUNCATE for it")


def emptying(model, **attributes):
    return changed(model, scrub="empty", **attributes)


def label(*models):
    return [each._meta.label for each in models]


def prepared(*models, but=(), **options):
    return prepare(["default"], only=label(*models), but=label(*but), **options)


def scrubbed(*models, batch_size=None):
    work = prepared(*models, batch_size=batch_size)
    scrub(work, compact=False)
    return work


def line_of(work, model):
    return next(line for line in described(work) if line.startswith(f"default: {model._meta.label}:"))


def session(key="one"):
    return Session.objects.create(session_key=key, session_data="Ada", expire_date=timezone.now())


@pytest.fixture
def sessions(settings):
    settings.GDPR_SCRUB_EMPTY = ["sessions.Session"]
    return [session("one"), session("two")]


def refused(*models, but=()):
    with pytest.raises(AnonymiseError) as error:
        prepared(*models, but=but)
    return str(error.value)


# -- which -------------------------------------------------------------------------------------


@pytest.mark.usefixtures("sessions")
def test_a_table_of_no_registered_model_is_emptied():
    work = prepare(["default"])
    assert line_of(work, Session) == "default: sessions.Session: 2 rows, all deleted (the table is emptied)"
    assert not any("sessions.Session" in line for line in untouched(work))
    scrub(work, compact=False)
    assert not Session.objects.exists()


def test_a_registered_model_says_it_itself():
    kept = TextKey.objects.create(pk="token", name="x", email="x@quill.example")
    TextKey.objects.create(pk="other", name="x", email="x@quill.example")
    execute(plan(TextKey.objects.filter(pk=kept.pk)))
    before, heard = logged(), []
    with emptying(TextKey), listening(post_delete, lambda **kwargs: heard.append(kwargs), TextKey):
        work = scrubbed(TextKey)
    assert not TextKey.objects.exists()
    assert markers(TextKey) == []  # or a new row with the same key would be born anonymised
    assert (logged(), heard) == (before, [])
    assert done(work) == "Anonymised 0 tables, and emptied 1 table. No event was logged."
    assert warning(work).startswith("This anonymises, or deletes, all of the above in ")


def test_a_model_that_is_never_scrubbed_may_be_emptied(settings):
    settings.GDPR_SCRUB_EMPTY = ["shop.AuditEntry"]
    AuditEntry.objects.create(actor="ada@quill.example", action="x")
    work = scrubbed(AuditEntry)
    assert not any("can_anonymise" in line for line in described(work))
    assert not AuditEntry.objects.exists()


@pytest.mark.usefixtures("sessions")
def test_models_are_chosen_and_left_out():
    assert [each.label for each in prepared(Session).steps] == ["sessions.Session"]
    assert "sessions.Session" not in [each.label for each in prepared(TextKey).steps]
    work = prepare(["default"], but=["sessions.Session"])
    assert "sessions.Session" not in [each.label for each in work.steps]
    assert "sessions.Session: left as it is, with all personal data in it." in list(described(work))
    assert refused(Session, but=[Session]).startswith("sessions.Session: chosen with --model and left out with")
    with pytest.raises(AnonymiseError, match=r"There is no model shop\.Nothing\."):
        prepare(["default"], only=["sessions.Session"], but=["shop.Nothing"])
    assert "sessions.Session" in refused(Category).split("Models to choose from:")[1]


def test_what_is_left_out_is_neither_emptied_nor_anonymised():
    with emptying(TextKey):
        work = prepare(["default"], but=["fields.TextKey"])
    assert "fields.TextKey" not in [each.label for each in work.steps]


def test_a_child_goes_with_its_parent():
    """One object is all its tables."""
    baker.make(GiftOrder, placed=timezone.now())
    baker.make(Order, placed=timezone.now())
    with emptying(Order), changed(GiftOrder, scrub=None):
        work = prepared(Order)
        assert "with the rows of shop.GiftOrder, shop.ExpressOrder" in line_of(work, Order).replace(
            "shop.ExpressOrder, shop.GiftOrder", "shop.GiftOrder, shop.ExpressOrder"
        )
        assert "shop.GiftOrder is a multi-table child, and goes with its parent: choose shop.Order" in refused(
            GiftOrder
        )
        scrub(work, compact=False)
    assert not Order.objects.exists()
    assert not GiftOrder.objects.exists()


@pytest.mark.usefixtures("sessions")
def test_a_database_may_have_no_other_tables(monkeypatch):
    """With --database: it is no empty one."""
    has_table = choice.has_table
    monkeypatch.setattr(choice, "has_table", lambda model, using: using != "other" and has_table(model, using))
    steps = prepare(["default", "other"]).steps
    assert [each.label for each in steps if each.using == "other"] == ["sessions.Session"]
    with pytest.raises(AnonymiseError, match="other: none of the tables of the chosen models is there"):
        prepare(["default", "other"], but=["sessions.Session"])


def test_a_table_that_is_not_there_is_named(settings):
    settings.GDPR_SCRUB_EMPTY = ["sessions.Session"]
    with mock.patch.object(emptied, "has_table", lambda model, using: model is not Session):
        assert refused(Session).startswith("sessions.Session is to be emptied, and no table of it is on default.")


# -- how ---------------------------------------------------------------------------------------


@pytest.mark.usefixtures("sessions")
def test_the_statement_is_one_for_all_rows():
    run = [sql for sql in queries(lambda: scrubbed(Session)) if "django_session" in sql and "SELECT" not in sql]
    way = "TRUNCATE TABLE ONLY" if connection.vendor == "postgresql" else "DELETE FROM"
    assert run == [f"{way} django_session"]


@only_postgresql
@pytest.mark.parametrize(
    ("sql", "undo"),
    [
        (TRIGGER, "DROP FUNCTION heard() CASCADE"),
        ("CREATE TABLE heir () INHERITS (django_session)", "DROP TABLE heir"),
        (
            "ALTER TABLE django_session ENABLE ROW LEVEL SECURITY",
            "ALTER TABLE django_session DISABLE ROW LEVEL SECURITY",
        ),
        ("CREATE RULE noted AS ON DELETE TO django_session DO ALSO NOTHING", "DROP RULE noted ON django_session"),
    ],
    ids=["trigger", "heir", "policy", "rule"],
)
@pytest.mark.usefixtures("sessions")
def test_where_a_delete_is_heard_or_takes_other_rows_it_stays_a_delete(sql, undo):
    with connection.cursor() as cursor:
        cursor.execute(sql)
        try:
            assert whole_tables.emptying(Session, "default") == 'DELETE FROM "django_session"'
            scrubbed(Session)
        finally:
            cursor.execute(undo)
    assert not Session.objects.exists()


@only_postgresql
def test_a_role_that_may_not_truncate_deletes(sessions):
    with connection.cursor() as cursor:
        cursor.execute("CREATE ROLE no_truncate")
        cursor.execute("GRANT ALL ON ALL TABLES IN SCHEMA public TO no_truncate")
        cursor.execute("REVOKE TRUNCATE ON django_session FROM no_truncate")
        try:
            cursor.execute("SET ROLE no_truncate")
            assert whole_tables.emptying(Session, "default").startswith("DELETE FROM")
        finally:
            cursor.execute("RESET ROLE")
            cursor.execute("DROP OWNED BY no_truncate; DROP ROLE no_truncate")


@only_postgresql
def test_a_table_that_another_one_points_at_is_not_truncated():
    assert whole_tables.emptying(Customer, "default").startswith("DELETE FROM")


def test_numbers_go_on(settings):
    """A key that was given once is not given again: somebody may still hold it elsewhere."""
    settings.GDPR_SCRUB_EMPTY = ["thirdparty.Device"]
    last = baker.make(Device)
    scrubbed(Device)
    assert baker.make(Device).pk > last.pk


def test_rows_that_point_at_one_another_go_together():
    """InnoDB looks at each row by itself."""
    first = customer()
    Customer.objects.create(name="b", email="b@quill.example", referred_by=first)
    first.referred_by = Customer.objects.get(email="b@quill.example")
    first.save()
    with emptying(Customer):
        scrubbed(Customer)
    assert not Customer.all_objects.exists()


@pytest.mark.usefixtures("media_root")
def test_stored_files_go_with_the_rows():
    for number in range(3):
        document = Document.objects.create(person=Person.objects.create(name="Ada"))
        document.scan.save(f"{number}.pdf", ContentFile(b"personal"))
    with emptying(Document):
        work = scrubbed(Document, batch_size=2)
        assert any("own.Document.scan" in line for line in described(work))
    assert not Document.objects.exists()
    assert default_storage.listdir("scans")[1] == []


@pytest.mark.usefixtures("media_root")
def test_stored_files_of_a_model_that_is_not_registered_stay_and_are_named(settings):
    settings.GDPR_SCRUB_EMPTY = ["shop.Category"]
    said = "default: the stored files of shop.Category.name are still there."
    with mock.patch.object(emptied, "FileField", type(Category._meta.get_field("name"))):
        work = prepared(Category)
        assert any(line.startswith(said) for line in described(work))
        assert any(line.startswith(said) for line in scrub(work, compact=False))


@pytest.mark.usefixtures("sessions")
def test_its_files_are_compacted(monkeypatch):
    seen = []
    monkeypatch.setattr(compaction, "compact", lambda models, using, anew: seen.extend(models) or [])
    scrub(prepared(Session))
    assert seen == [Session]


@pytest.mark.usefixtures("sessions")
def test_a_database_that_refuses_is_told(monkeypatch):
    def refuse(model, using):
        raise OperationalError("Ada")

    monkeypatch.setattr("gdpr_assist.execution.whole_tables.emptying", refuse)
    with pytest.raises(AnonymiseError) as error:
        scrubbed(Session)
    assert "sessions.Session on default: not all of its rows are gone" in str(error.value)
    assert "Run the command again" in str(error.value)
    assert "Ada" not in str(error.value)
    assert Session.objects.count() == 2


def test_rows_that_are_there_still_are_told(monkeypatch, sessions):
    monkeypatch.setattr("gdpr_assist.execution.whole_tables.emptying", lambda model, using: "SELECT 1")
    with pytest.raises(AnonymiseError, match="rows are there still after all were deleted"):
        scrubbed(Session)


# -- what needs the rows -----------------------------------------------------------------------


def test_rows_that_would_go_by_cascade_are_named_and_nothing_goes():
    baker.make(Address, customer=customer(), _quantity=2)
    with emptying(Customer):
        assert refused(Customer) == (
            "shop.Customer: its table is to be emptied on default, and 2 rows of shop.Address need its rows (by its "
            "key customer). Nothing was changed. Empty shop.Address too (GDPR_SCRUB_EMPTY), leave shop.Customer out "
            "with --exclude-model, or give the key on_delete=SET_NULL."
        )
    assert (Customer.objects.count(), Address.objects.count()) == (1, 2)


def test_rows_that_protect_are_named():
    baker.make(Invoice, customer=customer())
    with emptying(Customer):
        assert "1 row of shop.Invoice needs its rows (by its key customer)" in refused(Customer)


def test_without_such_rows_it_is_emptied():
    customer()
    with emptying(Customer):
        scrubbed(Customer)
    assert not Customer.objects.exists()


def test_tables_that_need_one_another_are_emptied_in_order(settings):
    settings.GDPR_SCRUB_EMPTY = ["shop.Customer", "shop.Address", "shop.Invoice", "shop.Order", "shop.OrderLine"]
    person = customer()
    order = baker.make(Order, customer=person, placed=timezone.now())
    baker.make(OrderLine, order=order)
    baker.make(Address, customer=person)
    baker.make(Invoice, customer=person)
    models = (Customer, Address, Invoice, Order, OrderLine)
    scrubbed(*models)
    assert [each for each in models if each.objects.exists()] == []


def test_rows_that_are_deleted_before_need_nothing():
    baker.make(Address, customer=customer())
    with emptying(Customer), changed(Address, on_erasure="delete"):
        scrubbed(Customer, Address)
    assert not Customer.objects.exists()


def test_rows_that_are_left_when_others_are_deleted_do():
    baker.make(Address, customer=customer(), town="Ely")
    with emptying(Customer), changed(Address, on_erasure="delete", scrub=~Q(town="Ely")):
        assert "1 row of shop.Address needs its rows" in refused(Customer, Address)


def test_rows_that_are_deleted_and_protected_by_emptied_ones_go():
    baker.make(Address, customer=customer())
    protecting = mock.patch.object(Address._meta.get_field("customer").remote_field, "on_delete", PROTECT)
    with protecting, emptying(Address), changed(Customer, on_erasure="delete"):
        scrubbed(Customer, Address)
    assert not Customer.objects.exists()


def test_keys_that_may_be_null_become_null_and_links_go():
    person, liked = customer(), baker.make(Product)
    person.favourites.add(liked)
    order = baker.make(Order, customer=person, recipient="Bob", placed=timezone.now())
    with emptying(Customer):
        work = prepared(Customer)
        assert line_of(work, Customer) == (
            "default: shop.Customer: 1 row, all deleted (the table is emptied), with the rows of "
            "shop.Customer_favourites; shop.Order.customer becomes NULL"
        )
        scrub(work, compact=False)
    assert (row(order)["customer_id"], row(order)["recipient"]) == (None, "Bob")
    assert not Customer.favourites.through.objects.exists()
    assert Product.objects.count() == 1


def test_a_generic_relation_needs_the_rows(monkeypatch):
    baker.make(Order, customer=customer(), placed=timezone.now())
    relation = SimpleNamespace(name="orders", related_model=Order)
    monkeypatch.setattr(emptied, "generic_relations", lambda model: [relation] if model is Customer else [])
    with emptying(Customer):
        assert "1 row of shop.Order needs its rows (as its orders)" in refused(Customer)


@contextmanager
def unheard_of():
    """A table of which no model tells, with a key to that of sessions."""
    column = Session._meta.pk.db_type(connection)
    with connection.cursor() as cursor:
        cursor.execute(
            f"CREATE TABLE unheard_of (key_ {column}, "
            "FOREIGN KEY (key_) REFERENCES django_session (session_key) ON DELETE CASCADE)"
        )
        try:
            yield cursor
        finally:
            cursor.execute("DROP TABLE unheard_of")


@pytest.mark.usefixtures("sessions")
def test_a_table_of_which_no_model_tells_is_named():
    with unheard_of() as cursor:
        prepared(Session)
        cursor.execute("INSERT INTO unheard_of VALUES ('one')")
        assert "of no model is known why the table unheard_of has a foreign key to it, and rows" in refused(Session)


def test_the_last_superuser_is_told_of(settings):
    settings.GDPR_SCRUB_EMPTY = ["auth.User"]
    User.objects.create_superuser("ada")
    assert "no active superuser (auth.User) would be left" in prepared(User).last_superuser


# -- the command -------------------------------------------------------------------------------


@pytest.mark.usefixtures("sessions")
def test_a_dry_run_names_it_and_changes_nothing():
    out = StringIO()
    call_command("anonymise_db", "--dry-run", "--database=default", "--model=sessions.Session", stdout=out)
    lines = out.getvalue().splitlines()
    assert lines[0] == "default: sessions.Session: 2 rows, all deleted (the table is emptied)"
    assert not any("an invented row" in line for line in lines)
    out = StringIO()
    call_command("anonymise_db", "--dry-run", "--json", "--database=default", "--model=sessions.Session", stdout=out)
    [table] = json.loads(out.getvalue())["tables"]
    assert {name: table[name] for name in ("model", "does", "rows", "sample", "with", "nulled")} == {
        "model": "sessions.Session",
        "does": "empty",
        "rows": 2,
        "sample": [],
        "with": [],
        "nulled": [],
    }
    assert Session.objects.count() == 2


def test_the_command_empties(settings, sessions):
    settings.GDPR_CAN_ANONYMISE_DATABASE = True
    out = StringIO()
    arguments = ["--noinput", "--database=default", "--model=sessions.Session"]
    call_command("anonymise_db", *arguments, stdout=out)
    assert "default: sessions.Session: 2 deleted" in out.getvalue()
    assert "Anonymised 0 tables, and emptied 1 table." in out.getvalue()
    assert not Session.objects.exists()


def test_the_command_refuses_before_anything_changed(settings):
    settings.GDPR_CAN_ANONYMISE_DATABASE = True
    address = baker.make(Address, customer=customer(), street="1 High Street")
    with emptying(Customer), pytest.raises(CommandError, match=r"1 row of shop\.Address needs its rows"):
        call_command("anonymise_db", "--noinput", "--database=default", stdout=StringIO())
    assert row(address)["street"] == "1 High Street"


@pytest.mark.usefixtures("sessions")
def test_a_verification_asks_for_registered_ones_only():
    with emptying(TextKey):
        scrubbed(TextKey)
        assert list(failures(verify(["default"], only=["fields.TextKey"]), every=True)) == []
        TextKey.objects.create(pk="token", name="x", email="x@quill.example")
        [wrong] = failures(verify(["default"], only=["fields.TextKey"]), every=True)
    assert wrong.startswith("Not anonymised: 1 of 1 row of fields.TextKey on default.")


# -- what cannot be emptied --------------------------------------------------------------------

WRONG = {
    "no model": (["shop.Nothing"], "GDPR_SCRUB_EMPTY: there is no model shop.Nothing."),
    "no label": (["sessions"], "GDPR_SCRUB_EMPTY: there is no model sessions."),
    "our own": (["gdpr_assist.Receipt"], "gdpr_assist.Receipt: its table cannot be emptied: it is one of gdpr_assist"),
    "the log": (
        ["gdpr_assist.EventLog"],
        "gdpr_assist.EventLog: its table cannot be emptied: it is one of gdpr_assist",
    ),
    "a proxy": (
        label(ForeignCustomer),
        "shop.ForeignCustomer: its table cannot be emptied: it is a proxy of shop.Cust",
    ),
    "a child": (label(GiftOrder), "shop.GiftOrder: its table cannot be emptied: its objects are of shop.Order too."),
    "two parents": (label(Boat), "shop.Boat: its table cannot be emptied: its objects are of shop.Home too."),
    "an unmanaged one": (label(Letter), "thirdparty.Letter: its table cannot be emptied: it is not managed"),
}


@pytest.mark.parametrize(("labels", "text"), WRONG.values(), ids=WRONG)
def test_gdpr_assist_E056(settings, labels, text):
    settings.GDPR_SCRUB_EMPTY = labels
    [found] = check_E056()
    assert (found.id, found.is_serious()) == ("gdpr_assist.E056", True)
    assert found.msg.startswith(text)
    assert refused().startswith(text)


def test_gdpr_assist_E056_of_a_declaration():
    with emptying(Tree):
        [found] = check_E056()
    assert found.msg == "shop.Tree: its table cannot be emptied: its objects are of shop.Plant too."
    assert found.obj is Tree


def test_gdpr_assist_E056_of_a_table_that_is_nowhere_but_in_the_log(settings):
    settings.GDPR_SCRUB_EMPTY = ["sessions.Session"]
    with mock.patch("django.db.router.allow_migrate_model", lambda using, model: using == "gdpr_log"):
        assert "routers allow it on no database but the log's" in check_E056()[0].msg


def test_what_can_be_emptied_is_no_mistake(settings):
    settings.GDPR_SCRUB_EMPTY = ["sessions.session"]
    with emptying(Order), changed(GiftOrder, scrub="empty"):
        assert check_E056() == []


def test_no_list_is_refused(settings):
    settings.GDPR_SCRUB_EMPTY = "sessions.Session"
    assert [each.msg for each in check_E049()] == ["GDPR_SCRUB_EMPTY is no list of labels of models."]
    assert check_E056() == []
    assert refused().startswith("GDPR_SCRUB_EMPTY is no list of labels of models.")


@pytest.mark.parametrize("given", ["something", ["empty"]])
def test_another_word_is_a_mistake(given):
    with changed(TextKey, scrub=given) as declared:
        [mistake] = [each for each in declared[TextKey].mistakes if each.check == "E050"]
    assert mistake.message == 'fields.TextKey: PrivacyMeta.scrub is no Q object, no method, and not "empty".'
