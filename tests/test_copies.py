"""Rows that are copies of others are erased with them: in the same transaction and operation, also on a replay."""

import io
import json
import re
import sys
import uuid
import zipfile
from contextlib import ExitStack, contextmanager

import pytest
from django.core.management import call_command
from django.db import IntegrityError, OperationalError, connection
from django.db.models import SET_NULL, ForeignKey
from django.db.models.signals import post_delete, post_save

from gdpr_assist import AnonymiseError, Generic, Keep, Subject
from gdpr_assist.checks.people import check_E043
from gdpr_assist.databases.errors import grant
from gdpr_assist.declaring.clauses import PointedAtBy
from gdpr_assist.erasure import erase
from gdpr_assist.models import EventLog, PrivacyAnonymised, Receipt
from gdpr_assist.paths import keys_to_people
from gdpr_assist.planning import plan
from tests.apps.people.models import Account, Parcel, Profile, Remark, Sale, SaleLine
from tests.apps.shop.models import Customer

from .observing import changed, listening, markers, queries, row, spoken, unchanged
from .people import account, sale

pytestmark = pytest.mark.django_db

ADDRESS = "ada@quill.example"


@pytest.fixture(autouse=True)
def _copies():
    """Remarks are copies of any row; lines are copies of their sale."""
    with ExitStack() as declared:
        declared.enter_context(changed(Remark, subject=None, copy_of=Generic("content_type", "object_id")))
        declared.enter_context(changed(SaleLine, subject=None, on_erasure="anonymise", copy_of="sale"))
        yield


@pytest.fixture
def ada():
    return account("ada")


def remark(about, text=ADDRESS):
    return Remark.objects.create(about=about, text=text)


def events():
    found = EventLog.objects.using("gdpr_log").order_by("pk")
    return [(each.event, each.model_name, each.target_pk) for each in found]


@pytest.mark.parametrize("act", [lambda row: row.anonymise(), lambda row: type(row).objects.anonymise()])
def test_copies_are_anonymised_with_their_row_in_one_operation(ada, act):
    copy, other = remark(ada), remark(Customer.objects.create(name="Ada", email=ADDRESS))
    result = act(ada)
    assert row(copy)["text"] == str(copy.pk)
    assert row(other)["text"] == ADDRESS
    assert result.copies == {"people.Remark": 1}
    assert result.anonymised == 1
    assert sorted(events()) == [
        ("anonymise", "Account", str(ada.pk)),
        ("anonymise", "Remark", str(copy.pk)),
    ]
    assert EventLog.objects.using("gdpr_log").values("operation").distinct().count() == 1
    assert markers(Remark) == [str(copy.pk)]


@pytest.mark.parametrize("act", [lambda row: row.delete(), lambda row: type(row).objects.filter(pk=row.pk).delete()])
def test_copies_of_a_deleted_row_are_anonymised_with_it(ada, act):
    copy = remark(ada)
    act(ada)
    assert row(copy)["text"] == str(copy.pk)
    assert ("anonymise", "Remark", str(copy.pk)) in events()
    assert EventLog.objects.using("gdpr_log").values("operation").distinct().count() == 1


def test_copies_that_go_with_their_row_are_not_anonymised_before(ada):
    line = SaleLine.objects.create(sale=sale(ada), engraving="Ada")
    line.sale.delete()
    assert [each for each in events() if each[1] == "SaleLine"] == [("delete", "SaleLine", str(line.pk))]


def test_a_lookup_leads_to_the_row(ada):
    mine, other = sale(ada), sale(ada)
    line, others = (SaleLine.objects.create(sale=each, engraving="Ada") for each in (mine, other))
    mine.anonymise()
    assert (row(line)["engraving"], row(others)["engraving"]) == ("", "Ada")


def test_copies_of_copies(ada):
    line = SaleLine.objects.create(sale=sale(ada), engraving="Ada")
    copy = remark(line)
    line.sale.anonymise()
    assert row(copy)["text"] == str(copy.pk)


def test_a_copy_that_is_written_while_the_row_changes_is_found(ada):
    with changed(Account, bulk=False):

        def write(instance, **kwargs):
            remark(instance, text=f"was {ADDRESS}")

        with listening(post_save, write, sender=Account):
            ada.anonymise()
    (copy,) = Remark.objects.all()
    assert copy.text == str(copy.pk)


@pytest.mark.parametrize("first", ["sale", "account"])
def test_a_copy_of_another_row_of_the_person_is_found_whichever_of_them_is_erased_first(ada, first):
    """An audit trail may write what is around a row too, after the turn of that one."""
    mine, others = sale(ada), sale(account("bob"))
    of_bob = remark(others)

    def write(instance, **kwargs):
        remark(mine if isinstance(instance, Account) else ada, text=f"was {ADDRESS}")

    with listening(post_save, write, sender=Account if first == "sale" else Sale):
        result = Subject(ada).erase()
    [copy] = Remark.objects.exclude(pk=of_bob.pk)
    assert copy.text == str(copy.pk)
    assert result.copies == {"people.Remark": 1}
    assert row(of_bob)["text"] == ADDRESS
    assert ("anonymise", "Remark", str(copy.pk)) in events()


def test_what_is_erased_by_force_is_not_erased_twice_for_its_late_copies(ada):
    copies = [remark(ada), remark(sale(ada))]
    with listening(post_save, lambda **kwargs: None, sender=Account):
        result = Subject(ada).erase(force=True)
    assert result.copies == {"people.Remark": 2}
    assert len([each for each in events() if each[1] == "Remark"]) == len(copies)


def test_a_copy_that_is_written_while_the_row_goes_is_found(ada):
    """As a history writes one after each row, the last of which is that of the account."""
    Profile.objects.create(account=ada, phone="555")

    def write(instance, **kwargs):
        remark(instance, text=f"was {ADDRESS}")

    with listening(post_delete, write, sender=Account):
        # Before the receiver of the app, as a package has it that connects when its models are loaded
        post_delete.receivers.insert(0, post_delete.receivers.pop())
        post_delete.sender_receivers_cache.clear()
        ada.delete()
    (copy,) = Remark.objects.all()
    assert copy.text == str(copy.pk)
    assert events()[-1] == ("anonymise", "Remark", str(copy.pk))


def test_copies_can_be_deleted(ada):
    copy = remark(ada)
    with changed(Remark, subject=None, copy_of=Generic("content_type", "object_id"), on_erasure="delete"):
        result = ada.anonymise()
    assert not Remark.objects.filter(pk=copy.pk).exists()
    assert result.copies == {"people.Remark": 1}
    assert ("delete", "Remark", str(copy.pk)) in events()


@pytest.mark.parametrize("kept", [{"on_erasure": Keep("audit")}, {"can_anonymise": False}])
def test_copies_that_are_kept_stay_and_are_told(ada, kept):
    copy = remark(ada)
    with changed(Remark, subject=None, copy_of=Generic("content_type", "object_id"), **kept):
        result = ada.anonymise()
    assert row(copy)["text"] == ADDRESS
    assert result.kept == {"people.Remark": 1}


def test_a_failure_undoes_all(ada, monkeypatch):
    copy = remark(ada)

    def refuse(self, instance):
        raise RuntimeError

    with (
        changed(Remark, subject=None, copy_of=Generic("content_type", "object_id"), anonymise_text=refuse),
        unchanged(Account, Remark),
        pytest.raises(AnonymiseError, match=r"^people\.Remark\.text"),
    ):
        ada.anonymise()
    assert row(copy)["text"] == ADDRESS
    assert events() == []


def test_again_only_what_was_copied_since(ada):
    first = remark(ada)
    ada.anonymise()
    Remark.objects.filter(pk=first.pk).update(text="corrected")
    second = remark(ada)
    ada.anonymise(force=True)
    assert (row(first)["text"], row(second)["text"]) == (str(first.pk), str(second.pk))


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("act", [lambda row: row.anonymise(), lambda row: row.delete()])
def test_a_replay_erases_the_copies_again(ada, act):
    copy, key = remark(ada), ada.pk
    act(ada)
    Receipt.objects.all().delete()
    PrivacyAnonymised.objects.all().delete()
    Account.objects.filter(pk=key).delete()
    Account.objects.bulk_create([Account(pk=key, email=ADDRESS, is_confirmed=True)])
    Remark.objects.filter(pk=copy.pk).update(text=ADDRESS)
    call_command("gdpr_rerun", "--noinput")
    assert not Account.objects.filter(email=ADDRESS).exists()
    assert row(copy)["text"] == str(copy.pk)


def test_queries_do_not_grow_with_copies(ada):
    counts = []
    for number in (1, 20):
        person = account(f"p{number}")
        for _copy in range(number):
            remark(person)
        counts.append(len(queries(person.anonymise)))
    assert counts[0] == counts[1]


def test_a_row_without_copies_costs_one_query_for_each_model_of_copies(ada):
    other = account("bob")
    with changed(Remark, subject=None, copy_of=None), changed(SaleLine, subject=None, copy_of=None):
        without = len(queries(other.anonymise))
    # PostgreSQL is also asked whether it hides rows of the table.
    assert len(queries(ada.anonymise)) - without == (2 if connection.vendor == "postgresql" else 1)


def test_a_person_is_erased_with_the_copies_of_all_rows(ada):
    bought = sale(ada, email=ADDRESS)
    about = [remark(ada), remark(bought)]
    preview = Subject(ada).preview().splitlines()
    assert "people.Remark: 2 rows, copies of the above: anonymised: text" in preview
    result = Subject(ada).erase()
    assert result.copies == {"people.Remark": 2}
    assert "people.Remark: 2 erased, copies of these" in list(result.lines())
    assert [row(each)["text"] for each in about] == [str(each.pk) for each in about]


def test_an_export_names_the_copies_and_has_none(ada):
    remark(ada)
    file = io.BytesIO()
    Subject(ada).export(file)
    with zipfile.ZipFile(file) as archive:
        manifest = json.loads(archive.read("manifest.json"))
        assert not [name for name in archive.namelist() if "Remark" in name]
    assert manifest["copies"] == {"people.Remark": 1}


def test_several_plans_count_the_copies_of_each(ada):
    bought = sale(ada)
    remark(ada)
    remark(bought)
    results = erase([plan(Account.objects.filter(pk=ada.pk)), plan(Sale.objects.filter(pk=bought.pk))])
    assert [each.copies for each in results] == [{"people.Remark": 1}, {"people.Remark": 1}]


def test_a_key_of_a_copy_has_an_answer():
    answers = {each.label: each.answer for each in keys_to_people()}
    assert answers["people.Remark.about"] == "copy"
    assert answers["people.SaleLine.sale"] == "copy"


@pytest.mark.parametrize(
    ("model", "declared", "message"),
    [
        (Remark, {"copy_of": 7}, "is no path to a row"),
        (Remark, {"copy_of": "nowhere"}, "names nowhere, which leads to no model"),
        (Remark, {"copy_of": Generic("content_type", "nothing")}, "is no generic key"),
        (Remark, {"copy_of": Generic("text", "object_id")}, "is no generic key"),
        (Remark, {"copy_of": "history"}, "says that the model is a history"),
        (SaleLine, {"copy_of": "sale", "subject": "sale"}, "is said to be somebody's"),
    ],
)
def test_what_is_no_copy_is_an_error(model, declared, message):
    with changed(model, **{"subject": None, **declared}):
        (found,) = [each for each in check_E043() if each.obj is model]
    assert message in found.msg


def test_a_key_that_is_nulled_cannot_lead_from_a_copy(monkeypatch):
    key: ForeignKey = SaleLine._meta.get_field("sale")
    monkeypatch.setattr(key.remote_field, "on_delete", SET_NULL)
    with changed(SaleLine, subject=None, copy_of="sale"):
        (found,) = [each for each in check_E043() if each.obj is SaleLine]
    assert "leads nowhere any more when the row is deleted" in found.msg


# -- what holds something of several rows, and rows of other databases --------------------------------


@pytest.mark.parametrize(
    "act", [lambda row: row.anonymise(), lambda row: Subject(row).erase(), lambda row: row.delete()]
)
@pytest.mark.parametrize("on_erasure", ["anonymise", "delete"])
def test_what_rows_have_in_common_that_point_at_it_is_erased_with_one_of_them(ada, act, on_erasure):
    """As the comment of a revision, which may name each row of which it has a version."""
    mine, others = Parcel.objects.create(street=ADDRESS), Parcel.objects.create(street=ADDRESS)
    bought, sold = sale(account("buyer"), parcel=mine), sale(account("other"), parcel=others)
    with (
        changed(Sale, subject=None, identifiers={}, copy_of="buyer", on_erasure=on_erasure),
        changed(Parcel, subject=None, copy_of=PointedAtBy("parcel")),
    ):
        act(bought.buyer)
    assert row(mine)["street"] != ADDRESS
    assert row(others)["street"] == ADDRESS
    assert Sale.objects.filter(pk=sold.pk).exists()


def test_a_copy_of_the_same_key_on_another_database_is_somebody_elses(ada):
    mine, others = remark(ada), remark(ada)
    Remark.objects.filter(pk=others.pk).update(text="other")
    Remark.objects.filter(pk=mine.pk).update(text="default")
    with changed(Remark, subject=None, copy_of=Generic("content_type", "object_id", using="text")):
        ada.anonymise()
    assert (row(mine)["text"], row(others)["text"]) == (str(mine.pk), "other")


# -- tables that cannot be changed -------------------------------------------------------------------

MYSQL_REFUSES = "FOR EACH ROW SIGNAL SQLSTATE '45000' SET MESSAGE_TEXT = 'the value is old'"

REFUSE = {
    "sqlite": [
        f"CREATE TRIGGER refuse_{event} BEFORE {event} ON people_remark "
        "BEGIN SELECT RAISE(ABORT, 'the value is old'); END"
        for event in ("update", "delete")
    ],
    "postgresql": [
        "CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE 'the value is old'; END $$",
        "CREATE TRIGGER refuse BEFORE UPDATE OR DELETE ON people_remark FOR EACH ROW EXECUTE FUNCTION refuse()",
    ],
    "mysql": [
        f"CREATE TRIGGER refuse_{event} BEFORE {event} ON people_remark {MYSQL_REFUSES}"
        for event in ("update", "delete")
    ],
}
AGAIN = {
    "postgresql": ["DROP TRIGGER refuse ON people_remark", "DROP FUNCTION refuse()"],
}


def run(*statements):
    with connection.cursor() as cursor:
        for each in statements:
            cursor.execute(each)


@contextmanager
def append_only():
    """A table of which a trigger refuses to change or delete a row, as some do for their audit trail."""
    run(*REFUSE[connection.vendor])
    try:
        yield
    finally:
        run(*AGAIN.get(connection.vendor, ["DROP TRIGGER refuse_update", "DROP TRIGGER refuse_delete"]))


WAYS = [lambda row: row.anonymise(), lambda row: Subject(row).erase(), lambda row: row.delete()]


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("act", WAYS)
@pytest.mark.parametrize("on_erasure", ["anonymise", "delete"])
def test_a_trigger_that_refuses_is_named_with_the_table_and_undoes_all(ada, act, on_erasure):
    # SQLite's own name of the error, which tells that it was a trigger, can be read from Python 3.11 on.
    is_told = connection.vendor != "sqlite" or sys.version_info >= (3, 11)
    remark(ada)
    with (
        changed(Remark, subject=None, copy_of=Generic("content_type", "object_id"), on_erasure=on_erasure),
        append_only(),
        unchanged(Account, Remark),
        pytest.raises(AnonymiseError if is_told else (AnonymiseError, IntegrityError)) as caught,
    ):
        act(ada)
    if not is_told:
        return
    assert "the value is old" not in spoken(caught.value)
    done = "changed" if on_erasure == "anonymise" else "deleted"
    assert str(caught.value).startswith(f"people.Remark: the database 'default' does not let its rows be {done} (")
    assert "a trigger of the table refuses it, which no GRANT changes" in str(caught.value)
    assert "on_erasure = Keep(...)" in str(caught.value)
    assert str(caught.value).endswith("Nothing was changed.")


@pytest.mark.django_db(transaction=True)
def test_where_the_site_says_so_they_are_kept_and_told_and_the_rest_is_done(ada):
    copy = remark(ada)
    with (
        changed(Remark, subject=None, copy_of=Generic("content_type", "object_id"), on_erasure=Keep("audit")),
        append_only(),
    ):
        result = ada.anonymise()
    assert row(ada)["email"] != ADDRESS
    assert row(copy)["text"] == ADDRESS
    assert result.kept == {"people.Remark": 1}


def test_the_result_of_a_person_names_the_copies_that_are_kept(ada):
    """As the preview does: those of all her rows, and of nobody else's."""
    copies = [remark(ada), remark(sale(ada))]
    remark(account("bob"))
    with changed(Remark, subject=None, copy_of=Generic("content_type", "object_id"), on_erasure=Keep("audit")):
        previewed = str(Subject(ada).preview())
        result = Subject(ada).erase()
    assert "people.Remark" in previewed
    assert [str(each) for each in result.kept] == ["people.Remark: 2 rows, kept (audit)"]
    assert [row(each)["text"] for each in copies] == [ADDRESS] * 2


@contextmanager
def site_without(right):
    """Let the site be a role that may do all, but this on one table."""
    role = f"site_{uuid.uuid4().hex[:12]}"
    run(
        f"CREATE ROLE {role}",
        f"GRANT ALL ON ALL TABLES IN SCHEMA public TO {role}",
        f"GRANT ALL ON ALL SEQUENCES IN SCHEMA public TO {role}",
        f"REVOKE {right} ON people_remark FROM {role}",
        f"SET ROLE {role}",
    )
    try:
        yield
    finally:
        run("RESET ROLE", f"DROP OWNED BY {role}", f"DROP ROLE {role}")


@pytest.mark.skipif(
    connection.vendor != "postgresql", reason="SQLite has no roles; to become one, MariaDB needs a login"
)
@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("on_erasure", ["anonymise", "delete"])
def test_a_right_that_is_missing_is_named_with_the_grant_that_gives_it(ada, on_erasure):
    remark(ada)
    right = "UPDATE" if on_erasure == "anonymise" else "DELETE"
    with (
        changed(Remark, subject=None, copy_of=Generic("content_type", "object_id"), on_erasure=on_erasure),
        site_without(right),
        unchanged(Account, Remark),
        pytest.raises(AnonymiseError) as caught,
    ):
        ada.anonymise()
    assert str(caught.value).startswith("people.Remark: the database 'default' does not let its rows be ")
    assert re.search(
        rf": GRANT SELECT, {right} ON \S*people_remark\S* TO \w+\. Nothing was changed\.$", str(caught.value)
    )


@pytest.mark.parametrize(
    ("text", "table"),
    [
        ("UPDATE command denied to user 'web'@'localhost' for table `shop`.`people_remark`", "`shop`.`people_remark`"),
        ("permission denied for table people_remark", "people_remark"),
        ("keine Berechtigung", "people_account"),
    ],
)
def test_the_grant_names_the_table_that_the_server_names(text, table):
    given = grant(OperationalError(text), "UPDATE", "people_account", "default")
    assert given.startswith(f"GRANT SELECT, UPDATE ON {table} TO ")


@pytest.mark.django_db(transaction=True)
def test_a_table_of_an_older_migration_is_named(ada):
    remark(ada)
    run("ALTER TABLE people_remark RENAME COLUMN text TO words")
    try:
        with pytest.raises(AnonymiseError) as caught:
            ada.anonymise()
    finally:
        run("ALTER TABLE people_remark RENAME COLUMN words TO text")
    assert str(caught.value).startswith("people.Remark: ")
    assert "a table lacks a column that the code has; run migrate on it" in str(caught.value)
    assert row(ada)["email"] == ADDRESS
    assert events() == []


@pytest.mark.django_db(transaction=True)
def test_a_table_that_is_not_there_is_named(ada):
    run("ALTER TABLE people_remark RENAME TO people_former")
    try:
        with pytest.raises(AnonymiseError, match=r"^people\.Remark: .*run migrate on it"):
            ada.anonymise()
    finally:
        run("ALTER TABLE people_former RENAME TO people_remark")
    assert row(ada)["email"] == ADDRESS
