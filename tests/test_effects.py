"""Done means done: what the database, or a project's save(), does not let change is an error, and all is as before."""

import datetime
import os
import re
from contextlib import contextmanager, nullcontext, suppress
from unittest import mock

import pytest
from django.core.exceptions import ValidationError
from django.core.management import CommandError, call_command
from django.db import DatabaseError, connection
from django.db.models import Manager, QuerySet, Value
from django.db.models.signals import post_delete, post_save, pre_save
from django.db.transaction import TransactionManagementError
from django.utils.text import slugify
from model_bakery import baker

from gdpr_assist.databases.interference import interference
from gdpr_assist.declaring.meta import all_rows
from gdpr_assist.erasure import erase
from gdpr_assist.exceptions import AnonymiseError
from gdpr_assist.execution import claims
from gdpr_assist.execution.execute import execute
from gdpr_assist.execution.ranges import begin_scrub, execute_in_ranges
from gdpr_assist.models import Receipt
from gdpr_assist.planning.plans import all_pinned, plan
from gdpr_assist.registry import registry
from gdpr_assist.signals import rows_anonymised
from tests.apps.fields.models import PlainFields
from tests.apps.own.models import Loan, Patron
from tests.apps.shop.models import Category, Customer, GiftOrder, Message, Order
from tests.settings import DB

from .observing import keyed, listening, markers, queries, redeclared, row, rows, spoken, unchanged, updates

# The statements of a trigger are no part of a test's transaction on MariaDB.
pytestmark = pytest.mark.django_db(transaction=True)

KEPT = "Dear Ada"

# {vendor: {what: statements}}: an UPDATE of {table} where {column} is the text above is dropped, or written back
TRIGGERS = {
    "sqlite": {
        "drops": "CREATE TRIGGER stays BEFORE UPDATE ON {table} WHEN OLD.{column} = '{kept}' "
        "BEGIN SELECT RAISE(IGNORE); END",
        "writes back": "CREATE TRIGGER stays AFTER UPDATE ON {table} WHEN OLD.{column} = '{kept}' "
        "BEGIN UPDATE {table} SET {column} = OLD.{column} WHERE rowid = OLD.rowid; END",
        "view": "ALTER TABLE {table} RENAME TO {table}_real; CREATE VIEW {table} AS SELECT * FROM {table}_real; "
        "CREATE TRIGGER stays INSTEAD OF UPDATE ON {table} WHEN OLD.{column} <> '{kept}' "
        "BEGIN UPDATE {table}_real SET {column} = NEW.{column} WHERE {key} = OLD.{key}; END",
    },
    "postgresql": {
        "drops": "CREATE FUNCTION stay() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN "
        "IF OLD.{column} = '{kept}' THEN RETURN NULL; END IF; RETURN NEW; END $$; "
        "CREATE TRIGGER stays BEFORE UPDATE ON {table} FOR EACH ROW EXECUTE FUNCTION stay()",
        "writes back": "CREATE FUNCTION stay() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN "
        "IF OLD.{column} = '{kept}' THEN NEW.{column} := OLD.{column}; END IF; RETURN NEW; END $$; "
        "CREATE TRIGGER stays BEFORE UPDATE ON {table} FOR EACH ROW EXECUTE FUNCTION stay()",
        "rule": "CREATE RULE stays AS ON UPDATE TO {table} WHERE OLD.{column} = '{kept}' DO INSTEAD NOTHING",
        "view": "ALTER TABLE {table} RENAME TO {table}_real; CREATE VIEW {table} AS SELECT * FROM {table}_real; "
        "CREATE FUNCTION stay() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN IF OLD.{column} <> '{kept}' THEN "
        "UPDATE {table}_real SET {column} = NEW.{column} WHERE {key} = OLD.{key}; END IF; RETURN NEW; END $$; "
        "CREATE TRIGGER stays INSTEAD OF UPDATE ON {table} FOR EACH ROW EXECUTE FUNCTION stay()",
    },
    "mysql": {
        "writes back": "CREATE TRIGGER stays BEFORE UPDATE ON {table} FOR EACH ROW "
        "SET NEW.{column} = IF(OLD.{column} = '{kept}', OLD.{column}, NEW.{column})",
        "view": "ALTER TABLE {table} RENAME TO {table}_real; CREATE VIEW {table} AS SELECT * FROM {table}_real; "
        "CREATE TRIGGER stays BEFORE UPDATE ON {table}_real FOR EACH ROW "
        "SET NEW.{column} = IF(OLD.{column} = '{kept}', OLD.{column}, NEW.{column})",
    },
}
UNDO = {
    "sqlite": "DROP TRIGGER stays",
    "mysql": "DROP TRIGGER stays",
    "postgresql": "DROP FUNCTION IF EXISTS stay() CASCADE; DROP RULE IF EXISTS stays ON {table}",
}
UNDO_VIEW = {
    "sqlite": "DROP VIEW {table}; ALTER TABLE {table}_real RENAME TO {table}",
    "mysql": "DROP TRIGGER stays; DROP VIEW {table}; ALTER TABLE {table}_real RENAME TO {table}",
    "postgresql": "DROP VIEW {table}; DROP FUNCTION stay(); ALTER TABLE {table}_real RENAME TO {table}",
}
VENDOR = {"mariadb": "mysql"}.get(DB, DB)


@contextmanager
def stubborn(what, model, column, kept=KEPT):
    """Let the table of ``model`` keep the text ``kept`` in ``column``, for the time of a block."""
    table = model._meta.db_table

    def run(statements):
        # Only PostgreSQL takes several at once; its functions have semicolons within.
        parts = [statements]
        if VENDOR != "postgresql":
            parts = re.split(r"; (?=ALTER|CREATE|DROP)", statements)
        with connection.cursor() as cursor:
            for statement in parts:
                cursor.execute(statement.format(table=table, column=column, kept=kept, key=model._meta.pk.column))

    run(TRIGGERS[VENDOR][what])
    try:
        yield
    finally:
        run((UNDO_VIEW if what == "view" else UNDO)[VENDOR])


def listened(sender):
    """Let somebody listen, so that rows of ``sender`` are saved one by one."""
    return listening(post_save, lambda **kwargs: None, sender=sender)


def by_hand(column):
    """Return a declaration with an anonymiser of the project's own, for mixed mode."""
    return type("Meta", (), {"fields": [column], f"anonymise_{column}": lambda self, instance: f"x{instance.pk}"})


@contextmanager
def in_mode(mode, model, column):
    if mode == "rows":
        with listened(model):
            yield
    elif mode == "mixed":
        with redeclared(model, by_hand(column)):
            yield
    else:
        yield


MODES = ["set", "mixed", "rows"]
PLACES = {
    "own table": (Message, Message, "text"),
    "a child": (GiftOrder, GiftOrder, "greeting"),
    "its parent": (GiftOrder, Order, "delivery_note"),
}


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("what", TRIGGERS[VENDOR])
@pytest.mark.parametrize("door", ["queryset", "object", "ranges"])
def test_a_row_that_the_database_does_not_change_is_an_error_and_changes_nothing(what, mode, place, door):
    asked, model, column = PLACES[place]
    if what == "view" and place == "its parent":
        model = asked = Message  # a foreign key cannot point at a view
        column = "text"
    other, stays = baker.make(asked, **{column: "Hello"}), baker.make(asked, **{column: KEPT})
    with in_mode(mode, model, column), stubborn(what, model, column):
        assert plan(model.objects.all()).way.kind == mode
        action = {
            "queryset": asked.objects.anonymise,
            "object": stays.anonymise,
            "ranges": lambda: list(execute_in_ranges(plan(asked.objects.all(), force=True))),
        }[door]
        with unchanged(Message, Order, GiftOrder), pytest.raises(AnonymiseError) as caught:
            action()
        assert getattr(stays, column) == KEPT
        assert str(caught.value).startswith(f"{model._meta.label}: ")
        assert "1 row" in str(caught.value) or (what == "view" and mode == "rows")
        assert "trigger" in str(caught.value)
        assert KEPT not in str(caught.value)
        if what != "view":
            assert other.anonymise().anonymised == 1  # nobody holds this one
    assert asked.objects.anonymise().anonymised == (2 if what == "view" else 1)
    assert getattr(asked.objects.get(pk=stays.pk), column) != KEPT


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("door", ["queryset", "ranges"])
def test_a_view_that_lets_the_new_values_through_works(mode, door):
    """SQLite counts no row that a trigger of a view has changed; so Django itself cannot save one there."""
    made = [baker.make(Message, text=f"Hello {number}") for number in range(3)]
    cannot_save = VENDOR == "sqlite" and mode == "rows"
    refused = pytest.raises(AnonymiseError, match="view") if cannot_save else nullcontext()
    with in_mode(mode, Message, "text"), stubborn("view", Message, "text"), refused:
        if door == "ranges":
            assert list(execute_in_ranges(plan(Message.objects.all(), force=True), 2)) == [2, 3]
        else:
            assert Message.objects.anonymise().anonymised == 3
    assert [row(each)["text"].startswith("Hello") for each in made] == [cannot_save] * 3


@pytest.mark.parametrize("door", ["queryset", "ranges"])
@pytest.mark.parametrize("field", ["date", "date_time"])
def test_a_column_whose_rule_cannot_tell_its_value_is_compared_with_what_it_held(field, door):
    """The day of the erasure is no constant: nothing but the old value says that the database kept it."""
    kept = {
        "date": datetime.date(1970, 5, 1),
        "date_time": datetime.datetime(1970, 5, 1, tzinfo=datetime.timezone.utc),
    }
    baker.make(PlainFields, **kept)
    stored = {"date": "1970-05-01", "date_time": "1970-05-01 00:00:00"}[field]
    run = {"queryset": execute, "ranges": lambda found: list(execute_in_ranges(found))}[door]
    with (
        redeclared(PlainFields, type("Meta", (), {"fields": [field]})),
        stubborn("writes back", PlainFields, field, stored),
        unchanged(PlainFields),
        pytest.raises(AnonymiseError, match="did not change 1 row"),
    ):
        run(plan(all_rows(PlainFields), force=True))


COMPUTES = {
    "sqlite": "CREATE TRIGGER stays AFTER UPDATE ON {table} "
    "BEGIN UPDATE {table} SET {column} = 'gone' WHERE rowid = OLD.rowid; END",
    "postgresql": "CREATE FUNCTION stay() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN "
    "NEW.{column} := 'gone'; RETURN NEW; END $$; "
    "CREATE TRIGGER stays BEFORE UPDATE ON {table} FOR EACH ROW EXECUTE FUNCTION stay()",
    "mysql": "CREATE TRIGGER stays BEFORE UPDATE ON {table} FOR EACH ROW SET NEW.{column} = 'gone'",
}


@pytest.mark.parametrize("mode", MODES)
def test_another_value_that_a_trigger_computes_is_accepted_and_named_in_the_result(mode):
    message = baker.make(Message, text="Hello")
    with (
        in_mode(mode, Message, "text"),
        mock.patch.dict(TRIGGERS[VENDOR], computes=COMPUTES[VENDOR]),
        stubborn("computes", Message, "text"),
    ):
        result = Message.objects.anonymise()
    assert (result.anonymised, result.computed) == (1, ("shop.Message.text",))
    assert row(message)["text"] == "gone"


@pytest.mark.parametrize("door", ["queryset", "ranges"])
@pytest.mark.parametrize("mode", MODES)
def test_what_a_trigger_computes_does_not_look_filled_again(mode, door):
    baker.make(Message, text="Hello", _quantity=2)
    with (
        in_mode(mode, Message, "text"),
        mock.patch.dict(TRIGGERS[VENDOR], computes=COMPUTES[VENDOR]),
        stubborn("computes", Message, "text"),
    ):
        if door == "queryset":
            Message.objects.anonymise()
        else:
            list(execute_in_ranges(plan(Message.objects.all(), force=True)))
        assert plan(Message.objects.all()).marked().count() == 2
        assert plan(Message.objects.all()).refilled().count() == 0


@pytest.mark.parametrize("what", TRIGGERS[VENDOR])
def test_a_cascade_that_the_database_does_not_let_through_deletes_nothing(what):
    customer = baker.make(Customer)
    baker.make(Message, recipient=customer, text=KEPT)

    with (
        stubborn(what, Message, "text"),
        unchanged(Customer, Message),
        pytest.raises(AnonymiseError, match=r"^shop\.Message: "),
    ):
        customer.delete()


KEEPS = {
    "sqlite": "CREATE TRIGGER stays BEFORE DELETE ON {table} BEGIN SELECT RAISE(IGNORE); END",
    "postgresql": "CREATE FUNCTION stay() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RETURN NULL; END $$; "
    "CREATE TRIGGER stays BEFORE DELETE ON {table} FOR EACH ROW EXECUTE FUNCTION stay()",
}


@pytest.mark.skipif(VENDOR not in KEEPS, reason="MariaDB has no trigger that drops a DELETE")
class TestDeletion:
    @pytest.fixture
    def kept(self):
        """Three messages that the database lets nobody delete."""
        made = [baker.make(Message, text=KEPT) for _ in range(3)]
        with mock.patch.dict(TRIGGERS[VENDOR], keeps=KEEPS[VENDOR]), stubborn("keeps", Message, "text"):
            yield made

    @pytest.mark.parametrize(("door", "number"), [("queryset", 3), ("object", 1)])
    def test_a_row_that_the_database_does_not_delete_is_an_error_and_is_not_logged(self, kept, door, number):
        action = {"queryset": Message.objects.all().delete, "object": kept[0].delete}[door]
        with unchanged(Message), pytest.raises(AnonymiseError) as caught:
            action()
        assert str(caught.value).startswith(f"shop.Message: the database did not delete {number} row")

    def test_what_was_deleted_before_in_the_same_run_is_there_again(self, kept):
        """The log has it for the time of the run, and the receipt is rolled back: reconcile settles that."""
        customer = baker.make(Customer)

        def follow(instance, **kwargs):
            Message.objects.all().delete()

        with listening(post_delete, follow, sender=Customer), pytest.raises(AnonymiseError, match=r"^shop\.Message"):
            customer.delete()
        assert Customer.all_objects.filter(pk=customer.pk).exists()
        assert not Receipt.objects.exists()


def test_a_replay_that_the_database_does_not_let_through_is_listed_and_leaves_no_receipt(capsys):
    message = baker.make(Message, text="Hello")
    message.anonymise()
    # The backup comes back.
    Receipt.objects.all().delete()
    Message.objects.filter(pk=message.pk).update(text=KEPT)

    with stubborn("writes back", Message, "text"), pytest.raises(CommandError, match="1 failed"):
        call_command("gdpr_rerun")

    assert row(message)["text"] == KEPT
    assert not Receipt.objects.exists()
    assert "shop.Message" in capsys.readouterr().out


def test_a_scrub_that_the_database_does_not_let_through_ends_with_an_error(settings):
    settings.GDPR_CAN_ANONYMISE_DATABASE = True
    baker.make(Message, text=KEPT)

    with stubborn("writes back", Message, "text"), pytest.raises(CommandError, match=r"shop\.Message: .* 1 row"):
        call_command("anonymise_db", "--noinput", "--no-compact", "--model=shop.Message", verbosity=0)

    assert markers(Message) == []


def test_a_trigger_that_lets_the_new_values_be_is_in_nobodys_way():
    harmless = {
        "sqlite": "CREATE TRIGGER stays AFTER UPDATE ON {table} BEGIN UPDATE {table} SET {column} = {column}; END",
        "postgresql": "CREATE FUNCTION stay() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RETURN NEW; END $$; "
        "CREATE TRIGGER stays BEFORE UPDATE ON {table} FOR EACH ROW EXECUTE FUNCTION stay()",
        "mysql": "CREATE TRIGGER stays BEFORE UPDATE ON {table} FOR EACH ROW SET NEW.{column} = NEW.{column}",
    }
    baker.make(Message, text="Hello", _quantity=3)
    with mock.patch.dict(TRIGGERS[VENDOR], harmless=harmless[VENDOR]), stubborn("harmless", Message, "text"):
        assert interference([Message], "default").changes
        assert Message.objects.anonymise().anonymised == 3


def test_a_table_without_triggers_is_not_looked_at_twice():
    found = interference([Message], "default")
    assert (found.changes, found.hides) == (False, False)


@contextmanager
def secured_table(model, column):
    """Let the role of the connection see rows with the text ``KEPT``, and not change them."""
    table, role = model._meta.db_table, f"gdpr_clerk_{os.getpid()}"
    with connection.cursor() as cursor:
        cursor.execute(
            f"CREATE ROLE {role}; GRANT ALL ON ALL TABLES IN SCHEMA public TO {role}; "
            f"GRANT ALL ON ALL SEQUENCES IN SCHEMA public TO {role}; "
            f"ALTER TABLE {table} ENABLE ROW LEVEL SECURITY; "
            f"CREATE POLICY sees ON {table} FOR SELECT USING (true); "
            f"CREATE POLICY changes ON {table} FOR UPDATE USING ({column} <> '{KEPT}') WITH CHECK (true); "
            f"SET ROLE {role}"
        )
    try:
        yield
    finally:
        with connection.cursor() as cursor:
            cursor.execute(
                f"RESET ROLE; DROP POLICY sees ON {table}; DROP POLICY changes ON {table}; "
                f"ALTER TABLE {table} DISABLE ROW LEVEL SECURITY; DROP OWNED BY {role}; DROP ROLE {role}"
            )


@pytest.mark.skipif(DB != "postgresql", reason="only PostgreSQL has row level security")
class TestRowLevelSecurity:
    @pytest.fixture
    def stays(self):
        """A message that the role of the connection sees, and may not change, beside one that it may."""
        baker.make(Message, text="Hello")
        kept = baker.make(Message, text=KEPT)
        with secured_table(Message, "text"):
            yield kept

    @pytest.mark.parametrize("mode", MODES)
    @pytest.mark.parametrize("door", ["queryset", "filtered", "filtered by what goes", "object", "ranges"])
    def test_a_row_that_may_not_be_changed_is_an_error(self, stays, mode, door):
        # A scrub commits what it has done before it finds the row.
        as_it_was = nullcontext() if door == "ranges" else unchanged(Message)
        with in_mode(mode, Message, "text"), as_it_was, pytest.raises(AnonymiseError) as caught:
            {
                "queryset": Message.objects.anonymise,
                "filtered": Message.objects.filter(recipient=None).anonymise,
                # Afterwards only the rows that were hidden match it.
                "filtered by what goes": Message.objects.filter(text__contains="e").anonymise,
                "object": stays.anonymise,
                "ranges": lambda: list(execute_in_ranges(plan(Message.objects.all(), force=True))),
            }[door]()

        assert "row level security" in str(caught.value)
        assert row(stays)["text"] == KEPT

    @pytest.mark.parametrize("asked", [GiftOrder, Order])
    @pytest.mark.parametrize("door", ["queryset", "object"])
    def test_a_part_in_another_table_that_may_not_be_changed_is_an_error(self, asked, door):
        secured, column = (Order, "delivery_note") if asked is GiftOrder else (GiftOrder, "greeting")
        gift = baker.make(GiftOrder, **{column: KEPT})
        one = asked.objects.get(pk=gift.pk)
        with (
            secured_table(secured, column),
            unchanged(Order, GiftOrder),
            pytest.raises(AnonymiseError, match=f"^{secured._meta.label}: .*row level security"),
        ):
            asked.objects.anonymise() if door == "queryset" else one.anonymise()


# -- a project's save() ------------------------------------------------------------------------


def saving(model, save):
    """Give ``model`` a save() of the project's own, which gets Django's as ``original``."""
    original = model.save

    def overridden(self, *args, **options):
        save(self, lambda: original(self, *args, **options))

    return mock.patch.object(model, "save", overridden)


def test_a_column_that_save_writes_again_is_an_error():
    comment = baker.make(Customer, name="Ada", notes="Likes Leeds")

    def save(self, original):
        self.notes = "Likes Leeds"
        original()

    with (
        saving(Customer, save),
        unchanged(Customer),
        pytest.raises(AnonymiseError, match=r"^shop\.Customer: after writing.* old value of notes in 1 row") as caught,
    ):
        comment.anonymise()
    assert "Customer.save()" in str(caught.value)
    assert "Leeds" not in str(caught.value)
    assert comment.notes == "Likes Leeds"


def test_what_a_receiver_of_the_save_writes_again_is_found_in_rows_of_a_queryset_too():
    customers = [baker.make(Customer, name=f"Ada {number}", notes="") for number in range(3)]

    def again(instance, **kwargs):
        if instance.pk == customers[1].pk:
            Customer.all_objects.filter(pk=instance.pk).update(name="Ada 1")

    with (
        listening(post_save, again, sender=Customer),
        unchanged(Customer),
        pytest.raises(AnonymiseError, match="old value of name in 1 row"),
    ):
        Customer.objects.anonymise()


def test_a_column_that_save_computes_from_the_new_values_is_written_with_them():
    """In memory a slug shows the name no more; nor does the row, although the slug is in nobody's update_fields."""
    customer = baker.make(Customer, name="Ada Lovelace", country="al")

    def save(self, original):
        self.country = slugify(self.name)[:2]
        original()

    with saving(Customer, save):
        customer.anonymise()

    assert customer.country == slugify(str(customer.name))[:2]
    assert row(customer)["country"] == customer.country != "al"


class WithCountry:
    fields = ["name", "country"]
    keep = ["number", "email", "phone", "born", "notes", "is_deleted", "referred_by"]


def computing(self, original):
    """Of a project's own model: the country is a slug of the name."""
    self.country = slugify(self.name)[:2]
    original()


@pytest.mark.parametrize("again", ["object", "queryset", "scrub"])
def test_a_declared_column_that_save_computes_can_be_anonymised_again(again):
    """It gets the same value again, which nobody chose: that is not the old value of a person."""

    def receiver(**kwargs):
        pass

    customer = baker.make(Customer, name="Ada Lovelace", country="ad")
    with redeclared(Customer, WithCountry), saving(Customer, computing):
        customer.anonymise()
        first = row(customer)
        if again == "object":
            customer.anonymise(force=True)
        else:
            with listening(post_save, receiver, sender=Customer):
                if again == "queryset":
                    Customer.objects.anonymise(force=True)
                else:
                    begin_scrub(plan(Customer.all_objects.all()))
                    list(execute_in_ranges(plan(Customer.all_objects.all())))

    assert first["country"] == slugify(str(customer.pk))[:2]
    assert row(customer) == first


def test_a_declared_column_that_save_restores_is_an_error_also_where_the_rest_is_done():
    customer = baker.make(Customer, name="Ada Lovelace", country="ad")

    def restoring(self, original):
        self.country = "ad"
        original()

    with (
        redeclared(Customer, WithCountry),
        saving(Customer, restoring),
        unchanged(Customer),
        pytest.raises(AnonymiseError, match="old value of country in 1 row"),
    ):
        customer.anonymise()


@pytest.mark.parametrize("door", ["object", "queryset", "rows"])
def test_a_refilled_column_that_the_database_writes_back_is_an_error_though_the_rest_is_done(door):
    """Only save() computes what a row held before: a trigger that writes back keeps what somebody filled in."""
    customer = baker.make(Customer, name="Ada Lovelace", country="ad")
    customer.anonymise()
    Customer.all_objects.filter(pk=customer.pk).update(notes=KEPT)
    customer.refresh_from_db()
    with (
        listened(Customer) if door == "rows" else nullcontext(),
        stubborn("writes back", Customer, "notes"),
        unchanged(Customer),
        pytest.raises(AnonymiseError, match=r"^shop\.Customer: "),
    ):
        (customer if door == "object" else Customer.objects).anonymise(force=True)


def test_what_save_leaves_out_of_what_an_anonymiser_has_set_is_an_error():
    """The narrowed columns are those of the declaration: not what its anonymiser sets beside them."""

    def anonymise_name(self, instance):
        instance.notes = ""
        return "somebody"

    def save(self, *args, **options):
        original(self, *args, **options | {"update_fields": ["name"]})

    customer, original = baker.make(Customer, name="Ada", notes="Likes Leeds"), Customer.save
    with (
        redeclared(Customer, type("Meta", (), {"fields": ["name"], "anonymise_name": anonymise_name})),
        mock.patch.object(Customer, "save", save),
        unchanged(Customer),
        pytest.raises(AnonymiseError, match="old value of notes in 1 row"),
    ):
        customer.anonymise()
    assert (customer.name, customer.notes) == ("Ada", "Likes Leeds")


@pytest.mark.parametrize("column", ["notes", "country"], ids=["declared", "not declared"])
def test_an_expression_that_save_gives_is_what_the_row_holds_in_memory_too(column):
    customer = baker.make(Customer, name="Ada", notes="Likes Leeds", country="uk")

    def save(self, original):
        setattr(self, column, Value("xx"))
        original()

    with saving(Customer, save):
        customer.anonymise()
    assert row(customer)[column] == getattr(customer, column) == "xx"


@pytest.mark.parametrize("mode", MODES)
def test_rows_that_hold_the_new_values_already_are_no_error(mode):
    """MariaDB counts the rows that an UPDATE finds, not those that differ afterwards."""
    baker.make(Message, text="Hello", _quantity=3)
    with in_mode(mode, Message, "text"):
        for _ in range(2):
            result = Message.objects.anonymise(force=True)
            assert (result.anonymised, result.computed) == (3, ())
        found = plan(Message.objects.all(), force=True)
        begin_scrub(found)
        assert list(execute_in_ranges(found)) == [3]


def test_a_planned_column_that_save_computes_otherwise_is_accepted_and_shown_in_memory():
    customer = baker.make(Customer, name="Ada", notes="Likes Leeds")

    def save(self, original):
        original()
        Customer.all_objects.filter(pk=self.pk).update(notes="no notes")

    with saving(Customer, save):
        assert customer.anonymise().computed == ("shop.Customer.notes",)

    assert row(customer)["notes"] == customer.notes == "no notes"


@pytest.mark.parametrize("moved", ["Ada Lovelace", "ada-lovelace"], ids=["the text", "a slug of it"])
def test_what_a_column_loses_and_save_gives_to_another_is_an_error(moved):
    customer = baker.make(Customer, name="Ada Lovelace", notes="")

    def save(self, original):
        original()
        Customer.all_objects.filter(pk=self.pk).update(notes=moved)

    with (
        saving(Customer, save),
        unchanged(Customer),
        pytest.raises(AnonymiseError, match="old value of notes in 1 row"),
    ):
        customer.anonymise()


def test_a_base_manager_that_hides_the_row_from_save_is_named_as_a_cause(monkeypatch):
    customer = baker.make(Customer, name="Ada")
    hiding = Manager.from_queryset(QuerySet)()
    hiding.model, hiding.name = Customer, "visible"
    monkeypatch.setattr(hiding, "get_queryset", lambda: QuerySet(Customer).none())
    monkeypatch.setattr(Customer._meta, "base_manager_name", "visible")
    monkeypatch.setitem(vars(Customer._meta), "base_manager", hiding)
    with unchanged(Customer), pytest.raises(AnonymiseError, match="the manager visible hides them"):
        customer.anonymise()


MOVES = {
    "sqlite": "CREATE TRIGGER stays AFTER UPDATE OF name ON {table} "
    "BEGIN UPDATE {table} SET {column} = OLD.name WHERE rowid = OLD.rowid; END",
    "postgresql": "CREATE FUNCTION stay() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN "
    "NEW.{column} := OLD.name; RETURN NEW; END $$; "
    "CREATE TRIGGER stays BEFORE UPDATE ON {table} FOR EACH ROW EXECUTE FUNCTION stay()",
    "mysql": "CREATE TRIGGER stays BEFORE UPDATE ON {table} FOR EACH ROW SET NEW.{column} = OLD.name",
}


@pytest.mark.parametrize("door", ["queryset", "object"])
def test_what_a_column_loses_and_a_trigger_gives_to_another_is_an_error(door):
    customer = baker.make(Customer, name="Ada Lovelace", notes="Likes Leeds")
    action = {"queryset": Customer.objects.all().anonymise, "object": customer.anonymise}[door]
    with (
        mock.patch.dict(TRIGGERS[VENDOR], moves=MOVES[VENDOR]),
        stubborn("moves", Customer, "notes"),
        unchanged(Customer),
        pytest.raises(AnonymiseError, match="Nothing was changed"),
    ):
        action()


@pytest.mark.parametrize("error", [TypeError, ValidationError, KeyError])
@pytest.mark.parametrize("debug", [False, True])
def test_an_error_of_save_names_the_model_and_the_method_and_no_value(error, debug, settings):
    settings.DEBUG = debug
    customer = baker.make(Customer, name="Ada Secret")

    def save(self, original):
        raise error("Ada Secret")

    with saving(Customer, save), unchanged(Customer), pytest.raises(AnonymiseError) as caught:
        customer.anonymise()

    text = str(caught.value)
    assert text.startswith(
        f"shop.Customer: Customer.save(), or a receiver of its signals, raised {error.__name__} (line"
    )
    assert "Secret" not in text
    assert isinstance(caught.value.__cause__, error if debug else type(None))
    assert caught.value.__suppress_context__


def test_a_save_that_takes_no_update_fields_is_named():
    def save(self):
        """As many a project writes it."""

    customer = baker.make(Customer, name="Ada")
    with mock.patch.object(Customer, "save", save), pytest.raises(AnonymiseError, match="TypeError"):
        customer.anonymise()


def test_an_error_of_a_receiver_of_pre_save_names_the_model():
    customer = baker.make(Customer, name="Ada Secret")

    def refuse(instance, **kwargs):
        raise ValueError(instance.name)

    with listening(pre_save, refuse, sender=Customer), pytest.raises(AnonymiseError) as caught:
        customer.anonymise()
    assert "Customer.save(), or a receiver" in str(caught.value)
    assert "ValueError" in str(caught.value)


def test_a_receiver_may_delete_the_row():
    baker.make(Customer)

    def leave(instance, **kwargs):
        Customer.all_objects.filter(pk=instance.pk).delete()

    with listening(post_save, leave, sender=Customer):
        Customer.objects.anonymise()
    assert rows(Customer) == []


def test_rows_that_were_saved_are_looked_at_once_a_batch():
    counts = []
    with listened(Customer):
        baker.make(Customer).anonymise()  # what is read once in a process
        for count in (2, 20):
            baker.make(Customer, _quantity=count)
            statements = queries(Customer.objects.anonymise)
            counts.append(len(statements) - len(updates(statements, Customer)))
            assert len(updates(statements, Customer)) == count
    assert counts[0] == counts[1]


@pytest.mark.parametrize("listens", [False, True], ids=["mixed", "rows"])
def test_a_json_column_that_another_anonymiser_changes_in_place_is_written(listens):
    meta = type("P", (), {"fields": ["char"], "anonymise_char": lambda self, each: (each.json.clear(), "x")[1]})
    made = baker.make(PlainFields, json={"name": "Ada"})
    with redeclared(PlainFields, meta), listened(PlainFields) if listens else nullcontext():
        execute(plan(all_rows(PlainFields).filter(pk=made.pk)))
    assert row(made)["json"] == {}


# -- keys that point at a personal column ------------------------------------------------------


def by_object(rows):
    for each in rows:
        each.anonymise()


def row_by_row(rows):
    with listened(Patron):
        rows.anonymise()


def by_scrub(rows):
    list(execute_in_ranges(plan(rows)))


POINTED_WAYS = pytest.mark.parametrize("anonymise", [by_object, row_by_row, by_scrub, lambda rows: rows.anonymise()])


@pytest.fixture
def patrons():
    """Two patrons, registered for the time of a test; nothing points at the second."""
    with registry.registered(Patron, type("Meta", (), {"fields": ["card"]})):
        yield Patron.objects.create(card=KEPT), Patron.objects.create(card="C-2")


@POINTED_WAYS
@pytest.mark.parametrize("key", ["patron", "guarantor"])
def test_a_column_that_keys_point_at_is_refused_with_and_without_a_constraint(patrons, key, anonymise):
    first, second = patrons
    loan = Loan.objects.create(patron=second, guarantor=first) if key == "guarantor" else Loan(patron=first)
    loan.save()

    with unchanged(Patron, Loan), pytest.raises(AnonymiseError, match=rf"own\.Loan\.{key}") as caught:
        anonymise(Patron.objects.filter(pk=first.pk))

    assert "Nothing was changed." in str(caught.value)
    assert KEPT not in spoken(caught.value)


@POINTED_WAYS
def test_a_column_of_a_row_that_no_key_points_at_is_anonymised_and_may_be_pointed_at_then(patrons, anonymise):
    first, second = patrons
    Loan.objects.create(patron=first)

    anonymise(Patron.objects.filter(pk=second.pk))

    second.refresh_from_db()
    assert second.card == keyed(second)
    Loan.objects.create(patron=second, guarantor=second)
    second.anonymise(force=True)
    assert [each.patron for each in Loan.objects.order_by("pk")] == [first, second]


class TestClaims:
    def everyone(self):
        return plan(Customer.objects.all())

    def test_a_row_that_is_there_and_was_not_claimed_is_an_error(self, monkeypatch):
        left, *_others = baker.make(Customer, name=KEPT, _quantity=3)

        def without(plan, rows):
            return real(plan, rows.exclude(pk=left.pk))

        real = claims._with_marks
        monkeypatch.setattr(claims, "_with_marks", without)
        with unchanged(Customer), pytest.raises(AnonymiseError) as caught:
            erase([self.everyone()])
        assert "the database did not change 1 row that was to be anonymised. Nothing was changed." in str(caught.value)

    def test_a_row_that_is_deleted_before_it_is_claimed_is_none(self):
        gone, left = baker.make(Customer, name=KEPT, _quantity=2)

        def read():
            pinned = all_pinned([self.everyone()])
            Customer.all_objects.filter(pk=gone.pk).delete()
            return pinned

        [result] = erase([self.everyone()], first=read)
        assert (result.anonymised, result.skipped) == (1, 0)
        assert row(left)["name"] == str(left.pk)


class TestHiddenErrors:
    """A transaction that Django will roll back without a word, as code within it has hidden an error."""

    def hide(self, **kwargs):
        with suppress(DatabaseError):
            Category(pk=1).save(update_fields=["name"])  # of which there is none

    @pytest.mark.parametrize("has_log", [True, False])
    @pytest.mark.parametrize("door", ["queryset", "object", "erase", "scrub"])
    def test_they_are_an_error_of_the_erasure(self, door, has_log, settings):
        settings.GDPR_LOG_DATABASE_NAME = "gdpr_log" if has_log else None
        message = baker.make(Message, text=KEPT)
        every = plan(Message.objects.all())
        act = {
            "queryset": Message.objects.anonymise,
            "object": message.anonymise,
            "erase": lambda: erase([every]),
            "scrub": lambda: list(execute_in_ranges(every)),
        }[door]
        refused = pytest.raises((AnonymiseError, TransactionManagementError))
        with listening(rows_anonymised, self.hide, sender=Message), unchanged(Message), refused:
            act()
