"""What a model is called in the log, and that a replay finds it after it was renamed."""

import django
import pytest
from model_bakery import baker

from gdpr_assist.registry import registry
from tests.apps.shop.models import Comment, Customer, GiftOrder, Order, Supplier
from tests.apps.thirdparty.models import Device
from tests.logbook import committing, customer, deleted, logged
from tests.observing import row
from tests.test_replay import ANONYMISE, DELETE, GONE, Backup, event, failures, log, numbers, rerun

pytestmark = pytest.mark.django_db

UNREGISTERED = "the model is not registered any more"


def declared(**attributes):
    """Register Device with these attributes for the time of a block."""
    return registry.registered(Device, type("PrivacyMeta", (), {"fields": ["owner", "address"], **attributes}))


@pytest.fixture
def device():
    return Device.objects.create(owner="Ada", address="192.0.2.7")


def test_a_model_is_logged_by_its_own_label(device):
    with declared(), committing():
        device.anonymise()
    assert logged() == [("default", {("anonymise", "thirdparty.Device", str(device.pk))}, True)]


class TestLogLabel:
    def test_is_what_is_logged(self, device):
        key = device.pk
        with declared(log_label="inventory.Gadget"), committing():
            device.anonymise()
            device.delete()
        label = "inventory.Gadget"
        assert [events for _, events, _ in logged()] == [{("anonymise", label, str(key))}, {deleted(label, key)}]

    def test_finds_the_model_again(self, device):
        backup = Backup(Device)
        with declared(log_label="inventory.Gadget"):
            with committing():
                device.anonymise()
            backup.restore()
            assert row(device)["owner"] == "Ada"
            assert numbers(rerun()) == (1, 0, 0)
        assert row(device)["owner"] != "Ada"

    def test_rows_from_before_it_was_set_are_found_by_the_models_own_label(self, device):
        log(event(DELETE, "thirdparty.Device", device.pk))
        with declared(log_label="inventory.Gadget"):
            assert numbers(rerun()) == (1, 0, 0)
        assert not Device.objects.exists()

    def test_a_replay_tells_what_went_by_cascade_under_the_models_own_label(self, monkeypatch):
        monkeypatch.setattr(registry.declaration(Comment).meta, "log_label", "forum.Post", raising=False)
        person = customer()
        baker.make(Comment, author=person)
        log(event(DELETE, person))
        assert rerun().cascaded == {"shop.Comment": 1}


class TestFormerLabels:
    @pytest.mark.parametrize("kind", [ANONYMISE, DELETE])
    def test_a_renamed_model_is_found(self, kind, device):
        log(event(kind, "thirdparty.Gadget", device.pk))
        with declared(former_labels=["thirdparty.Gadget"]):
            assert numbers(rerun()) == (1, 0, 0)
        assert not Device.objects.filter(owner="Ada").exists()

    def test_a_model_that_moved_twice_is_found(self, device):
        other = Device.objects.create(owner="Ada", address="192.0.2.8")
        log(event(DELETE, "inventory.Device", device.pk))
        log(event(DELETE, "stock.Gadget", other.pk))
        with declared(former_labels=["inventory.Device", "stock.Gadget"]):
            assert numbers(rerun()) == (2, 0, 0)
        assert not Device.objects.exists()

    def test_case_makes_no_difference(self, device):
        """1.x and Django's content types write model names in lower case."""
        log(event(DELETE, "thirdparty.gadget", device.pk))
        with declared(former_labels=["thirdparty.Gadget"]):
            assert numbers(rerun()) == (1, 0, 0)

    def test_a_label_that_another_model_has_today_is_that_models(self, device):
        """Renaming two models into each other's names: the label that is written today counts."""
        supplier = baker.make(Supplier, pk=device.pk)
        log(event(DELETE, "shop.Supplier", supplier.pk))
        with declared(former_labels=["shop.Supplier"]):
            rerun()
        assert Device.objects.exists()
        assert not Supplier.objects.exists()

    def test_new_rows_are_logged_by_the_new_label(self, device):
        with declared(former_labels=["thirdparty.Gadget"]), committing():
            device.anonymise()
        assert {label for _, events, _ in logged() for _, label, _ in events} == {"thirdparty.Device"}


class TestNotFound:
    """It is reported, the rest is applied, and nothing is decided about it: with the label listed, it is applied."""

    def check(self, label, reason, key=1):
        operation = log(event(DELETE, label, key), age=1)
        bystander = baker.make(Supplier)
        log(event(DELETE, bystander))
        report = rerun()
        assert failures(report) == [(operation, label, reason)]
        assert report.applied == 1
        assert not Supplier.objects.exists()

    def test_a_removed_model(self):
        self.check("shop.Gone", GONE)

    def test_a_removed_app(self):
        self.check("gone.Customer", GONE)

    def test_a_model_that_is_not_registered_any_more(self, device):
        self.check("thirdparty.Device", UNREGISTERED, device.pk)
        assert Device.objects.filter(pk=device.pk).exists()

    def test_a_key_of_another_type(self):
        """The key was a uuid when it was logged, and is a number today."""
        self.check(
            "shop.Customer",
            "the primary key is of another type now",
            "2f0d4cb2-2f86-4c35-a6c1-3a1d0d1d8f3e",
        )

    def test_it_is_applied_once_the_label_is_listed(self, device):
        log(event(DELETE, "thirdparty.Gadget", device.pk))
        with declared():
            assert numbers(rerun()) == (0, 0, 1)
        with declared(former_labels=["thirdparty.Gadget"]):
            assert numbers(rerun()) == (1, 0, 0)
        assert not Device.objects.exists()


class TestChildren:
    """A multi-table child that declares nothing of its own shares its parent's PrivacyMeta, not its label."""

    def test_each_has_its_own_label(self, monkeypatch):
        monkeypatch.setattr(registry.declaration(Order).meta, "log_label", "sales.Order", raising=False)
        monkeypatch.setattr(registry.declaration(Order).meta, "former_labels", ["sales.Old"], raising=False)
        assert registry.log_label(Order) == "sales.Order"
        assert registry.find("sales.order") is Order
        assert registry.log_label(GiftOrder) == "shop.GiftOrder"
        assert registry.find("shop.giftorder") is GiftOrder
        assert registry.find("sales.old") is Order


if django.VERSION >= (5, 2):
    from tests.apps.fields.models import CompositeKey

    def test_a_composite_key_under_a_former_label():
        declaration = {"can_anonymise": False, "fields": ["name", "email"], "former_labels": ["fields.Pair"]}
        with registry.registered(CompositeKey, type("PrivacyMeta", (), declaration)):
            CompositeKey.objects.create(tenant=1, number=2, name="Ada", email="ada@quill.example")
            CompositeKey.objects.create(tenant=2, number=1, name="Bea", email="bea@quill.example")
            log(event(DELETE, "fields.Pair", '["1", "2"]'))
            assert numbers(rerun()) == (1, 0, 0)
            assert list(CompositeKey.objects.values_list("tenant", "number")) == [(2, 1)]


def test_an_unknown_event_is_reported_whatever_its_model():
    person = customer()
    operation = log(event("shred", person))
    assert failures(rerun()) == [(operation, "shop.Customer", "the event is unknown")]
    assert Customer.all_objects.filter(pk=person.pk).exists()
