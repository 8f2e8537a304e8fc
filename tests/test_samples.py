"""Invented rows: made without the database and without the model's own code, and what is said of them."""

import pytest
from django.db.models.signals import post_init, pre_init

from gdpr_assist.invented import invented
from gdpr_assist.planning.plans import plan
from gdpr_assist.registry import registry
from gdpr_assist.samples import in_text, samples
from tests.apps.fields.models import ChoiceFields, NullBlankFields, TextKey
from tests.apps.shop.models import Customer


def test_no_code_of_the_model_is_called(monkeypatch):
    heard = []

    def hear(**kwargs):
        heard.append(kwargs)

    def fail(*args, **kwargs):
        raise AssertionError

    monkeypatch.setattr(Customer, "__init__", fail)
    for signal in (pre_init, post_init):
        signal.connect(hear, sender=Customer)
    try:
        row = invented(Customer)
    finally:
        for signal in (pre_init, post_init):
            signal.disconnect(hear, sender=Customer)
    assert heard == []
    assert (row.pk, row.email, row.name) == (17, "alex@example.org", "Alex Example")


# No database: pytest-django refuses each query here.
@pytest.mark.parametrize("model", registry.models, ids=lambda model: model._meta.label)
def test_there_is_one_of_every_model_and_it_holds_each_column(model):
    row = invented(model)
    assert set(row.__dict__) == {"_state", *(each.attname for each in model._meta.concrete_fields)}


def test_a_column_of_a_class_that_is_known_holds_a_value():
    row = invented(NullBlankFields)
    known = {name: value for name, value in row.__dict__.items() if name not in ("_state", "id")}
    assert [name for name, value in known.items() if value is None] == []


def test_what_has_choices_holds_one_of_them():
    assert invented(ChoiceFields).mood == ChoiceFields._meta.get_field("mood").choices[0][0]


@pytest.mark.parametrize("model", [TextKey, Customer])
def test_a_text_fits_its_column(model):
    row = invented(model)
    for each in model._meta.concrete_fields:
        if each.max_length and isinstance(getattr(row, each.attname), str):
            assert len(getattr(row, each.attname)) <= each.max_length


@pytest.mark.parametrize("model", registry.models, ids=lambda model: model._meta.label)
@pytest.mark.django_db
def test_of_every_model_it_is_said_what_becomes_of_it(model, django_assert_num_queries):
    if not registry.declaration(model).can_anonymise:
        return
    planned = plan(model._base_manager.all())
    assert planned.changes is not None
    with django_assert_num_queries(0):
        [sample] = samples(planned, [invented(model)], are_invented=True)
    assert len(sample.fields) == len(planned.changes)
    assert all(each.after for each in sample.fields)


@pytest.mark.parametrize(
    ("value", "text"),
    [(None, ""), (b"abc", "3 bytes"), ("two\nlines", "two lines"), ("x" * 100, "x" * 79 + "…"), (0, "0")],
)
def test_a_value_is_a_text_of_one_line(value, text):
    assert in_text(None, value) == text
