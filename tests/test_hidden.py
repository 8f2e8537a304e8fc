"""Primary keys that are texts: the log has a digest, and a replay knows the row again."""

import re

import pytest
from django.db.models import CharField

from gdpr_assist.log.hidden import Digests
from gdpr_assist.models import DatabaseIdentity, EventLog, Operation
from gdpr_assist.replay.hidden import NOT_COMPARABLE
from gdpr_assist.replay.returned import returned
from gdpr_assist.verifying.of_operation import GONE, PERHAPS, of_operation
from tests.apps.fields.models import LongKey, TextKey, UUIDKey

from .logbook import customer
from .observing import queries
from .test_replay import DELETE, Backup, event, failures, log, numbers, rerun

pytestmark = pytest.mark.django_db(transaction=True, databases=["default", "gdpr_log"])

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


def test_a_key_that_is_of_another_type_by_now_is_no_absent_row():
    log(event(DELETE, "shop.Customer", Digests(b"x").of("a-token", "shop.Customer")))
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


def test_a_verification_says_nothing_of_rows_that_it_cannot_know():
    token("a-token").delete()
    token("a-token")
    replace_secret()
    assert returned(["default"]) == []


def test_a_long_key_has_a_digest_as_long_as_any():
    LongKey.objects.create(code="x" * 300).delete()
    assert DIGEST.fullmatch(*keys_in_the_log())
    assert isinstance(LongKey._meta.pk, CharField)
