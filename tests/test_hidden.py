"""Primary keys that are texts: the log has a digest, and a replay knows the row again."""

import re
import uuid
from contextlib import contextmanager
from datetime import timedelta
from io import StringIO
from unittest import mock

import pytest
from django.core.management import CommandError, call_command
from django.db import connection
from django.db.models import CharField
from django.test import override_settings

from gdpr_assist.log.hidden import Digests, is_hidden
from gdpr_assist.log.writing import Erasure
from gdpr_assist.models import DatabaseIdentity, EventLog, Operation
from gdpr_assist.replay.hidden import NO_TABLE, NOT_COMPARABLE
from gdpr_assist.replay.returned import returned
from gdpr_assist.scrubbing.verification import verify
from gdpr_assist.verifying.of_everything import of_everything
from gdpr_assist.verifying.of_operation import GONE, PERHAPS, UNKNOWN, of_operation
from tests.apps.fields.models import LongKey, TextKey, UUIDKey
from tests.apps.own.models import Address, AddressKey
from tests.apps.shop.models import Customer

from .logbook import customer
from .observing import queries
from .test_replay import DELETE, Backup, event, failures, legacy, log, numbers, rerun

pytestmark = pytest.mark.django_db(transaction=True, databases=["default", "other", "gdpr_log"])

DIGEST = re.compile(r"digest:[0-9a-f]{12}:[0-9a-f]{64}")


def token(word):
    return TextKey.objects.create(word=word, name="Ada", email="ada@quill.example")


def there():
    return set(TextKey.objects.values_list("word", flat=True))


def keys_in_the_log():
    return list(EventLog.objects.using("gdpr_log").order_by("id").values_list("target_pk", flat=True))


def replace_secret():
    """As where a database gets its id back that was restored from a backup of before it had one."""
    DatabaseIdentity.objects.update(key=b"another")


def test_the_log_has_no_text_that_is_a_key():
    token("a-token").delete()
    token("ada-quill-example").anonymise()
    keys = keys_in_the_log()
    assert len(keys) == len(set(keys)) == 2
    assert all(map(DIGEST.fullmatch, keys))


def test_numbers_and_uuids_are_logged_as_they_are():
    one, other = customer(), UUIDKey.objects.create()
    keys = [str(one.pk), str(other.pk)]
    one.anonymise()
    other.anonymise()
    assert keys_in_the_log() == keys


def test_a_digest_tells_nothing_without_the_secret_or_of_another_model():
    mine, others = Digests(b"secret"), Digests(b"another")
    digests = {mine.of("ada", "a.B"), mine.of("ada", "a.C"), mine.of("eve", "a.B"), others.of("ada", "a.B")}
    assert len(digests) == 4
    assert mine.of("ada", "a.B") == Digests(b"secret").of("ada", "a.B")


@pytest.mark.parametrize("erase", ["delete", "anonymise"])
@pytest.mark.parametrize("count", [1, 30], ids=["few events", "more than are held"])
def test_a_replay_erases_the_row_again_and_no_other(erase, count):
    words = {f"token-{number}" for number in range(count)}
    for word in [*words, "other"]:
        token(word)
    backup = Backup(TextKey)
    getattr(TextKey.objects.filter(word__in=words), erase)()
    backup.restore()
    assert there() == words | {"other"}
    report = rerun()
    assert (numbers(report), report.rows, report.absent) == ((1, 0, 0), count, 0)
    assert TextKey.objects.get(word="other").email == "ada@quill.example"
    if erase == "delete":
        assert there() == {"other"}
    else:
        assert not TextKey.objects.filter(word__in=words, email="ada@quill.example").exists()


def test_a_row_that_is_not_there_is_counted_as_absent():
    token("a-token")
    TextKey.objects.all().delete()
    Backup().forget()
    report = rerun()
    assert (numbers(report), report.rows, report.absent) == ((1, 0, 0), 0, 1)


def test_keys_that_were_logged_as_they_were_are_known():
    token("zebra")
    log(event(DELETE, "fields.TextKey", "zebra"))
    assert numbers(rerun()) == (1, 0, 0)
    assert there() == set()


def test_without_the_secret_the_operation_is_listed_and_nothing_deleted():
    token("a-token")
    backup = Backup(TextKey)
    TextKey.objects.all().delete()
    backup.restore()
    replace_secret()
    report = rerun()
    assert failures(report) == [(Operation.objects.using("gdpr_log").get().pk, "fields.TextKey", NOT_COMPARABLE)]
    assert there() == {"a-token"}


def digest(key, label):
    """Of a key as it was in memory: what the log has from the days when that decided."""
    return Digests(bytes(Erasure("default").identity.key)).of(key, label)


@pytest.mark.parametrize("erase", ["delete", "_log_gdpr_delete", "anonymise", "_log_gdpr_anonymise"])
@pytest.mark.parametrize("write", [str, lambda key: key.hex], ids=["with dashes", "without"])
def test_a_uuid_that_is_a_text_in_memory_is_logged_as_a_uuid(erase, write):
    key = uuid.uuid4()
    row = UUIDKey.objects.create(id=write(key), name="Ada", email="ada@quill.example")
    backup = Backup(UUIDKey)
    getattr(row, erase)()
    [logged] = keys_in_the_log()
    assert uuid.UUID(logged) == key
    backup.restore()
    report = rerun()
    assert (numbers(report), report.rows) == ((1, 0, 0), 1)
    assert not UUIDKey.objects.filter(name="Ada").exists()


@pytest.mark.parametrize("erase", ["delete", "anonymise"])
def test_a_number_that_is_a_text_in_memory_is_logged_as_a_number(erase):
    person = customer()
    backup = Backup(Customer)
    person.pk = key = str(person.pk)
    getattr(person, erase)()
    assert keys_in_the_log() == [key]
    backup.restore()
    assert numbers(rerun()) == (1, 0, 0)


@pytest.mark.parametrize("force", [False, True])
def test_an_object_whose_key_is_a_text_in_memory_knows_that_it_was_anonymised(force):
    row = UUIDKey.objects.create(id=uuid.uuid4().hex, name="Ada", email="ada@quill.example")
    row.anonymise(force=force)
    assert row.is_anonymised()
    assert row.name != "Ada"


@pytest.mark.parametrize("write", [str, lambda key: key.hex], ids=["with dashes", "without"])
def test_digests_of_numbers_and_uuids_in_older_logs_find_their_rows(write):
    person, row = customer(), UUIDKey.objects.create()
    log(event(DELETE, "shop.Customer", digest(str(person.pk), "shop.Customer")))
    log(event(DELETE, "fields.UUIDKey", digest(write(row.pk), "fields.UUIDKey")))
    report = rerun()
    assert (numbers(report)[0], report.failed) == (2, [])
    assert not Customer.all_objects.filter(pk=person.pk).exists()
    assert not UUIDKey.objects.exists()


@pytest.mark.parametrize("erase", ["delete", "anonymise", "_log_gdpr_delete"])
@pytest.mark.parametrize("in_memory", ["Ada@Quill.example", Address("ada@quill.example")], ids=["str", "object"])
def test_a_text_of_a_class_of_its_own_is_hidden_whatever_it_is_in_memory(erase, in_memory):
    row = AddressKey.objects.create(address=in_memory, name="Ada")
    AddressKey.objects.create(address="eve@quill.example", name="Eve")
    backup = Backup(AddressKey)
    getattr(row, erase)()
    assert all(map(DIGEST.fullmatch, keys_in_the_log()))
    backup.restore()
    report = rerun()
    assert (numbers(report), report.rows, report.absent) == ((1, 0, 0), 1, 0)
    assert "Ada" not in AddressKey.objects.values_list("name", flat=True)
    assert AddressKey.objects.filter(name="Eve").exists()


@contextmanager
def without_table(model):
    name = model._meta.db_table
    with connection.schema_editor() as editor:
        editor.alter_db_table(model, name, f"{name}_away")
    try:
        yield
    finally:
        with connection.schema_editor() as editor:
            editor.alter_db_table(model, f"{name}_away", name)


def test_a_table_that_is_missing_fails_and_is_done_when_it_is_back():
    token("a-token")
    backup = Backup(TextKey)
    TextKey.objects.all().delete()
    backup.restore()
    with without_table(TextKey):
        [(_, label, reason)] = failures(rerun())
    assert (label, reason) == ("fields.TextKey", NO_TABLE)
    assert numbers(rerun()) == (1, 0, 0)
    assert there() == set()


def test_a_key_that_is_of_another_type_by_now_is_no_absent_row():
    log(event(DELETE, "shop.Customer", digest("a-token", "shop.Customer")))
    [(_, label, reason)] = failures(rerun())
    assert (label, reason) == ("shop.Customer", "the primary key is of another type now")


def test_a_table_is_read_once_for_many_operations():
    def of(count):
        words = [f"{count}-{number}" for number in range(count)]
        for word in words:
            token(word)
        backup = Backup(TextKey)
        for word in words:
            TextKey.objects.get(word=word).delete()
        backup.restore()
        reads = re.compile(r"SELECT fields_textkey.word( AS \w+)? FROM fields_textkey ORDER BY")
        return sum(reads.match(sql) is not None for sql in queries(rerun))

    assert of(2) == of(15) == 1


def test_a_verification_finds_a_row_that_is_back():
    token("a-token").delete()
    operation = Operation.objects.using("gdpr_log").get().pk
    assert [(each.what, each.count) for each in of_operation(operation) if each.count] == [(GONE, 1)]
    token("a-token")
    token("other")
    [found] = returned(["default"])
    assert found.deleted_keys == {"a-token"}
    assert [(each.what, each.count) for each in of_operation(operation) if each.count] == [(PERHAPS, 1)]


def test_a_verification_says_of_which_rows_nobody_can_tell():
    token("a-token").delete()
    token("a-token")
    operation = Operation.objects.using("gdpr_log").get().pk
    replace_secret()
    [place] = returned(["default"])
    assert (place.unknown, place.deleted_keys, place.counted) == (1, set(), "")
    found = [(each.what, each.count, each.is_wrong) for each in of_operation(operation)]
    assert found == [(UNKNOWN, 1, True)]
    everything = [(each.what, each.count) for each in of_everything(verify(["default"]), every=False)]
    assert (UNKNOWN, 1) in everything
    with pytest.raises(CommandError, match="cannot be told"):
        call_command("gdpr_verify", operation=operation, stdout=StringIO())
    out = StringIO()
    call_command("gdpr_verify", database=["default"], stdout=out)
    assert "default: fields.TextKey: of 1 that were erased nobody can tell" in out.getvalue()


def test_a_long_key_has_a_digest_as_long_as_any():
    LongKey.objects.create(code="x" * 300).delete()
    assert DIGEST.fullmatch(*keys_in_the_log())
    assert isinstance(LongKey._meta.pk, CharField)


# -- what older versions have logged ----------------------------------------------------------------------------------


def screen():
    out = StringIO()
    call_command("gdpr_status", stdout=out)
    return out.getvalue()


def prune(*args):
    out = StringIO()
    with override_settings(GDPR_LOG_RETENTION=timedelta(days=30)):
        call_command("gdpr_prune", *args, stdout=out)
    return out.getvalue().splitlines()[2:]


def is_incomparable():
    try:
        call_command("gdpr_status", "--fail-on", "incomparable", stdout=StringIO())
    except CommandError as error:
        return "incomparable" in str(error)
    return False


def test_the_status_tells_of_digests_by_another_secret():
    for word in ("one", "two"):
        token(word).delete()
    assert "by another secret" not in screen()
    assert not is_incomparable()
    replace_secret()
    token("three").delete()
    assert "  with digests of keys by another secret: 2  <- " in screen()
    assert is_incomparable()


def in_clear():
    """Write events as 1.x did, and as versions of 2.0 did before digests; return the backup of their rows."""
    for word in ("new", "old", "other"):
        token(word)
    backup = Backup(TextKey)
    log(event(DELETE, "fields.TextKey", "new"), event(DELETE, "shop.Customer", "7"))
    legacy(event(DELETE, "fields.TextKey", "old"))
    return backup


def test_keys_in_clear_are_counted_and_hidden_once_and_replayed_as_before():
    backup = in_clear()
    assert "  events with keys that are texts, in clear: 2  <- run gdpr_prune --hide-keys\n" in screen()

    assert prune("--hide-keys", "--dry-run") == ["Keys to be hidden: 2"]
    assert prune() == []
    assert keys_in_the_log() == ["new", "7", "old"]
    assert prune("--hide-keys") == ["Keys hidden: 2"]
    assert prune("--hide-keys") == ["Keys hidden: 0"]

    ours = Digests(bytes(DatabaseIdentity.objects.get().key))
    assert keys_in_the_log() == [ours.of("new", "fields.TextKey"), "7", ours.of("old", "fields.TextKey")]
    assert "in clear" not in screen()
    backup.restore()
    report = rerun()
    assert report.failed == []
    assert there() == {"other"}


def test_events_of_1x_stay_where_several_databases_share_the_alias():
    """Nobody can tell of which of them an event is, and each has a secret of its own."""
    in_clear()
    log(event(DELETE, "shop.Customer", "8"), database_id=uuid.uuid4())
    assert prune("--hide-keys") == ["Keys hidden: 1"]
    assert sum(map(is_hidden, keys_in_the_log())) == 1
    assert "old" in keys_in_the_log()
    assert "in clear" not in screen()


def test_a_key_that_is_none_of_its_model_any_more_stays_as_it_is():
    log(event(DELETE, "own.AddressKey", "ada@quill.example"))
    with mock.patch.object(AddressKey._meta.pk, "to_python", side_effect=ValueError):
        assert prune("--hide-keys") == ["Keys hidden: 0"]
    assert keys_in_the_log() == ["ada@quill.example"]
    assert "in clear: 1" in screen()
