"""What a scrub tells receivers: that it begins, and that its rows are done."""

from contextlib import contextmanager

import pytest
from django.core.management import CommandError, call_command
from django.db import OperationalError
from model_bakery import baker

from gdpr_assist.databases import compaction
from gdpr_assist.models import Scrub
from gdpr_assist.scrubbing.run import prepare, scrub
from gdpr_assist.signals import post_scrub, pre_scrub
from tests.apps.shop.models import Comment, Customer

from .logbook import customer, logged
from .observing import row

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def comment(settings):
    settings.GDPR_CAN_ANONYMISE_DATABASE = True
    return baker.make(Comment, display_name="Ada")


@contextmanager
def hearing(signal, receiver):
    signal.connect(receiver, weak=False)
    try:
        yield
    finally:
        signal.disconnect(receiver)


def run(*args):
    call_command("anonymise_db", "--noinput", "--database=default", "--model=shop.Comment", *args, verbosity=0)


def test_receivers_hear_before_the_first_row_and_after_the_last(comment, monkeypatch):
    seen = []

    def compact(models, using, anew):
        seen.append(("compacted", using, None))
        return []

    monkeypatch.setattr(compaction, "compact", compact)

    def note(what):
        return lambda sender, using, **kwargs: seen.append((what, using, row(comment)["display_name"]))

    with hearing(pre_scrub, note("before")), hearing(post_scrub, note("after")):
        run()
    assert seen == [
        ("before", "default", "Ada"),
        ("after", "default", "Anonymous user"),
        ("compacted", "default", None),
    ]


def test_each_database_is_told_of_once():
    seen = []
    work = prepare()
    with hearing(pre_scrub, lambda using, **kwargs: seen.append(using)):
        scrub(work, compact=False)
    assert len(seen) > 1
    assert seen == work.aliases


def test_a_dry_run_tells_nobody(comment):
    seen = []
    note = seen.append
    with (
        hearing(pre_scrub, lambda using, **kwargs: note(using)),
        hearing(post_scrub, lambda using, **kwargs: note(using)),
    ):
        run("--dry-run")
    assert seen == []


def fails(using, **kwargs):
    raise ValueError("Ada")


def test_nothing_is_changed_if_a_receiver_fails_before(comment):
    with hearing(pre_scrub, fails), pytest.raises(CommandError) as error:
        run()
    line = fails.__code__.co_firstlineno + 1
    assert str(error.value) == (
        "No row was changed. Mend the receiver, and run the command again. "
        f"default: a receiver of pre_scrub raised ValueError (line {line} of fails)."
    )
    assert row(comment)["display_name"] == "Ada"


def test_the_run_is_to_be_repeated_if_a_receiver_fails_after(comment, monkeypatch):
    monkeypatch.setattr(compaction, "compact", lambda models, using, anew: pytest.fail("It was compacted."))
    with hearing(post_scrub, fails), pytest.raises(CommandError) as error:
        run()
    line = fails.__code__.co_firstlineno + 1
    assert str(error.value) == (
        "All rows are anonymised, but a receiver of post_scrub did not come to its end, and nothing is compacted. "
        "Mend it. Run the command again, without --restart: it goes on where it stopped. "
        f"default: a receiver of post_scrub raised ValueError (line {line} of fails)."
    )
    assert row(comment)["display_name"] == "Anonymous user"
    assert Scrub.objects.exists()
    seen = []
    with hearing(post_scrub, lambda using, **kwargs: seen.append(using)):
        scrub(prepare(["default"], only=["shop.Comment"]), compact=False)
    assert seen == ["default"]
    assert not Scrub.objects.exists()


def test_an_error_of_a_database_in_a_receiver_is_told_without_its_text(comment):
    def refuses(using, **kwargs):
        raise OperationalError("Ada")

    with hearing(pre_scrub, refuses), pytest.raises(CommandError) as error:
        run()
    assert "No row was changed." in str(error.value)
    assert "Ada" not in str(error.value)


def test_what_a_receiver_deletes_is_not_logged(comment):
    gone, before = customer(), logged()

    def delete(using, **kwargs):
        Customer.objects.using(using).filter(pk=gone.pk).delete()

    with hearing(post_scrub, delete):
        scrub(prepare(["default"], only=["shop.Comment"]), compact=False)
    assert not Customer.objects.exists()
    assert logged() == before
