"""Receivers that hear of every model, and which of them an erasure need not tell."""

import functools
import importlib.util
import json
import os
import subprocess
import sys
from pathlib import Path
from unittest import mock

import pytest
from django.core.exceptions import ImproperlyConfigured
from django.db import transaction
from django.db.models.signals import post_delete, post_save, pre_save
from model_bakery import baker

from gdpr_assist import Generic, switches
from gdpr_assist.checks.watchers import check_E042, check_W025, check_W035
from gdpr_assist.execution.ranges import execute_in_ranges
from gdpr_assist.loading import at_first_call
from gdpr_assist.planning.plans import plan
from gdpr_assist.signals import post_anonymise, pre_anonymise, rows_anonymised
from tests.apps.people.models import Remark
from tests.apps.shop.models import Comment, Customer, GiftOrder, Order

from .observing import changed, listening, rows, unchanged

HERE = __name__


def decorated(function):
    @functools.wraps(function)
    def call(*args, **kwargs):
        return function(*args, **kwargs)

    return call


class Index:
    def __init__(self):
        self.heard = []

    def hear(self, sender, instance, **kwargs):
        if sender is Customer:  # and no receipt
            self.heard.append(instance.pk)

    @decorated
    def wrapped(self, sender, instance, **kwargs):
        self.hear(sender, instance)


INDEX = Index()


def hear(sender, instance, **kwargs):
    INDEX.hear(sender, instance)


RECEIVERS = {
    "hear": hear,
    "Index.hear": INDEX.hear,
    "Index.wrapped": INDEX.wrapped,
    "decorated hear": decorated(hear),
    "partial hear": functools.partial(hear, extra=1),
}


@pytest.fixture(autouse=True)
def heard():
    INDEX.heard = []
    return INDEX.heard


@pytest.mark.django_db
@pytest.mark.parametrize("pattern", ["name", "module"])
@pytest.mark.parametrize("signal", [pre_save, post_save], ids=["pre_save", "post_save"])
@pytest.mark.parametrize("name", RECEIVERS)
@pytest.mark.parametrize("sender", [None, Customer], ids=["every model", "one model"])
def test_a_quiet_receiver_does_not_make_it_row_by_row_and_is_not_called(
    name, signal, sender, pattern, settings, heard
):
    customer = baker.make(Customer)
    settings.GDPR_QUIET_RECEIVERS = [f"{HERE}.{name.split()[-1]}" if pattern == "name" else f"{HERE}.*"]
    with listening(signal, RECEIVERS[name], sender=sender):
        assert plan(Customer.objects.all()).way.kind == "set"
        Customer.objects.all().anonymise()
        assert heard == []
        customer.save()
    assert heard == [customer.pk]


@pytest.mark.django_db
def test_in_row_mode_all_hear(settings, heard):
    customer = baker.make(Customer)
    settings.GDPR_QUIET_RECEIVERS = [f"{HERE}.Index.hear"]

    def another(**kwargs):
        pass

    with listening(post_save, INDEX.hear, sender=None), listening(post_save, another, sender=Customer):
        assert f"post_save has receivers: {HERE}." in plan(Customer.objects.all()).way.reason
        assert "Index.hear" not in plan(Customer.objects.all()).way.reason
        Customer.objects.all().anonymise()
    assert heard == [customer.pk]


@pytest.mark.parametrize("signal", [pre_anonymise, post_anonymise], ids=["pre_anonymise", "post_anonymise"])
def test_who_asked_to_hear_of_erasures_is_never_quiet(signal, settings):
    settings.GDPR_QUIET_RECEIVERS = ["*"]
    with listening(signal, hear, sender=Customer):
        assert plan(Customer.objects.all()).way.kind == "rows"


@pytest.mark.parametrize("pattern", ["hear", HERE, f"{HERE}.Hear", f"{HERE}.hea", "Index.*"])
def test_another_name_is_not_quiet(pattern, settings):
    settings.GDPR_QUIET_RECEIVERS = [pattern]
    with listening(post_save, hear, sender=None):
        assert plan(Customer.objects.all()).way.kind == "rows"


@pytest.mark.django_db
@pytest.mark.parametrize("value", ["search.*", None, [post_save], 7])
def test_a_setting_that_is_no_list_of_names_is_an_error_and_changes_nothing(value, settings):
    baker.make(Customer)
    settings.GDPR_QUIET_RECEIVERS = value
    (found,) = check_E042()
    assert found.msg == "GDPR_QUIET_RECEIVERS is no list of names of receivers. Every erasure fails."
    assert check_W025() == []
    with (
        listening(post_save, hear, sender=None),
        unchanged(Customer),
        pytest.raises(ImproperlyConfigured, match=r"^GDPR_QUIET_RECEIVERS is no list of names"),
    ):
        Customer.objects.all().anonymise()


def test_the_check_names_receivers_of_every_model_that_are_not_quiet(settings):
    assert check_E042() == check_W025() == []
    with listening(post_save, hear, sender=None), listening(pre_save, INDEX.hear, sender=None):
        (found,) = check_W025()
        assert f"(pre_save: {HERE}.Index.hear; post_save: {HERE}.hear)" in found.msg
        settings.GDPR_QUIET_RECEIVERS = [f"{HERE}.*"]
        assert check_W025() == []
    with listening(post_save, hear, sender=Customer):
        assert check_W025() == []


# -- rows_anonymised ---------------------------------------------------------------------------


@pytest.fixture
def told():
    told = []

    def follow(sender, keys, using, **kwargs):
        assert transaction.get_connection(using).in_atomic_block
        told.append((sender, list(keys), using))

    with listening(rows_anonymised, follow):
        yield told


@pytest.mark.django_db
@pytest.mark.parametrize("model", [Customer, Comment])
def test_each_batch_is_told_once_whatever_the_way(told, model):
    made = baker.make(model, _quantity=3)
    made[1].anonymise()
    model.objects.all().anonymise()
    assert told == [(model, [made[1].pk], "default"), (model, [made[0].pk, made[2].pk], "default")]


@pytest.mark.django_db
def test_it_does_not_make_an_erasure_slow(told):
    assert plan(Customer.objects.all()).way.kind == "set"


@pytest.mark.django_db
def test_a_child_and_its_parent_are_told_of_each(told):
    gift = baker.make(GiftOrder)
    gift.anonymise()
    assert sorted(told, key=str) == sorted([(GiftOrder, [gift.pk], "default"), (Order, [gift.pk], "default")], key=str)


@pytest.mark.django_db(transaction=True)
def test_a_scrub_tells_each_range(told):
    made = baker.make(Customer, _quantity=3)
    assert list(execute_in_ranges(plan(Customer.objects.all(), force=True), 2)) == [2, 3]
    assert told == [(Customer, [each.pk for each in part], "default") for part in (made[:2], made[2:])]


@pytest.mark.django_db
def test_what_it_raises_undoes_the_erasure():
    baker.make(Customer, name="Ada")

    def fail(**kwargs):
        raise ValueError("Ada")

    with listening(rows_anonymised, fail), unchanged(Customer), pytest.raises(Exception, match="rows_anonymised") as e:
        Customer.objects.all().anonymise()
    assert "Ada" not in str(e.value)
    assert rows(Customer)[0]["name"] == "Ada"


# -- the apps whose receivers are known ----------------------------------------------------------

# Not part of every test environment: see tests/others/requirements.txt.
if importlib.util.find_spec("wagtail"):

    @pytest.fixture(scope="module")
    def site():
        environment = {**os.environ, "DJANGO_SETTINGS_MODULE": "tests.others.settings"}
        root = str(Path(__file__).parents[1])
        environment["PYTHONPATH"] = os.pathsep.join(filter(None, [root, environment.get("PYTHONPATH")]))
        done = subprocess.run(
            [sys.executable, "-W", "ignore", "-m", "tests.others.look"],
            cwd=root,
            env=environment,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)

    def test_they_leave_an_erasure_in_sets(site):
        assert (site["way"], site["others"]) == ("set", {})

    def test_each_known_one_is_there_and_does_nothing_with_a_row_that_is_saved(site):
        assert site["changed"] == {name: [] for name in site["harmless"]}


def of_an_app(name):
    """Return a receiver of this name."""

    def receiver(**kwargs):
        pass

    receiver.__module__, receiver.__qualname__ = name.rsplit(".", 1)
    return receiver


def test_gdpr_assist_W035():
    with mock.patch.dict(switches._switches, {"auditlog": switches.Switch(name="auditlog")}):
        with listening(post_delete, of_an_app("auditlog.receivers.log_delete"), Customer):
            (found,) = check_W035()
        assert (found.id, found.obj) == ("gdpr_assist.W035", Customer)
        assert found.msg.startswith("shop.Customer: auditlog.receivers.log_delete hears of a deleted row after ")
        with listening(post_delete, of_an_app("shop.receivers.log_delete"), Customer):
            assert check_W035() == []


class TestOwnReceiversBehind:
    """gdpr_assist.W035, where a table of copies is declared: a receiver of the project's own may write into it."""

    @pytest.fixture(autouse=True)
    def _copies(self):
        with changed(Remark, subject=None, copy_of=Generic("content_type", "object_id")):
            yield

    def named(self, name):
        with listening(post_delete, of_an_app(name), Customer):
            return [(each.id, each.obj, each.msg.split(" hears ")[0]) for each in check_W035()]

    def test_it_is_named(self):
        expected = "shop.Customer: shop.receivers.log_delete"
        assert self.named("shop.receivers.log_delete") == [("gdpr_assist.W035", Customer, expected)]

    @pytest.mark.parametrize("name", ["django.db.models.signals.count", "model_bakery.baker.make"])
    def test_one_of_a_package_is_not(self, name):
        assert self.named(name) == []

    def test_nor_does_a_quiet_one(self, settings):
        settings.GDPR_QUIET_RECEIVERS = ["shop.receivers.*"]
        assert self.named("shop.receivers.log_delete") == []

    def test_one_that_hears_of_it_before_is_in_time(self):
        with (
            mock.patch.object(post_delete, "receivers", []),
            mock.patch.object(post_delete, "sender_receivers_cache", type(post_delete.sender_receivers_cache)()),
            listening(post_delete, of_an_app("shop.receivers.log_delete"), Customer),
            listening(post_delete, at_first_call("gdpr_assist.receivers.end_deletion"), Customer),
        ):
            assert check_W035() == []


def test_gdpr_assist_W035_is_content_with_who_hears_of_it_before():
    earlier = of_an_app("auditlog.receivers.log_delete")
    with (
        mock.patch.dict(switches._switches, {"auditlog": switches.Switch(name="auditlog")}),
        mock.patch.object(post_delete, "receivers", []),
        mock.patch.object(post_delete, "sender_receivers_cache", type(post_delete.sender_receivers_cache)()),
        listening(post_delete, earlier, Customer),
        listening(post_delete, at_first_call("gdpr_assist.receivers.end_deletion"), Customer),
    ):
        assert check_W035() == []
